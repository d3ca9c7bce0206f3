#include "sim/experiments/preference_tree.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include <boost/random/binomial_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/algorithm/pessimistic_value.hpp>
#include <rto/algorithm/value_pessimism.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/theory/concentrability.hpp>
#include <rto/theory/feature_evaluation.hpp>
#include <rto/theory/suboptimality.hpp>

namespace rto::sim {

namespace {

using array_2d = eigen_array<double>;
using matrix = eigen_matrix<double>;

array_2d normal_array(Eigen::Index rows, Eigen::Index cols, stream& rng) {
  boost::random::normal_distribution<double> normal;
  array_2d x(rows, cols);
  for (double& v : x.reshaped()) v = normal(rng);
  return x;
}

// Normal entries, rows longer than 1 scaled to norm 1.
array_2d bounded_features(Eigen::Index rows, Eigen::Index cols, stream& rng) {
  array_2d x = normal_array(rows, cols, rng) / std::sqrt(static_cast<double>(cols));
  for (Eigen::Index i = 0; i < rows; ++i) x.row(i) /= std::max(1.0, std::sqrt(x.row(i).square().sum()));
  return x;
}

bool has_last_token_feature(edge_features kind) {
  return kind == edge_features::missed_harmful || kind == edge_features::missed_beneficial;
}

array_2d draw_features(const preference_tree_shape& shape, const token_trie& tree, stream& rng) {
  const Eigen::Index edges = tree.states() * tree.actions();
  if (shape.features == edge_features::tabular) return matrix::Identity(edges, edges).array();
  if (shape.features == edge_features::fixed_length) {
    // Second feature: +0.7 on the first token 1, -0.7 on both tokens after it: no trajectory shows it.
    boost::random::uniform_real_distribution<double> uniform(-0.7, 0.7);
    array_2d x = array_2d::Zero(edges, 2);
    for (Eigen::Index e = 0; e < edges; ++e) x(e, 0) = uniform(rng);
    const Eigen::Index after = tree.child(0, 1) * tree.actions();
    x(1, 1) = 0.7;
    x(after, 1) = x(after + 1, 1) = -0.7;
    return x;
  }
  array_2d x = bounded_features(edges, shape.dimension, rng);
  if (has_last_token_feature(shape.features))
    for (Eigen::Index e = 0; e < edges; ++e) x(e, shape.dimension - 1) = (e + 1) % tree.actions() == 0 ? 1 : 0;
  return x;
}

matrix draw_theta(const preference_tree_shape& shape, Eigen::Index d, stream& rng) {
  if (shape.features == edge_features::fixed_length) return matrix{{1.0}, {0.0}};
  matrix theta = normal_array(d, 1, rng).matrix();
  if (has_last_token_feature(shape.features)) {
    theta(d - 1, 0) = 0;
    theta *= shape.norm / theta.norm();
    theta(d - 1, 0) = shape.features == edge_features::missed_harmful ? -shape.norm : shape.norm;
    return theta;
  }
  return theta * (shape.norm / theta.norm());
}

// All trajectories below a node, depth first.
void list_trajectories(preference_tree& t, std::int64_t prompt, std::int64_t node, double probability,
                       std::vector<std::int64_t>& edges, std::vector<std::vector<std::int64_t>>& all) {
  for (std::int64_t token = 0; token < t.tree.actions(); ++token) {
    const double here = probability * std::exp(t.log_reference(node, token));
    edges.push_back(node * t.tree.actions() + token);
    const std::int64_t next = t.tree.child(node, token);
    if (next == token_trie::ended) {
      all.push_back(edges);
      t.prompt.push_back(prompt);
      t.probability.push_back(here);
      t.last_tokens.push_back(static_cast<double>(
          std::count_if(edges.begin(), edges.end(), [&](std::int64_t e) { return (e + 1) % t.tree.actions() == 0; })));
    } else {
      list_trajectories(t, prompt, next, here, edges, all);
    }
    edges.pop_back();
  }
}

array_2d reward_of(const preference_tree& t, const matrix& features, const matrix& theta) {
  const matrix r = linear_reward(features, theta);
  return r.array().reshaped<Eigen::RowMajor>(t.tree.states(), t.tree.actions());
}

}  // namespace

preference_tree_shape draw_shape(stream& rng) {
  const auto uniform = [&](std::int64_t low, std::int64_t high) {
    return boost::random::uniform_int_distribution<std::int64_t>(low, high)(rng);
  };
  const auto log_uniform = [&](double low, double high) {
    return std::exp(boost::random::uniform_real_distribution<double>(std::log(low), std::log(high))(rng));
  };
  preference_tree_shape shape;
  shape.actions = uniform(2, 3);
  shape.horizon = uniform(1, 3);
  shape.eos = uniform(-1, 0);
  shape.features = uniform(0, 4) == 0 ? edge_features::tabular : edge_features::gaussian;
  shape.dimension = uniform(1, 5);
  shape.beta = log_uniform(0.1, 5);
  shape.norm = log_uniform(0.2, 2);
  if (uniform(0, 2) == 0) shape.rho = {0.25, 0.75};
  return shape;
}

preference_tree make_preference_tree(const preference_tree_shape& shape, stream& rng) {
  preference_tree t{
      .tree = full_trie({.actions = shape.actions, .horizon = shape.horizon, .eos = shape.eos, .rho = shape.rho}),
      .beta = shape.beta};
  t.log_reference = shape.features == edge_features::fixed_length
                        ? array_2d::Constant(t.tree.states(), t.tree.actions(), -std::log(2.0))
                        : log_softmax(normal_array(t.tree.states(), t.tree.actions(), rng));
  t.features = draw_features(shape, t.tree, rng);
  t.theta = draw_theta(shape, t.features.cols(), rng);
  t.reward = reward_of(t, t.features.matrix(), t.theta);
  t.optimum = plan(t.tree, t.log_reference, t.reward, {.beta = t.beta});
  t.visits = occupancy(t.tree, t.optimum.log_policy);
  t.kernel = find_structural_kernel(t.tree, t.features);
  std::vector<std::vector<std::int64_t>> all;
  std::vector<std::int64_t> edges;
  const auto roots = t.tree.roots();
  for (std::size_t k = 0; k < roots.size(); ++k)
    list_trajectories(t, static_cast<std::int64_t>(k), roots[k], shape.rho[k], edges, all);
  t.trajectory_features = sum_rows(t.features, std::span<const std::vector<std::int64_t>>(all)).matrix();
  return t;
}

comparison_set<matrix> draw_comparisons(const preference_tree& t, const std::vector<double>& probability,
                                        std::int64_t n, stream& rng) {
  std::map<std::int64_t, double> mass;  // of each prompt
  double total = 0;
  for (std::size_t i = 0; i < probability.size(); ++i) mass[t.prompt[i]] += probability[i], total += probability[i];
  // Multinomial counts of the unordered pairs, one conditional binomial after the other; a pair of equal trajectories
  // carries no information and only uses up its share.
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  std::vector<double> counts;
  double left = 1;
  std::int64_t remaining = n;
  const auto draw = [&](double share) {
    const double p = left > 0 ? std::clamp(share / left, 0.0, 1.0) : 0.0;
    const std::int64_t count =
        remaining > 0 && p > 0 ? boost::random::binomial_distribution<std::int64_t, double>(remaining, p)(rng) : 0;
    left -= share;
    remaining -= count;
    return count;
  };
  for (std::size_t i = 0; i < probability.size(); ++i)
    for (std::size_t j = i; j < probability.size(); ++j) {
      if (t.prompt[i] != t.prompt[j]) continue;
      const double share = probability[i] * probability[j] / (mass[t.prompt[i]] * total) * (i == j ? 1 : 2);
      const std::int64_t count = draw(share);
      if (i == j || count == 0) continue;
      pairs.emplace_back(i, j);
      counts.push_back(static_cast<double>(count));
    }
  const auto rows = static_cast<Eigen::Index>(pairs.size());
  comparison_set<matrix> comparisons{matrix(rows, t.features.cols()), matrix(rows, 1), matrix(rows, 1)};
  for (Eigen::Index k = 0; k < rows; ++k) {
    const auto [i, j] = pairs[static_cast<std::size_t>(k)];
    comparisons.features.row(k) = t.trajectory_features.row(static_cast<Eigen::Index>(i)) -
                                  t.trajectory_features.row(static_cast<Eigen::Index>(j));
    comparisons.weight(k, 0) = counts[static_cast<std::size_t>(k)];
  }
  redraw_labels(t, comparisons, rng);
  return comparisons;
}

void redraw_labels(const preference_tree& t, comparison_set<matrix>& comparisons, stream& rng) {
  const matrix margin = linear_reward(comparisons.features, t.theta);
  for (Eigen::Index k = 0; k < margin.rows(); ++k) {
    const auto count = static_cast<std::int64_t>(comparisons.weight(k, 0));
    const double p = bradley_terry_probability(margin(k, 0), 0.0);
    const auto wins = boost::random::binomial_distribution<std::int64_t, double>(count, p)(rng);
    comparisons.label(k, 0) = static_cast<double>(wins) / static_cast<double>(count);
  }
}

learned_reward learn(const comparison_set<matrix>& comparisons, const preference_tree& t, double bound, double lambda,
                     double delta) {
  learned_reward learned;
  learned.estimate = reward_mle(comparisons, {.bound = bound});
  const matrix repeated = array::scale_rows(comparisons.features, matrix(comparisons.weight.cwiseSqrt()));
  learned.covariance = make_regularized_covariance(repeated, lambda);
  learned.formula_radius = confidence_radius(comparisons, learned.estimate.rank, bound, lambda, delta);
  const matrix error = learned.estimate.theta - t.theta;
  learned.error = error.norm();
  learned.oracle_radius = std::sqrt(inner_product(error, matrix(learned.covariance.matrix * error)));
  return learned;
}

theorem_42_terms run_algorithm_1(const preference_tree& t, const learned_reward& learned, double radius,
                                 bool quotient) {
  const auto run = pessimistic_reward_planning(t.tree, t.log_reference, t.features, learned.estimate,
                                               learned.covariance, radius, t.beta, quotient);
  const array_2d& log_policy = run.plan.log_policy;
  // With quotient features everything is said about the rewards <theta, P phi>: another constant for each prompt.
  const matrix phi = t.features.matrix();
  const matrix psi = quotient ? quotient_features(t.kernel, phi) : phi;
  const array_2d reward = reward_of(t, psi, t.theta);
  const array_2d estimated = reward_of(t, psi, learned.estimate.theta) - radius * run.bonus;

  const auto visits = occupancy(t.tree, log_policy);
  const double j_star = t.optimum.objective;
  const double j_hat = evaluate_policy(t.tree, log_policy, t.log_reference, t.reward, t.beta).objective;
  theorem_42_terms out;
  out.suboptimality = j_star - j_hat;
  out.coverage = expected_bonus(t.visits.state_action_visits, run.bonus);
  out.kl = expected_sum(t.visits.visits, kl_divergence(t.optimum.log_policy, log_policy));
  const suboptimality_bound bound = pessimism_bound(radius, out.coverage, t.beta, out.kl);
  out.coverage_bound = bound.coverage;
  out.bound = bound.total();
  const suboptimality_terms terms = decompose_suboptimality(t.visits.state_action_visits, visits.state_action_visits,
                                                            reward, estimated, t.beta, out.kl);
  out.scale = std::max({1.0, std::abs(terms.reward_error_of_optimum), std::abs(terms.reward_error_of_policy),
                        std::abs(terms.planning), bound.coverage});

  const array_2d error = reward - estimated;
  const double j_hat_of_optimum =
      evaluate_policy(t.tree, t.optimum.log_policy, t.log_reference, estimated, t.beta).objective;
  const double j_hat_of_policy = evaluate_policy(t.tree, log_policy, t.log_reference, estimated, t.beta).objective;
  const double divergence = suboptimality_gap_divergence(t.tree, t.optimum, log_policy, t.beta);
  out.identity_error = std::abs(out.suboptimality - terms.total()) / out.scale;
  out.pointwise_violation = std::max((-error).maxCoeff(), (error - 2 * radius * run.bonus).maxCoeff()) / out.scale;
  out.term_i_violation = (terms.reward_error_of_optimum - bound.coverage) / out.scale;
  out.term_ii_violation = terms.reward_error_of_policy / out.scale;
  out.term_iii_error =
      std::max(std::abs(terms.planning - (j_hat_of_optimum - j_hat_of_policy)), terms.planning) / out.scale;
  out.bound_violation = (out.suboptimality - out.bound) / out.scale;
  out.divergence_error = std::max(std::abs(out.suboptimality - divergence), -out.suboptimality) / out.scale;
  out.kl_violation = (t.beta * out.kl - bound.coverage) / out.scale;
  out.fast_rate_violation = (out.suboptimality - fast_rate_bound(t.tree, t.log_reference, error, t.beta)) / out.scale;
  // The difference of the two values loses all digits where it is tiny; the identity E6 just checked does not.
  out.suboptimality = divergence;
  return out;
}

matrix expected_reference_features(const preference_tree& t) {
  return evaluate_features(t.tree, t.log_reference, t.features).expectation;
}

theorem_b1_terms run_value_pessimism(const preference_tree& t, const learned_reward& learned, double radius,
                                     const matrix& reference, std::int64_t perturbations, stream& rng) {
  const matrix& theta = learned.estimate.theta;
  const auto saddle = value_pessimism(t.tree, t.log_reference, t.features, theta, learned.covariance, reference,
                                      {.beta = t.beta, .radius = radius});
  const array_2d& log_policy = saddle.plan.log_policy;
  theorem_b1_terms out;
  out.converged = saddle.converged;
  out.suboptimality = suboptimality_gap_divergence(t.tree, t.optimum, log_policy, t.beta);
  const matrix expected = evaluate_features(t.tree, t.optimum.log_policy, t.features).expectation;
  out.coverage = value_coverage(expected, reference, learned.covariance);
  const double kl = expected_sum(t.visits.visits, kl_divergence(t.optimum.log_policy, log_policy));
  const suboptimality_bound bound = pessimism_bound(radius, out.coverage, t.beta, kl);
  out.coverage_bound = bound.coverage;
  out.bound = bound.total();
  out.scale = std::max({1.0, std::abs(saddle.objective), bound.coverage});
  out.duality_error = std::abs(saddle.objective - saddle.pessimistic_value) / out.scale;
  out.printed_violation = (out.suboptimality - bound.coverage) / out.scale;
  out.bound_violation = (out.suboptimality - out.bound) / out.scale;
  out.perturbation_gain = -detail::infinity;
  for (std::int64_t k = 0; k < perturbations; ++k) {
    const double size = std::pow(0.3, static_cast<double>(k % 6));  // from another policy to nearly the same
    const array_2d other =
        log_softmax(array_2d(log_policy + size * normal_array(t.tree.states(), t.tree.actions(), rng)));
    const auto value = evaluate_linear_policy(t.tree, other, t.log_reference, t.features, theta, t.beta);
    out.perturbation_gain =
        std::max(out.perturbation_gain,
                 (pessimistic_value(value, theta, learned.covariance, reference, radius) - saddle.pessimistic_value) /
                     out.scale);
  }
  return out;
}

double kernel_bonus_error(const preference_tree& t, const learned_reward& learned) {
  const matrix phi = t.features.matrix(), psi = quotient_features(t.kernel, phi);
  const array_2d all = elliptical_norms(phi, learned.covariance).array().square();
  const array_2d visible = elliptical_norms(psi, learned.covariance).array().square();
  const array_2d hidden = (phi - psi).rowwise().squaredNorm().array() / learned.covariance.lambda;
  return ((all - visible - hidden).abs() / all).maxCoeff();
}

}  // namespace rto::sim
