// Lemma C.1 (Gibbs): the regularised objective of any distribution, exactly; on tokens and on whole trajectories.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <rto/mdp/policy.hpp>
#include <rto/planning/soft_bellman.hpp>

#include "sim/experiments/random_planning_problem.hpp"

namespace {

using namespace rto::sim;
using state_table = random_planning_problem::state_table;
using rto::token_trie;

// A reference distribution p0 and a utility U on n outcomes.
struct gibbs_problem {
  state_table log_p0, utility;  // [1, n]
};

gibbs_problem draw_tokens(stream& rng) {
  boost::random::normal_distribution<double> normal;
  boost::random::uniform_01<double> uniform;
  const auto n = static_cast<Eigen::Index>(std::pow(10.0, 0.3 + 2.7 * uniform(rng)));  // 2 to 1000
  const double scale = std::pow(10.0, 2 * uniform(rng) - 1);
  state_table logits(1, n), utility(1, n);
  for (Eigen::Index a = 0; a < n; ++a) {
    logits(0, a) = a > 0 && uniform(rng) < 0.2 ? -std::numeric_limits<double>::infinity() : 2 * normal(rng);
    utility(0, a) = scale * normal(rng);
  }
  return {rto::policy_from_logits(logits), utility};
}

// Sum of a table of edges along every trajectory from the first prompt of a trie, in one fixed order.
state_table trajectory_sums(const token_trie& trie, const state_table& x) {
  std::vector<double> sums;
  const auto extend = [&](const auto& self, std::int64_t node, double sum) -> void {
    for (std::int64_t token = 0; token < trie.actions(); ++token) {
      const double longer = sum + x(node, token);
      const std::int64_t child = trie.child(node, token);
      if (child == token_trie::ended)
        sums.push_back(longer);
      else
        self(self, child, longer);
    }
  };
  extend(extend, trie.roots()[0], 0.0);
  return Eigen::Map<const state_table>(sums.data(), 1, static_cast<Eigen::Index>(sums.size()));
}

// E_p[-U] + eta KL(p || p0) by the definition, in extended precision, and the size of what cancels in it: the
// log-probabilities are rounded already.
struct objective_value {
  double value, size;
};
objective_value objective(const state_table& log_p, const gibbs_problem& problem, double eta) {
  long double sum = 0, size = 0;
  for (Eigen::Index a = 0; a < log_p.cols(); ++a) {
    const long double log_pa = log_p(0, a), p = std::exp(log_pa);
    if (!(p > 0)) continue;
    const long double charge = eta * (log_pa - problem.log_p0(0, a));
    sum += p * (charge - problem.utility(0, a));
    size += p * std::abs(charge);
  }
  return {static_cast<double>(sum), static_cast<double>(size)};
}

json replicate(const json& point, replicate_context& context) {
  const double eta = to_number(point.at("eta"), "eta");
  gibbs_problem problem;
  double planner_error = 0, policy_error = 0;
  if (point.at("outcomes") == "tokens") {
    problem = draw_tokens(context.rng);
  } else {
    auto instance = draw_problem("trie", context.rng);
    const auto& trie = std::get<token_trie>(instance.mdp);
    problem = {trajectory_sums(trie, instance.log_reference), trajectory_sums(trie, instance.reward)};
    // Token and sentence optimum coincide: V* at the prompt, and the probability of every trajectory.
    const auto optimum = instance.plan(eta);
    const auto sentence = rto::soft_bellman(problem.log_p0, problem.utility, eta);
    const double scale = std::max({instance.reward.abs().maxCoeff(), problem.utility.abs().maxCoeff()});
    planner_error = relative_error(optimum.value(trie.roots()[0], 0), sentence.value(0, 0), scale);
    const state_table by_token = rto::probabilities(trajectory_sums(trie, optimum.log_policy));
    policy_error = (by_token - rto::probabilities(sentence.log_policy)).abs().maxCoeff();
  }

  boost::random::normal_distribution<double> normal;
  state_table logits = problem.log_p0;
  for (Eigen::Index a = 0; a < logits.cols(); ++a) logits(0, a) += 2 * normal(context.rng);
  const state_table log_p = rto::policy_from_logits(logits);
  const auto gibbs = rto::soft_bellman(problem.log_p0, problem.utility, eta);
  const auto [left, size] = objective(log_p, problem, eta);
  const double excess = eta * rto::kl_divergence(log_p, gibbs.log_policy)(0, 0);
  const double reverse = eta * rto::kl_divergence(gibbs.log_policy, log_p)(0, 0);
  const double minimum = -gibbs.value(0, 0);
  // With the divergence in its form without cancellation: summed plainly, a log-probability that is rounded by 1e-16
  // costs eta times as much.
  const double attained = eta * rto::kl_divergence(gibbs.log_policy, problem.log_p0)(0, 0) -
                          (rto::probabilities(gibbs.log_policy) * problem.utility).sum();
  const double scale = std::max({std::abs(left), size, problem.utility.abs().maxCoeff()});
  return {{"outcomes", problem.utility.cols()},
          {"error", relative_error(left, minimum + excess, scale)},
          {"minimum_error", relative_error(attained, minimum, problem.utility.abs().maxCoeff())},
          {"below", left < minimum - 1e-10 * scale ? 1 : 0},
          {"control", relative_error(left, minimum + reverse, scale)},
          {"planner_error", planner_error},
          {"policy_error", policy_error}};
}

const std::vector<std::string>& outcome_kinds() {
  static const std::vector<std::string> kinds{"tokens", "trajectories"};
  return kinds;
}

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const std::string& kind : s.texts("outcomes"))
    for (const double eta : s.reals("etas"))
      cells.push_back({.point = {{"outcomes", kind}, {"eta", number(eta)}}, .replicates = s.integer("replicates")});
  return cells;
}

