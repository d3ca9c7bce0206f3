// Family algo1: Algorithm 1 and value pessimism on a token tree with linear features, with every term of Theorem 4.2.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/algorithm/value_pessimism.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/theory/concentrability.hpp>
#include <rto/theory/suboptimality.hpp>

#include "sim/io/ndarray.hpp"
#include "sim/solve/registry.hpp"
#include "sim/solve/trie_input.hpp"

namespace {

using namespace rto::sim;
using array_2d = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

// Of the two extra runs of every case: quotient features and value pessimism.
constexpr double small_radius = 0.25;

matrix column(const std::vector<double>& v) {
  return Eigen::Map<const Eigen::VectorXd>(v.data(), static_cast<Eigen::Index>(v.size()));
}

json vector_json(const matrix& v) { return array_json({static_cast<std::size_t>(v.size())}, v.data()); }

template <class A> json table_json(const A& x) {
  const array_2d rows = x;
  return array_json({static_cast<std::size_t>(x.rows()), static_cast<std::size_t>(x.cols())}, rows.data());
}

std::string status_text(rto::mle_status status) {
  if (status == rto::mle_status::interior) return "interior";
  return status == rto::mle_status::boundary ? "boundary" : "not_attained";
}

struct instance {
  rto::token_trie tree;
  array_2d log_reference, features;  // [n, A], [n A, d]
  matrix theta;                      // theta*
  array_2d reward;                   // true
  rto::optimal_plan<array_2d> optimum;
  rto::occupancy_measure<array_2d> visits;  // of the optimum
  double beta;

