#include "sim/experiments/remark_a3_runs.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <variant>
#include <vector>

#include <boost/random/uniform_01.hpp>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/policy_iteration.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/theory/concentrability.hpp>
#include <rto/theory/policy_iteration_rates.hpp>
#include <rto/theory/suboptimality.hpp>

#include "sim/experiments/clipped_against_exact.hpp"
#include "sim/experiments/preference_tree.hpp"
#include "sim/experiments/random_planning_problem.hpp"

namespace rto::sim {
namespace {

using state_table = random_planning_problem::state_table;

// One policy of a run and what the theory says of it.
struct iterate {
  double gap = 0;             // J* - J(pi), by the divergence: it keeps its digits
  double objective = 0;       // J(pi)
  std::vector<double> spans;  // e_h
};

// Calls visit(t, iterate) for pi_0 = pi_ref, pi_1, .. until it says stop (false).
template <class Mdp, class Visit>
void iterate_policy(const Mdp& mdp, const random_planning_problem& problem, const optimal_plan<state_table>& optimum,
                    double beta, double eta, Visit&& visit) {
  state_table log_policy = problem.log_reference;
  for (std::int64_t t = 0;; ++t) {
    const auto evaluation = evaluate_policy(mdp, log_policy, problem.log_reference, problem.reward, beta);
    if (!visit(t, iterate{suboptimality_gap_divergence(mdp, optimum, log_policy, beta), evaluation.objective,
                          log_ratio_spans(mdp, log_policy, optimum.log_policy)}))
      return;
    log_policy = policy_iteration_step(log_policy, problem.log_reference, evaluation.action_value, beta, eta);
  }
}

// The largest |log pi*|, at least 1: the rounding of spans is relative to it.
double largest_log_probability(const optimal_plan<state_table>& optimum) {
  double largest = 1;
  for (const double x : array::to_host(optimum.log_policy))
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  return largest;
}

}  // namespace

json run_sweeps(const json& point, replicate_context& context) {
  const double beta = point.at("beta");
  const auto problem = draw_problem(point.at("kind"), context.rng);
  const auto optimum = problem.plan(beta);
  const double scale = std::max(1e-300, optimum.value.abs().maxCoeff());
  json outcome;
  std::visit(
      [&](const auto& mdp) {
        std::vector<double> gaps;
        double before = -std::numeric_limits<double>::infinity();
        int falls = 0;
        iterate_policy(mdp, problem, optimum, beta, 1 / beta, [&](std::int64_t t, const iterate& now) {
          gaps.push_back(now.gap);
          falls += now.objective < before - 1e-12 * scale ? 1 : 0;
          before = now.objective;
          if (t < mdp.layers()) return true;
          outcome["value_error"] = std::abs(now.objective - optimum.objective) / scale;
          outcome["policy_error"] =
              *std::max_element(now.spans.begin(), now.spans.end()) / largest_log_probability(optimum);
          return false;
        });
        outcome["layers"] = mdp.layers();
        outcome["falls"] = falls;
        outcome["gaps"] = gaps;
        // After one sweep: exact already only where there is one layer, or nothing to gain.
        outcome["after_one"] = gaps[1] / scale;
      },
      problem.mdp);
  return outcome;
}

json run_rate(const json& point, replicate_context& context) {
  constexpr double flat = 1e-6;  // nats
  constexpr std::int64_t limit = 5000;
  const double beta = point.at("beta"), share = point.at("share");
  const auto kept = point.at("kept").get<std::int64_t>();
  const auto problem = draw_problem(point.at("kind"), context.rng);
  const auto optimum = problem.plan(beta);
  const double scale = std::max(1e-300, optimum.value.abs().maxCoeff()),
               rounding = 1e-11 * largest_log_probability(optimum);
  // Log-probabilities are rounded by about epsilon times the largest of them, which alone makes a gap of beta times its
  // square; where the optimum is all but deterministic the true gap may be smaller. A ratio to a hundredth needs a gap
  // well above that.
  const double rounded = std::numeric_limits<double>::epsilon() * largest_log_probability(optimum);
  const double resolved = 1e6 * beta * rounded * rounded;
  json outcome{{"ratio", "nan"}};
  std::visit(
      [&](const auto& mdp) {
        std::vector<double> gaps, bound;
        iterate before;
        std::int64_t falls = 0, beyond_recursion = 0, beyond_spans = 0, near = -1;  // near: when pi became flat
        iterate_policy(mdp, problem, optimum, beta, share / beta, [&](std::int64_t t, const iterate& now) {
          if (t <= kept) gaps.push_back(now.gap);
          if (t > 0) {
            falls += now.objective < before.objective - 1e-12 * scale ? 1 : 0;
            for (std::size_t h = 0; h < bound.size(); ++h)
              beyond_recursion += now.spans[h] > bound[h] + rounding ? 1 : 0;
            // Later ratios would be no closer to the limit, but closer to rounding.
            if (near == t - 1 && now.gap > resolved) outcome["ratio"] = now.gap / before.gap;
          }
          beyond_spans += now.gap > suboptimality_of_spans(now.spans, beta) * (1 + 1e-9) + 1e-12 * scale ? 1 : 0;
          if (near < 0 && *std::max_element(now.spans.begin(), now.spans.end()) <= flat) near = t;
          bound = next_log_ratio_spans_bound(now.spans, share);
          before = now;
          return t < limit && (near < 0 || t == near || t < kept);
        });
        outcome["flat_after"] = near;
        outcome["falls"] = falls;
        outcome["beyond_recursion"] = beyond_recursion;
        outcome["beyond_spans"] = beyond_spans;
        outcome["gaps"] = gaps;
      },
      problem.mdp);
  return outcome;
}

json run_regret(const json& point, replicate_context& context) {
  const auto iterations = point.at("iterations").get<std::int64_t>();
  auto problem = draw_problem(point.at("kind"), context.rng);
  const std::int64_t actions = problem.actions();
  boost::random::uniform_01<double> uniform;
  for (Eigen::Index i = 0; i < problem.reward.size(); ++i) problem.reward.data()[i] = uniform(context.rng);
  problem.log_reference.setConstant(-std::log(static_cast<double>(actions)));
  const double best = problem.plan(0).objective;
  return std::visit(
      [&](const auto& mdp) -> json {
        const std::int64_t horizon = mdp.layers();
        const double bound = exponentiated_gradient_regret_bound(horizon, actions, iterations);
        if (actions == 1) return {{"average", 0}, {"bound", 0}, {"last", 0}, {"falls", 0}};
        const auto run = policy_iteration(mdp, problem.log_reference, problem.reward,
                                          {.beta = 0,
                                           .eta = exponentiated_gradient_step_size(horizon, actions, iterations),
                                           .iterations = iterations - 1,
                                           .tolerance = 0});
        double average = 0;
        int falls = 0;
        for (std::size_t t = 0; t < run.objective.size(); ++t) {
          average += (best - run.objective[t]) / static_cast<double>(iterations);
          falls += t > 0 && run.objective[t] < run.objective[t - 1] - 1e-12 * static_cast<double>(horizon) ? 1 : 0;
        }
        return {{"average", average}, {"bound", bound}, {"last", best - run.objective.back()}, {"falls", falls}};
      },
      problem.mdp);
}

json run_theorem(const json& point, replicate_context& context) {
  preference_tree_shape shape;
  shape.beta = point.at("beta");
  const preference_tree t = make_preference_tree(shape, context.rng);
  const learned_reward learned =
      learn(draw_comparisons(t, t.probability, point.at("n"), context.rng), t, 1.5 * shape.norm, 1, 0.1);
  const double radius = learned.oracle_radius;  // the event of the theorem, by the least possible margin
  const auto exact = pessimistic_reward_planning(t.tree, t.log_reference, t.features, learned.estimate,
                                                 learned.covariance, radius, t.beta, false);
  const double cover = expected_bonus(t.visits.state_action_visits, exact.bonus);
  const double kl = expected_sum(t.visits.visits, kl_divergence(t.optimum.log_policy, exact.plan.log_policy));
  const double bound = pessimism_bound(radius, cover, t.beta, kl).total();

  json suboptimality = json::array(), extra = json::array(), bounds = json::array();
  double identity_error = 0, violation = -std::numeric_limits<double>::infinity();
  state_table log_policy = t.log_reference;
  for (std::int64_t step = 0; step <= point.at("steps").get<std::int64_t>(); ++step) {
    const auto visits = occupancy(t.tree, log_policy);
    const auto terms = decompose_suboptimality(t.visits.state_action_visits, visits.state_action_visits, t.reward,
                                               exact.reward, t.beta, kl);
    const double left =
        t.optimum.objective - evaluate_policy(t.tree, log_policy, t.log_reference, t.reward, t.beta).objective;
    const double error = suboptimality_gap_divergence(t.tree, exact.plan, log_policy, t.beta);
    const double scale = std::max({1.0, std::abs(terms.reward_error_of_optimum), std::abs(terms.reward_error_of_policy),
                                   std::abs(terms.planning), error});
    identity_error = std::max(identity_error, std::abs(left - (terms.total() + error)) / scale);
    violation = std::max(violation, (left - (bound + error)) / scale);
    suboptimality.push_back(left);
    extra.push_back(error);
    bounds.push_back(bound + error);
    const auto evaluation = evaluate_policy(t.tree, log_policy, t.log_reference, exact.reward, t.beta);
    log_policy = policy_iteration_step(log_policy, t.log_reference, evaluation.action_value, t.beta,
                                       point.at("share").get<double>() / t.beta);
  }
  return {{"identity_error", identity_error},
          {"violation", violation},
          {"control", std::abs(extra[0].get<double>())},  // without the extra term the identity misses by this much
          {"suboptimality", suboptimality},
          {"extra", extra},
          {"bounds", bounds}};
}

json run_clipped(const json& point, replicate_context& context) {
  const auto gaps = run_clipped_against_exact({.tokens = point.at("A"),
                                               .horizon = point.at("H"),
                                               .beta = point.at("beta"),
                                               .clip = point.at("clip"),
                                               .share = point.at("share"),
                                               .iterations = point.at("iterations"),
                                               .batch = point.at("batch")},
                                              context.rng);
  return {{"clipped", gaps.clipped}, {"exact", gaps.exact}};
}

}  // namespace rto::sim
