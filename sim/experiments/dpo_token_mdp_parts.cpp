// The replicates of the claim eq-4.3-4.6.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/mdp/trajectory.hpp>
#include <rto/planning/delayed_reward.hpp>
#include <rto/planning/shaped_reward.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/reward/implicit_reward.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/experiments/dpo_token_mdp.hpp"
#include "sim/experiments/random_planning_problem.hpp"
#include "sim/experiments/tabular_dpo.hpp"

namespace rto::sim {
namespace {

using state_table = eigen_array<double>;
using matrix = eigen_matrix<double>;

constexpr double forbidden = -std::numeric_limits<double>::infinity();
constexpr int paths_per_instance = 20;

state_table normal_table(std::int64_t rows, std::int64_t cols, double scale, stream& rng) {
  boost::random::normal_distribution<double> normal;
  state_table x(rows, cols);
  for (Eigen::Index k = 0; k < x.size(); ++k) x.data()[k] = scale * normal(rng);
  return x;
}

double largest_difference(const state_table& x, const state_table& y) { return (x - y).abs().maxCoeff(); }
double policy_difference(const state_table& log_x, const state_table& log_y) {
  return largest_difference(probabilities(log_x), probabilities(log_y));
}

// Calls visit(prompt, edges) for every trajectory; an edge is node A + token.
template <class Visit> void for_each_trajectory(const token_trie& trie, Visit&& visit) {
  std::vector<std::int64_t> edges;
  const auto extend = [&](const auto& self, std::int64_t root, std::int64_t node) -> void {
    for (std::int64_t token = 0; token < trie.actions(); ++token) {
      edges.push_back(node * trie.actions() + token);
      const std::int64_t child = trie.child(node, token);
      if (child == token_trie::ended)
        visit(root, std::as_const(edges));
      else
        self(self, root, child);
      edges.pop_back();
    }
  };
  for (const std::int64_t root : trie.roots()) extend(extend, root, root);
}

// One row for every trajectory, 1 at its edges: sums of a state_table along them are a product.
matrix incidence(const token_trie& trie) {
  std::vector<std::vector<std::int64_t>> all;
  for_each_trajectory(trie, [&](std::int64_t, const std::vector<std::int64_t>& edges) { all.push_back(edges); });
  matrix on = matrix::Zero(static_cast<Eigen::Index>(all.size()), trie.states() * trie.actions());
  for (std::size_t k = 0; k < all.size(); ++k)
    for (const std::int64_t edge : all[k]) on(static_cast<Eigen::Index>(k), edge) = 1;
  return on;
}

// The instances on which rewards, coefficients and critics are compared: all prefixes of up to four of three tokens,
// one of them ending the sequence, two prompts; normal rewards.
struct tree_instance {
  token_trie trie;
  state_table log_reference, reward;
  double beta;
};
tree_instance draw_tree(stream& rng) {
  token_trie trie = full_trie({.actions = 3, .horizon = 4, .eos = 2, .rho = {0.4, 0.6}});
  const std::int64_t n = trie.states();
  state_table log_reference = policy_from_logits(normal_table(n, 3, 1, rng));
  state_table reward = normal_table(n, 3, 1, rng);
  const double beta = std::pow(10.0, -boost::random::uniform_01<double>()(rng));  // 0.1 to 1
  return {std::move(trie), std::move(log_reference), std::move(reward), beta};
}

}  // namespace

json replicate_identity(const json& point, stream& rng) {
  const double beta = to_number(point.at("beta"), "beta");
  const auto problem = draw_problem(point.at("kind"), rng);
  const auto optimum = problem.plan(beta);
  const state_table log_policy = draw_policy(problem, rng);
  const state_table implicit = implicit_reward(optimum.log_policy, problem.log_reference, beta);
  const state_table zero = state_table::Zero(problem.states(), problem.actions());
  const double scale = std::max({optimum.value.abs().maxCoeff(), problem.reward.abs().maxCoeff(), beta});
  return std::visit(
      [&](const auto& mdp) -> json {
        const state_table allowed = (problem.log_reference > forbidden).cast<double>();
        const state_table shaped = shaped_reward(mdp, problem.reward, optimum.value);
        const double edge = largest_difference(allowed * implicit, allowed * shaped) / scale;

        // (*) of an edge and its outcome is E[V*(s')] - V*(s'); its variance given the edge is E[V*^2] - (E V*)^2.
        const auto expected_next = [&](const state_table& value) -> state_table {
          return shaped_reward(mdp, zero, value) + value.replicate(1, zero.cols());
        };
        const state_table expected = expected_next(optimum.value);
        const state_table spread =
            (expected_next(state_table(optimum.value - optimum.value.mean()).square()) -
             (expected - optimum.value.mean() * expected_next(state_table::Ones(zero.rows(), 1))).square())
                .max(0.0);
        const auto mean = [&](const state_table& x) {  // E of the sum along a trajectory of the random policy
          return evaluate_policy(mdp, log_policy, problem.log_reference, x, 0).objective;
        };
        const auto start = mdp.start_distribution();
        double start_value = 0;
        for (std::size_t s = 0; s < start.size(); ++s)
          start_value += start[s] * optimum.value(static_cast<Eigen::Index>(s), 0);
        const double mean_star = mean(allowed * implicit) - (mean(problem.reward) - start_value);

        // Trajectories of the random policy.
        double with_star = 0, without_star = 0, largest_star = 0;
        tabular_sampler sampler(mdp, log_policy);
        for (int k = 0; k < paths_per_instance; ++k) {
          const auto path = sample_trajectory(mdp, sampler, rng);
          double left = 0, star = 0, right = -optimum.value(mdp.row(path.states.front()), 0);
          for (std::size_t t = 0; t < path.states.size(); ++t) {
            const auto row = mdp.row(path.states[t]);
            const auto token = path.response.tokens[t];
            left += implicit(row, token);
            right += problem.reward(row, token);
            const bool last = t + 1 == path.states.size();
            star += expected(row, token) - (last ? 0 : optimum.value(mdp.row(path.states[t + 1]), 0));
          }
          with_star = std::max(with_star, std::abs(left - right - star));
          without_star = std::max(without_star, std::abs(left - right));
          largest_star = std::max(largest_star, std::abs(star));
        }
        return {{"states", problem.states()},
                {"edge", edge},
                {"control", largest_difference(allowed * implicit, allowed * problem.reward) / scale},
                {"trajectory", with_star / scale},
                {"without_star", without_star / scale},
                {"largest_star", largest_star / scale},
                {"mean_star", std::abs(mean_star) / scale},
                {"sd_star", std::sqrt(mean(spread)) / scale}};
      },
      problem.mdp);
}

json replicate_lottery(const json& point, stream& rng) {
  constexpr std::int64_t arms = 3, outcomes = 4;
  constexpr double beta = 0.5;
  const double spread = to_number(point.at("spread"), "spread");
  // One choice among the arms, then one of four outcomes at random, each with its reward. States 0 .. 3 of the second
  // step are the outcomes; there a single token is possible.
  matrix transitions = matrix::Zero(outcomes * arms, outcomes);
  transitions.topRows(arms) = probabilities(policy_from_logits(normal_table(arms, outcomes, 1, rng))).matrix();
  transitions.bottomRows((outcomes - 1) * arms).col(0).setOnes();
  const state_table arm_reward = normal_table(1, arms, 1, rng), outcome_reward = normal_table(outcomes, 1, spread, rng);
  const state_table arm_reference = policy_from_logits(normal_table(1, arms, 1, rng));
  const matrix chance = transitions.topRows(arms);
  const finite_mdp<matrix> mdp(arms, 2, {1, 0, 0, 0}, {transitions});
  state_table log_reference = state_table::Constant(mdp.states(), arms, forbidden),
              reward = state_table::Zero(mdp.states(), arms);
  log_reference.col(0).setZero();
  log_reference.row(0) = arm_reference.row(0);
  reward.row(0) = arm_reward.row(0);
  reward.bottomRows(outcomes) = outcome_reward.replicate(1, arms);
  const auto optimum = rto::plan(mdp, log_reference, reward, {.beta = beta});

  // All preferences of the population: DPO sees which of two trajectories won, and its margin depends on the arms only,
  // since the last token was never a choice.
  dpo_problem dpo{.log_reference = arm_reference, .features = matrix::Identity(arms, arms), .beta = beta};
  dpo.difference = matrix::Zero(arms, arms);
  dpo.label = dpo.weight = matrix::Zero(arms, 1);
  Eigen::Index pair = 0;
  state_table best_margin(arms, 1);
  for (Eigen::Index a = 0; a < arms; ++a)
    for (Eigen::Index b = a + 1; b < arms; ++b, ++pair) {
      dpo.difference(pair, a) = 1, dpo.difference(pair, b) = -1;
      dpo.weight(pair, 0) = std::exp(arm_reference(0, a) + arm_reference(0, b));
      for (Eigen::Index k = 0; k < outcomes; ++k)
        for (Eigen::Index l = 0; l < outcomes; ++l)
          dpo.label(pair, 0) += chance(a, k) * chance(b, l) *
                                bradley_terry_probability(arm_reward(0, a) + outcome_reward(k, 0),
                                                          arm_reward(0, b) + outcome_reward(l, 0));
      best_margin(pair, 0) = optimum.action_value(0, a) - optimum.action_value(0, b);
    }
  const dpo_fit fit = fit_dpo(dpo);
  state_table log_policy = log_reference;
  log_policy.row(0) = fit.log_policy.row(0);
  const double gap = suboptimality_gap_divergence(mdp, optimum, log_policy, beta);
  // Which arm the learned reward prefers, against which is best.
  const state_table learned = fit.log_policy - arm_reference;
  Eigen::Index first_learned = 0, first_best = 0;
  learned.row(0).maxCoeff(&first_learned), optimum.action_value.row(0).maxCoeff(&first_best);
  return {{"converged", fit.converged ? 1 : 0},
          {"margin_error", largest_difference(fit.margin, best_margin)},
          {"gradient_at_optimum", dpo_gradient_norm(dpo, state_table(optimum.log_policy.row(0)))},
          {"margin_scale", best_margin.abs().maxCoeff()},
          {"suboptimality", gap / beta},
          {"wrong_choice", first_learned == first_best ? 0 : 1}};
}

json replicate_shaping(const json& point, stream& rng) {
  const double coefficient = to_number(point.at("coefficient"), "coefficient");
  auto problem = draw_problem(point.at("kind"), rng);
  const double scale = problem.reward.abs().maxCoeff();
  const auto plain = problem.plan(coefficient);
  const state_table policy = draw_policy(problem, rng);
  const bool finite = coefficient < std::numeric_limits<double>::infinity();
  const auto value = [&] {
    return finite ? problem.evaluate(policy, coefficient).value : problem.plan(coefficient).value;
  };
  const state_table worth = value(), reward = problem.reward;

  const state_table potential = normal_table(problem.states(), 1, scale, rng);
  problem.reward = std::visit([&](const auto& mdp) { return shaped_reward(mdp, reward, potential); }, problem.mdp);
  const auto shaped = problem.plan(coefficient);
  const state_table shaped_worth = value();

  // The control: as large a change that is no potential.
  problem.reward = reward + normal_table(problem.states(), problem.actions(), scale, rng);
  const auto other = problem.plan(coefficient);
  const double size = std::max(scale, worth.abs().maxCoeff());
  return {{"policy", policy_difference(shaped.log_policy, plain.log_policy)},
          {"value", largest_difference(shaped.value, plain.value - potential) / size},
          {"policy_value", largest_difference(shaped_worth, worth - potential) / size},
          {"control", policy_difference(other.log_policy, plain.log_policy)}};
}

json replicate_temperature(const json& point, stream& rng) {
  const double ratio = to_number(point.at("ratio"), "ratio");  // beta_1 / beta_2
  const std::string kind = point.at("tree");
  tree_instance t = draw_tree(rng);
  if (kind == "one token") {
    t.trie = full_trie({.actions = 3, .horizon = 1, .rho = {0.4, 0.6}});
    t.log_reference = t.log_reference.topRows(2).eval(), t.reward = t.reward.topRows(2).eval();
  } else if (kind == "separable") {  // no end of sequence; reward and reference depend on the step's token only
    t.trie = full_trie({.actions = 3, .horizon = 4, .rho = {0.4, 0.6}});
    const state_table reference = t.log_reference.topRows(4), reward = t.reward.topRows(4);
    t.log_reference.resize(t.trie.states(), 3), t.reward.resize(t.trie.states(), 3);
    for (std::int64_t node = 0; node < t.trie.states(); ++node) {
      t.log_reference.row(node) = reference.row(t.trie.depth(node));
      t.reward.row(node) = reward.row(t.trie.depth(node));
    }
  }
  const double beta_1 = std::pow(10.0, -2 * boost::random::uniform_01<double>()(rng)), beta_2 = beta_1 / ratio;
  const auto dpo = rto::plan(t.trie, t.log_reference, t.reward, {.beta = t.beta});
  const state_table implicit = implicit_reward(dpo.log_policy, t.log_reference, beta_1);
  const auto best = rto::plan(t.trie, t.log_reference, implicit, {.beta = beta_2});
  const auto expected = rto::plan(t.trie, t.log_reference, t.reward, {.beta = t.beta / ratio});

  // P ~ P_ref^(1 - ratio) P_dpo^ratio on sequences: the difference of logarithms is one number for each prompt.
  std::vector<double> lowest(static_cast<std::size_t>(t.trie.states()), -forbidden), highest(lowest.size(), forbidden);
  const state_table gap_of_logs = best.log_policy - (1 - ratio) * t.log_reference - ratio * dpo.log_policy;
  for_each_trajectory(t.trie, [&](std::int64_t root, const std::vector<std::int64_t>& edges) {
    double sum = 0;
    for (const std::int64_t edge : edges) sum += gap_of_logs.data()[edge];
    lowest[static_cast<std::size_t>(root)] = std::min(lowest[static_cast<std::size_t>(root)], sum);
    highest[static_cast<std::size_t>(root)] = std::max(highest[static_cast<std::size_t>(root)], sum);
  });
  double sequence = 0;
  for (const std::int64_t root : t.trie.roots())
    sequence = std::max(sequence, highest[static_cast<std::size_t>(root)] - lowest[static_cast<std::size_t>(root)]);
  sequence /= 1 + std::abs(ratio) * (dpo.log_policy.abs().maxCoeff() + t.log_reference.abs().maxCoeff());

  const state_table product = log_softmax(state_table((1 - ratio) * t.log_reference + ratio * dpo.log_policy));
  const double worth = evaluate_policy(t.trie, product, t.log_reference, implicit, beta_2).objective;
  return {{"policy", policy_difference(best.log_policy, expected.log_policy)},
          {"sequence", sequence},
          {"product_better", worth > best.objective + 1e-12 * (1 + best.value.abs().maxCoeff()) ? 1 : 0},
          {"from_dpo", policy_difference(best.log_policy, dpo.log_policy)},
          {"product_gap", suboptimality_gap_divergence(t.trie, best, product, beta_2) / beta_2}};
}

json replicate_objective(const json& point, stream& rng) {
  const double lambda = to_number(point.at("lambda"), "lambda");
  const tree_instance t = draw_tree(rng);
  const auto draw = [&] { return boost::random::uniform_01<double>()(rng); };
  const double beta_1 = std::pow(10.0, -2 * draw()), beta_2 = beta_1 * std::pow(10.0, draw() - 0.5);
  const std::int64_t n = t.trie.states();
  const state_table dpo = rto::plan(t.trie, t.log_reference, t.reward, {.beta = t.beta}).log_policy;
  const state_table implicit = implicit_reward(dpo, t.log_reference, beta_1);
  const state_table policy = policy_from_logits(state_table(t.log_reference + normal_table(n, 3, 1, rng)));
  const state_table segments = (normal_table(n, 3, 1, rng) > 0).cast<double>(), never = state_table::Zero(n, 3);

  struct variant {
    state_table reward, pending, value;
    double objective;
  };
  const auto make = [&](const state_table& reward, const state_table& pending) -> variant {
    const auto worth = evaluate_policy(t.trie, policy, t.log_reference, reward, beta_2);
    return {reward, pending, worth.value, worth.objective};
  };
  const auto late = delay_reward(t.trie, implicit, never), at_ends = delay_reward(t.trie, implicit, segments);
  const variant rto_variant = make(implicit, state_table::Zero(n, 1));
  const std::array others{make(late.reward, late.pending), make(at_ends.reward, at_ends.pending)};
  // Pure shaping on top of a sentence reward: the total of r, at the last token.
  const state_table sentence = delay_reward(t.trie, t.reward, never).reward;
  const double ppo = make(sentence, never).objective, rs_ppo = make(implicit - late.reward + sentence, never).objective;

  const double scale = std::max(rto_variant.value.abs().maxCoeff(), others[0].value.abs().maxCoeff());
  double objective = 0, critic = 0, exact = 0;
  for (const variant& other : others) {
    objective = std::max(objective, std::abs(other.objective - rto_variant.objective) / scale);
    critic = std::max(critic, largest_difference(other.value, rto_variant.value + other.pending) / scale);
  }
  // Advantages of sampled answers, with each reward's exact critic and with one untrained critic for all.
  const state_table charge = beta_2 * (policy - t.log_reference);
  std::array<double, 2> crude{0, 0};
  double tokens = 0;
  tabular_sampler sampler(t.trie, policy);
  for (int k = 0; k < paths_per_instance; ++k) {
    const auto path = sample_trajectory(t.trie, sampler, rng);
    const auto length = static_cast<Eigen::Index>(path.states.size());
    const state_table mask = state_table::Ones(1, length);
    const auto advantages = [&](const variant& v, bool exact_critic) {
      state_table reward(1, length), value = state_table::Zero(1, length);
      for (Eigen::Index s = 0; s < length; ++s) {
        const auto node = path.states[static_cast<std::size_t>(s)];
        const auto token = path.response.tokens[static_cast<std::size_t>(s)];
        reward(0, s) = v.reward(node, token) - charge(node, token);
        if (exact_critic) value(0, s) = v.value(node, 0);
      }
      return generalized_advantage_estimates(reward, value, mask, {.gamma = 1, .lambda = lambda});
    };
    const state_table dense = advantages(rto_variant, true), dense_crude = advantages(rto_variant, false);
    for (std::size_t which = 0; which < others.size(); ++which) {
      exact = std::max(exact, largest_difference(advantages(others[which], true), dense) / scale);
      crude[which] += (advantages(others[which], false) - dense_crude).square().sum();
    }
    tokens += static_cast<double>(length);
  }
  return {{"objective", objective},
          {"critic", critic},
          {"advantage", exact},
          {"crude_dppo", std::sqrt(crude[0] / tokens) / scale},
          {"crude_semi", std::sqrt(crude[1] / tokens) / scale},
          {"rs_ppo", std::abs(ppo - rs_ppo) / std::max(1.0, std::abs(ppo))}};
}

json replicate_clip(const json& point, stream& rng) {
  const double clip = to_number(point.at("clip"), "clip");
  const tree_instance t = draw_tree(rng);
  // Coefficients do not matter: the optimum depends on the clip in nats and on beta_1 / beta_2, here 1.
  const auto dpo = rto::plan(t.trie, t.log_reference, t.reward, {.beta = t.beta});
  const state_table implicit = implicit_reward(dpo.log_policy, t.log_reference, 1);
  const state_table clipped = array::clamp(implicit, -clip, clip);
  const auto best = rto::plan(t.trie, t.log_reference, implicit, {.beta = 1});
  const auto bent = rto::plan(t.trie, t.log_reference, clipped, {.beta = 1});
  const state_table visits = occupancy(t.trie, best.log_policy).state_action_visits;
  const state_table hit = (implicit.abs() > clip).cast<double>();
  return {{"clipped_share", (visits * hit).sum() / visits.sum()},
          {"clipped_edges", hit.sum()},
          {"policy", policy_difference(bent.log_policy, best.log_policy)},
          {"suboptimality", suboptimality_gap_divergence(t.trie, best, bent.log_policy, 1)}};
}

json replicate_equivalence(const json& point, stream& rng) {
  const auto wanted = point.at("features").get<std::int64_t>();
  constexpr double beta = 0.5;
  constexpr std::int64_t comparisons_a_pair = 40;
  const token_trie trie = full_trie({.actions = 2, .horizon = 3});  // 8 trajectories, 14 edges
  const std::int64_t edges = trie.states() * trie.actions(), d = wanted > 0 ? wanted : edges;
  const matrix features =
      wanted > 0 ? matrix(normal_table(edges, d, 1, rng).matrix()) : matrix(matrix::Identity(edges, edges));
  const state_table log_reference = policy_from_logits(normal_table(trie.states(), 2, 1, rng));
  const matrix on = incidence(trie);
  // The true reward is linear in the features, scaled to a standard deviation of 1 over trajectories.
  matrix theta = normal_table(d, 1, 1, rng).matrix();
  const matrix total = on * features * theta;
  const double sd = std::sqrt((total.array() - total.mean()).square().mean());
  theta /= sd;
  const matrix reward_of_trajectory = total / sd;
  const state_table reward = (features * theta).reshaped<Eigen::RowMajor>(trie.states(), 2).array();

  // Every pair of trajectories was compared 40 times; half a win is added to either side, so that no pair is unanimous.
  const Eigen::Index m = on.rows(), pairs = m * (m - 1) / 2;
  dpo_problem dpo{.log_reference = log_reference, .features = features, .beta = beta};
  dpo.difference = matrix(pairs, edges);
  dpo.label = matrix(pairs, 1);
  dpo.weight = matrix::Constant(pairs, 1, static_cast<double>(comparisons_a_pair + 1));
  state_table truth(pairs, 1);
  Eigen::Index pair = 0;
  for (Eigen::Index i = 0; i < m; ++i)
    for (Eigen::Index j = i + 1; j < m; ++j, ++pair) {
      dpo.difference.row(pair) = on.row(i) - on.row(j);
      truth(pair, 0) = bradley_terry_probability(reward_of_trajectory(i, 0), reward_of_trajectory(j, 0));
      double wins = 0.5;
      for (std::int64_t k = 0; k < comparisons_a_pair; ++k)
        if (boost::random::uniform_01<double>()(rng) < truth(pair, 0)) wins += 1;
      dpo.label(pair, 0) = wins / (comparisons_a_pair + 1);
    }
  const dpo_fit fit = fit_dpo(dpo);
  const comparison_set<matrix> comparisons{matrix(dpo.difference * features), dpo.label, dpo.weight};
  const auto mle = reward_mle(comparisons);
  const state_table by_mle = array::sigmoid(state_table((comparisons.features * mle.theta).array()));
  const state_table by_dpo = array::sigmoid(fit.margin);

  // What each gives: the best policy of the fitted reward, and DPO's own policy.
  const auto optimum = rto::plan(trie, log_reference, reward, {.beta = beta});
  const state_table fitted = (features * mle.theta).reshaped<Eigen::RowMajor>(trie.states(), 2).array();
  const auto from_mle = rto::plan(trie, log_reference, fitted, {.beta = beta});
  return {{"converged", fit.converged && mle.converged ? 1 : 0},
          {"gradient_norm", fit.gradient_norm},
          {"probability", largest_difference(by_dpo, by_mle)},
          {"policy", policy_difference(fit.log_policy, from_mle.log_policy)},
          {"sampling", largest_difference(by_mle, truth)},
          {"loss_difference", fit.loss + mle.log_likelihood / dpo.weight.sum()},
          {"mle_gap", suboptimality_gap_divergence(trie, optimum, from_mle.log_policy, beta) / beta},
          {"dpo_gap", suboptimality_gap_divergence(trie, optimum, fit.log_policy, beta) / beta}};
}

}  // namespace rto::sim