conclusion conclude(const settings&, const outcomes& results) {
  const double n = static_cast<double>(results.count());
  conclusion c;
  c.tested = fmt::format(
      "Random utilities and distributions on {} instances of up to {} outcomes: single tokens, and all trajectories of "
      "random "
      "token tries, where the minimiser must be what token-level planning finds.",
      results.count(), results.maximum("outcomes"));
  c.checks.push_back(
      identity_check("identity",
                     "largest |left − right|, relative to the largest of the objective and the utilities; left "
                     "side summed from its definition in extended precision",
                     results.maximum("error"), 1e-10, n));
  c.checks.push_back(identity_check("minimum", "the objective of p<sub>G</sub> against the optimal value",
                                    results.maximum("minimum_error"), 1e-10, n));
  c.checks.push_back(
      always_check("minimiser", "distributions with an objective below the optimal value", results.sum("below"), n));
  const outcomes trajectories = results.where({{"outcomes", "trajectories"}});
  if (!trajectories.cells.empty()) {
    const auto m = static_cast<double>(trajectories.count());
    c.checks.push_back(identity_check("token-sentence-value",
                                      "V* of the token recursion against η log E e<sup>R/η</sup> over trajectories",
                                      trajectories.maximum("planner_error"), 1e-10, m));
    c.checks.push_back(identity_check("token-sentence-policy",
                                      "largest difference of a trajectory's probability under the token-level and the "
                                      "sentence-level optimum",
                                      trajectories.maximum("policy_error"), 1e-8, m));
  }
  const std::vector<double> control = results.values("control");
  c.checks.push_back(
      control_check("instances on which the reversed divergence KL(p<sub>G</sub>‖p) misses the excess", control));

  panel distribution{.title = "all instances",
                     .x = {.label = "relative error", .logarithmic = true},
                     .y = {.label = "share of instances", .minimum = 0, .maximum = 1}};
  panel by_eta{.title = "largest error",
               .x = {.label = "η (utility units a nat)", .logarithmic = true},
               .y = {.label = "relative error", .logarithmic = true}};
  for (const std::string& kind : outcome_kinds()) {
    const outcomes some = results.where({{"outcomes", kind}});
    if (some.cells.empty()) continue;
    distribution.curves.push_back(error_distribution(kind, some.values("error")));
    by_eta.curves.push_back(largest_against(kind, some, "eta", "error"));
  }
  distribution.curves.push_back(error_distribution("control: reversed divergence", control, mark::prediction));
  c.figures.push_back(
      {"lem-c1-errors",
       "The two sides of Lemma C.1",
       "First: share of instances whose relative error is at most x (exact zeros at 1e-18). Dashed: the "
       "control, with KL(p<sub>G</sub>‖p) instead of KL(p‖p<sub>G</sub>). Second: the largest error of each η.",
       {distribution, by_eta},
       ""});
  return c;
}

const registered_claim lemma_c1{
    {.id = "lem-C.1",
     .title = "The Gibbs distribution minimises the regularised objective, with an exact excess",
     .statement = "E<sub>p</sub>[−<i>U</i>] + η KL(p‖p<sub>0</sub>) = −η log E<sub>p<sub>0</sub></sub> "
                  "e<sup><i>U</i>/η</sup> + η "
                  "KL(p‖p<sub>G</sub>), p<sub>G</sub> ∝ p<sub>0</sub> e<sup><i>U</i>/η</sup>, for every p and η &gt; 0",
     .source = "Lemma C.1, in its exact form (the paper states the minimiser and the optimal value)",
     .schema = {texts("outcomes", "what the distributions are over",
                      {outcome_kinds(), outcome_kinds(), outcome_kinds()}, outcome_kinds()),
                reals("etas", "regularisation coefficients, utility units a nat",
                      {{1e-6, 1e-2, 1, 1e3, 1e10},
                       {1e-6, 1e-4, 1e-2, 0.1, 1, 10, 1e3, 1e6, 1e10},
                       {1e-6, 1e-4, 1e-2, 0.1, 1, 10, 1e3, 1e6, 1e10}},
                      {.minimum = std::numeric_limits<double>::min(), .maximum = std::numeric_limits<double>::max()}),
                integer("replicates", "random instances for every kind and coefficient", {10, 100, 2000},
                        {.minimum = 1})},
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