  double value_of(const array_2d& log_policy) const {
    return rto::evaluate_policy(tree, log_policy, log_reference, reward, beta).objective;
  }
  // E_{s ~ d^pi*} KL(pi* || pi)
  double expected_kl(const array_2d& log_policy) const {
    return rto::expected_sum(visits.visits, rto::kl_divergence(optimum.log_policy, log_policy));
  }
};

array_2d reward_of(const array_2d& features, const matrix& theta, std::int64_t states, std::int64_t actions) {
  const matrix r = rto::linear_reward(matrix(features.matrix()), theta);
  return r.array().reshaped<Eigen::RowMajor>(states, actions);
}

instance read_instance(const reader& input) {
  rto::token_trie tree = read_trie(input);
  const auto n = tree.states(), a = tree.actions();
  const auto d = static_cast<std::int64_t>(input.size("d"));
  const ndarray logits = input.array("ref_logits", {n, a});
  const array_2d log_reference = rto::policy_from_logits(Eigen::Map<const array_2d>(logits.data.data(), n, a));
  const ndarray phi = input.array("phi", {n, a, d});
  const array_2d features = Eigen::Map<const array_2d>(phi.data.data(), n * a, d);
  if (!features.isFinite().all()) input.fail("phi", "expected finite numbers");
  const matrix theta = column(input.numbers("theta_star", d));
  const double beta = input.number("beta");
  const array_2d reward = reward_of(features, theta, n, a);
  auto optimum = rto::plan(tree, log_reference, reward, {.beta = beta});
  auto visits = rto::occupancy(tree, optimum.log_policy);
  return {std::move(tree), log_reference, features, theta, reward, std::move(optimum), std::move(visits), beta};
}

std::vector<rto::trajectory_pair> read_pairs(const reader& input, const rto::token_trie& tree) {
  std::vector<rto::trajectory_pair> pairs;
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

// One radius: the policy and the terms of Theorem 4.2.
json solve_radius(const instance& in, const rto::pessimistic_reward_plan<array_2d>& run, double error_norm) {
  const double j_hat = in.value_of(run.plan.log_policy);
  const double kl = in.expected_kl(run.plan.log_policy);
  const auto policy_visits = rto::occupancy(in.tree, run.plan.log_policy);
  const auto terms = rto::decompose_suboptimality(in.visits.state_action_visits, policy_visits.state_action_visits,
                                                  in.reward, run.reward, in.beta, kl);
  const double cover = rto::expected_bonus(in.visits.state_action_visits, run.bonus);
  return {{"rho", number(run.radius)},
          {"rhat", table_json(run.reward)},
          {"pi_hat", table_json(run.plan.log_policy.exp())},
          {"V_hat_start", run.plan.objective},
          {"J_star", in.optimum.objective},
          {"J_hat", number(j_hat)},
          {"subopt", number(in.optimum.objective - j_hat)},
          {"term_i", terms.reward_error_of_optimum},
          {"term_ii", terms.reward_error_of_policy},
          {"term_iii", number(terms.planning)},
          {"cover", cover},
          {"bound", number(rto::pessimism_bound(run.radius, cover, in.beta, kl).total())},
          {"err_norm", error_norm},
          {"event", error_norm <= run.radius}};
}

json solve_value_pessimism(const instance& in, const rto::pessimistic_reward_plan<array_2d>& run, const matrix& v) {
  const auto saddle = rto::value_pessimism(in.tree, in.log_reference, in.features, run.estimate.theta, run.covariance,
                                           v, {.beta = in.beta, .radius = small_radius});
  if (!saddle.converged) throw non_finite_result("value pessimism did not converge");
  const double j_hat = in.value_of(saddle.plan.log_policy);
  const matrix expected = rto::evaluate_features(in.tree, in.optimum.log_policy, in.features).expectation;
  const double cover = rto::value_coverage(expected, v, run.covariance);
  return {{"rho", small_radius},
          {"v", vector_json(v)},
          {"objective", saddle.objective},
          {"theta_pess", vector_json(saddle.theta)},
          {"mu", saddle.multiplier},
          {"pi_hat", table_json(saddle.plan.log_policy.exp())},
          {"J_hat", number(j_hat)},
          {"subopt", number(in.optimum.objective - j_hat)},
          {"cover", cover},
          {"bound", rto::pessimism_bound(small_radius, cover, in.beta, 0.0).coverage}};
}

json solve_algo1(const problem& p) {
  const instance in = read_instance(p.input);
  const std::vector<rto::trajectory_pair> pairs = read_pairs(p.input, in.tree);
  const auto comparisons = rto::compare_trajectories(in.tree, in.features, std::span(pairs));
  rto::pessimistic_reward_planning_options options{.beta = in.beta,
                                                   .lambda = p.input.number("lam"),
                                                   .radius = small_radius,
                                                   .bound = p.input.number("B"),
                                                   .delta = p.input.number("delta")};
  const auto run_at = [&](double radius, bool quotient) {
    options.radius = radius;
    options.quotient_features = quotient;
    return rto::pessimistic_reward_planning(in.tree, in.log_reference, in.features, comparisons, options);
  };
  const auto run = run_at(small_radius, false);
  const double radius =
      rto::confidence_radius(comparisons, run.estimate.rank, options.bound, options.lambda, options.delta);

  json result;
  result["n"] = pairs.size();
  result["X"] = table_json(comparisons.features.array());
  result["mle_status"] = status_text(run.estimate.status);
  result["rank"] = run.estimate.rank;
  result["Sigma"] = table_json(run.covariance.matrix.array());
  result["gamma"] = rto::logistic_curvature(options.bound * rto::largest_row_norm(comparisons.features));
  result["radius"] = number(radius);
  result["bonus"] = table_json(run.bonus);
  const matrix margin = comparisons.features * in.theta;
  const array_2d preference = rto::bradley_terry_probability(margin.array(), 0 * margin.array());
  result["pref_prob_star"] = vector_json(preference.matrix());
  if (run.estimate.status == rto::mle_status::not_attained) return result;
  result["theta"] = vector_json(run.estimate.theta);
  result["loglik"] = run.estimate.log_likelihood;

  const matrix error = run.estimate.theta - in.theta;
  const double error_norm = std::sqrt(rto::inner_product(error, matrix(run.covariance.matrix * error)));
  result["per_rho"] = json::array();
  for (const json& rho : p.input.at("rhos")) {
    const bool formula = rho == "radius";
    const double at = formula ? radius : to_number(rho, p.input.place_of("rhos"));
    result["per_rho"].push_back(solve_radius(in, run_at(at, false), error_norm));
  }

  const auto quotient = run_at(small_radius, true);
  const double j_hat = in.value_of(quotient.plan.log_policy);
  result["kernel_dim"] = rto::find_structural_kernel(in.tree, in.features).dimension;
  result["projected"] = {{"rho", small_radius},
                         {"bonus", table_json(quotient.bonus)},
                         {"J_hat", number(j_hat)},
                         {"subopt", number(in.optimum.objective - j_hat)},
                         {"cover", rto::expected_bonus(in.visits.state_action_visits, quotient.bonus)}};
  result["value_pessimism"] = json::array();
  if (p.input.has("v_refs"))
    for (const json& v : p.input.at("v_refs")) {
      std::vector<double> entries;
      for (const json& x : v) entries.push_back(to_number(x, p.input.place_of("v_refs")));
      result["value_pessimism"].push_back(solve_value_pessimism(in, run, column(entries)));
    }
  return result;
}

const registered_family algo1{"algo1", solve_algo1};

}  // namespace
