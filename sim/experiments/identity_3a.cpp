// Identity (3.a): the suboptimality gap is a divergence, exactly.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <rto/mdp/policy.hpp>
#include <rto/planning/suboptimality_gap.hpp>

#include "sim/experiments/random_planning_problem.hpp"

namespace {

using namespace rto::sim;

json replicate(const json& point, replicate_context& context) {
  const double beta = to_number(point.at("beta"), "beta");
  const auto problem = draw_problem(point.at("kind"), context.rng);
  const auto log_policy = draw_policy(problem, context.rng);
  const auto optimum = problem.plan(beta);
  const auto policy = problem.evaluate(log_policy, beta);

  const double gap = rto::suboptimality_gap(optimum, policy);
  const double divergence = problem.gap_divergence(optimum, log_policy, beta);
  const double scale = std::max(optimum.value.abs().maxCoeff(), policy.value.abs().maxCoeff());
  // The same divergence in the states that the optimum visits: not the identity.
  const double wrong =
      beta * rto::expected_sum(problem.visits(optimum.log_policy), rto::kl_divergence(log_policy, optimum.log_policy));
  return {{"states", problem.states()},
          {"error", relative_error(gap, divergence, scale)},
          {"negative", gap < -1e-10 * scale ? 1 : 0},
          {"control", relative_error(gap, wrong, scale)}};
}

conclusion conclude(const settings&, const outcomes& results) {
  const double n = static_cast<double>(results.count());
  conclusion c;
  c.tested = fmt::format(
      "Both sides by separate recursions: two backward ones for J(π*) − J(π), one forward one for the visits, on {} "
      "random "
      "instances of up to {} states with random policies.",
      results.count(), results.maximum("states"));
  c.checks.push_back(identity_check("identity",
                                    "largest |left − right|, relative to the largest value of either policy",
                                    results.maximum("error"), 1e-10, n));
  c.checks.push_back(always_check("non-negative", "instances with J(π) above J(π*) by more than rounding",
                                  results.sum("negative"), n));
  c.checks.push_back(
      control_check("instances on which the same sum over the states that <i>π*</i> visits misses the gap",
                    results.values("control")));
  c.figures.push_back(
      error_figure("identity-3a-errors", "J(π*) − J(π) against β E KL(π‖π*)",
                   "First: share of instances whose relative error is at most x (exact zeros at 1e-18). "
                   "Dashed: the control, in which states are visited under π* instead of π. Second: the "
                   "largest error of each coefficient β.",
                   results, "control: states of π*"));
  c.notes.push_back(
      {note::kind::reconstruction, "A corollary, not printed in the paper",
       "Term (iii) in the proof of Theorem 4.2 is this identity for the estimated reward; it follows from "
       "Lemma A.2 with π' optimal, where q* = V* + β log(π*/π<sub>ref</sub>). It holds for every policy and "
       "every kernel, and is the strongest single test of a planner."});
  return c;
}

const registered_claim identity_3a{
    {.id = "identity-3.a",
     .title = "The suboptimality gap is an expected divergence",
     .statement = "<i>J</i>(π*) − <i>J</i>(π) = β E<sub><i>s</i> ~ <i>d</i><sup>π</sup></sub> KL(π(·|<i>s</i>) ‖ "
                  "π*(·|<i>s</i>)) for every policy π, any kernel and any β &gt; 0",
     .source = "Exact corollary of Lemma A.2; used in the proof of Theorem 4.2",
     .origin = claim_origin::own,
     .schema = planning_settings({1e-6, 1e-3, 0.1, 1, 10, 1e3, 1e6, 1e10}),
     .plan =
         [](const settings& s) {
           for (const double beta : s.reals("betas"))
             if (beta == 0) throw user_error("identity-3.a: betas: the identity needs beta > 0, found 0");
           return planning_grid(s);
         },
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
