#pragma once
// The family algo1, for any array type: Algorithm 1 and value pessimism on a token tree with linear features, with
// every term of Theorem 4.2.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/algorithm/value_pessimism.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/theory/concentrability.hpp>
#include <rto/theory/suboptimality.hpp>

#include "sim/solve/array_fields.hpp"
#include "sim/solve/mle_status_text.hpp"
#include "sim/solve/registry.hpp"
#include "sim/solve/trie_input.hpp"

namespace rto::sim {

/// A token tree with linear features and its optimum under the true parameter.
template <class A> struct linear_tree {
  using M = matrix_t<A>;
  token_trie tree;
  A log_reference, features;  // [n, A], [n A, d]
  M theta;                    // theta*
  A reward;                   // true
  optimal_plan<A> optimum;
  occupancy_measure<A> visits;  // of the optimum
  double beta;

  double value_of(const A& log_policy) const {
    return array::item(evaluate_policy(tree, log_policy, log_reference, reward, beta).objective);
  }
  // E_{s ~ d^pi*} KL(pi* || pi)
  double expected_kl(const A& log_policy) const {
    return array::item(expected_sum(visits.visits, kl_divergence(optimum.log_policy, log_policy)));
  }
};

template <Array A> linear_tree<A> read_linear_tree(const reader& input, const A& like) {
  using M = matrix_t<A>;
  token_trie tree = read_trie(input);
  const std::int64_t n = tree.states(), a = tree.actions();
  const auto d = static_cast<std::int64_t>(input.size("d"));
  const A log_reference =
      policy_from_logits(read_table(input, "ref_logits", {static_cast<std::size_t>(n)}, a, like), "ref_logits");
  const A features = array::from_host(like, input.array("phi", {n, a, d}).data, n * a, d);
  if (!array::all_finite(features)) input.fail("phi", "expected finite numbers");
  const M theta = read_column(like, input.numbers("theta_star", d));
  const double beta = input.number("beta");
  const M rewards = linear_reward(M(array::dense(array::matrix(features))), theta);
  const A reward = array::reshape(array::elementwise(rewards), n, a);
  auto optimum = plan(tree, log_reference, reward, {.beta = beta});
  auto visits = occupancy(tree, optimum.log_policy);
  return {std::move(tree), log_reference, features, theta, reward, std::move(optimum), std::move(visits), beta};
}

inline std::vector<trajectory_pair> read_pairs(const reader& input, const token_trie& tree) {
  std::vector<trajectory_pair> pairs;
  for (const reader& pair : input.objects("pairs")) {
    const auto roots = tree.roots();
    const auto place = std::find(roots.begin(), roots.end(), pair.integer("root"));
    if (place == roots.end()) pair.fail("root", "expected one of the tree's roots");
    const std::int64_t prompt = place - roots.begin();
    pairs.push_back({.first = {.prompt = prompt, .tokens = pair.integers("a1")},
                     .second = {.prompt = prompt, .tokens = pair.integers("a2")},
                     .label = pair.number("y")});
  }
  return pairs;
}

/// One radius: the policy and the terms of Theorem 4.2.
template <Array A>
json solve_radius(const linear_tree<A>& in, const pessimistic_reward_plan<A>& run, double error_norm) {
  const double j_hat = in.value_of(run.plan.log_policy);
  const double kl = in.expected_kl(run.plan.log_policy);
  const auto policy_visits = occupancy(in.tree, run.plan.log_policy);
  const auto terms = decompose_suboptimality(in.visits.state_action_visits, policy_visits.state_action_visits,
                                             in.reward, run.reward, in.beta, kl);
  const double cover = expected_bonus(in.visits.state_action_visits, run.bonus),
               best = array::item(in.optimum.objective);
  return {{"rho", number(run.radius)},
          {"rhat", rows_json(run.reward)},
          {"pi_hat", rows_json(probabilities(run.plan.log_policy))},
          {"V_hat_start", array::item(run.plan.objective)},
          {"J_star", best},
          {"J_hat", number(j_hat)},
          {"subopt", number(best - j_hat)},
          {"term_i", terms.reward_error_of_optimum},
          {"term_ii", terms.reward_error_of_policy},
          {"term_iii", number(terms.planning)},
          {"cover", cover},
          {"bound", number(pessimism_bound(run.radius, cover, in.beta, kl).total())},
          {"err_norm", error_norm},
          {"event", error_norm <= run.radius}};
}

template <Array A>
json solve_value_pessimism(const linear_tree<A>& in, const pessimistic_reward_plan<A>& run, const matrix_t<A>& v,
                           double radius) {
  const auto saddle = value_pessimism(in.tree, in.log_reference, in.features, run.estimate.theta, run.covariance, v,
                                      {.beta = in.beta, .radius = radius});
  if (!saddle.converged) throw non_finite_result("value pessimism did not converge");
  const double j_hat = in.value_of(saddle.plan.log_policy);
  const matrix_t<A> expected = evaluate_features(in.tree, in.optimum.log_policy, in.features).expectation;
  const double cover = value_coverage(expected, v, run.covariance);
  return {{"rho", radius},
          {"v", vector_json(v)},
          {"objective", saddle.objective},
          {"theta_pess", vector_json(saddle.theta)},
          {"mu", saddle.multiplier},
          {"pi_hat", rows_json(probabilities(saddle.plan.log_policy))},
          {"J_hat", number(j_hat)},
          {"subopt", number(array::item(in.optimum.objective) - j_hat)},
          {"cover", cover},
          {"bound", pessimism_bound(radius, cover, in.beta, 0.0).coverage}};
}

/// The family algo1. \param like says which array type, on which device
template <Array A> json solve_algo1(const problem& p, const A& like) {
  using M = matrix_t<A>;
  constexpr double small_radius = 0.25;  // of the two extra runs of every case: quotient features and value pessimism
  const linear_tree<A> in = read_linear_tree(p.input, like);
  const std::vector<trajectory_pair> pairs = read_pairs(p.input, in.tree);
  const auto comparisons = compare_trajectories(in.tree, in.features, std::span<const trajectory_pair>(pairs));
  pessimistic_reward_planning_options options{.beta = in.beta,
                                              .lambda = p.input.number("lam"),
                                              .radius = small_radius,
                                              .bound = p.input.number("B"),
                                              .delta = p.input.number("delta")};
  const auto run_at = [&](double radius, bool quotient) {
    options.radius = radius;
    options.quotient_features = quotient;
    return pessimistic_reward_planning(in.tree, in.log_reference, in.features, comparisons, options);
  };
  const auto run = run_at(small_radius, false);
  const double radius = confidence_radius(comparisons, run.estimate.rank, options.bound, options.lambda, options.delta);

  json result;
  result["n"] = pairs.size();
  result["X"] = rows_json(comparisons.features);
  result["mle_status"] = mle_status_text(run.estimate.status);
  result["rank"] = run.estimate.rank;
  result["Sigma"] = rows_json(run.covariance.matrix);
  result["gamma"] = logistic_curvature(options.bound * largest_row_norm(comparisons.features));
  result["radius"] = number(radius);
  result["bonus"] = rows_json(run.bonus);
  const M margins = array::product(comparisons.features, in.theta);
  const A margin = array::elementwise(margins), none = array::full_like(margin, 0.0);
  result["pref_prob_star"] = vector_json(A(bradley_terry_probability(margin, none)));
  if (run.estimate.status == mle_status::not_attained) return result;
  result["theta"] = vector_json(run.estimate.theta);
  result["loglik"] = run.estimate.log_likelihood;

  const M error = run.estimate.theta - in.theta, image = array::product(run.covariance.matrix, error);
  const double error_norm = std::sqrt(inner_product(error, image));
  result["per_rho"] = json::array();
  for (const json& rho : p.input.at("rhos")) {
    const bool formula = rho == "radius";
    const double at = formula ? radius : to_number(rho, p.input.place_of("rhos"));
    result["per_rho"].push_back(solve_radius(in, run_at(at, false), error_norm));
  }

  const auto quotient = run_at(small_radius, true);
  const double j_hat = in.value_of(quotient.plan.log_policy);
  result["kernel_dim"] = find_structural_kernel(in.tree, in.features).dimension;
  result["projected"] = {{"rho", small_radius},
                         {"bonus", rows_json(quotient.bonus)},
                         {"J_hat", number(j_hat)},
                         {"subopt", number(array::item(in.optimum.objective) - j_hat)},
                         {"cover", expected_bonus(in.visits.state_action_visits, quotient.bonus)}};
  result["value_pessimism"] = json::array();
  if (p.input.has("v_refs"))
    for (const json& v : p.input.at("v_refs")) {
      std::vector<double> entries;
      for (const json& x : v) entries.push_back(to_number(x, p.input.place_of("v_refs")));
      result["value_pessimism"].push_back(
          solve_value_pessimism(in, run, M(read_column(like, std::span<const double>(entries))), small_radius));
    }
  return result;
}

}  // namespace rto::sim
