// Lemma A.2: the performance-difference lemma with a KL charge.
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
  const auto first = draw_policy(problem, context.rng), second = draw_policy(problem, context.rng);
  const auto value = problem.evaluate(first, beta), other = problem.evaluate(second, beta);

  const double left = value.objective - other.objective;
  const auto right = problem.difference(first, second, beta);
  // The first term with the values of the first policy instead of the second: not the lemma.
  const random_planning_problem::state_table step = rto::probabilities(first) - rto::probabilities(second);
  const double confused = rto::expected_sum(
      problem.visits(first), random_planning_problem::state_table((value.action_value * step).rowwise().sum()));
  const double scale = std::max(value.value.abs().maxCoeff(), other.value.abs().maxCoeff());
  return {{"states", problem.states()},
          {"error", relative_error(left, right.action_value_term + right.kl_term, scale)},
          {"control", relative_error(left, confused + right.kl_term, scale)}};
}

conclusion conclude(const settings&, const outcomes& results) {
  const double n = static_cast<double>(results.count());
  conclusion c;
  c.tested = fmt::format(
      "Two random policies on {} random instances of up to {} states, with stochastic transitions too: the left side "
      "by "
      "two policy evaluations, the right side state by state.",
      results.count(), results.maximum("states"));
  c.checks.push_back(identity_check("identity",
                                    "largest |left − right|, relative to the largest value of either policy",
                                    results.maximum("error"), 1e-12, n));
  c.checks.push_back(
      control_check("instances on which the first term with the values of π instead of π' misses the difference",
                    results.values("control")));
  c.figures.push_back(
      error_figure("lem-a2-errors", "The two sides of Lemma A.2",
                   "First: share of instances whose relative error is at most x (exact zeros at 1e-18). "
                   "Dashed: the control, in which the first term has the values of the first policy. "
                   "Second: the largest error of each positive β.",
                   results, "control: values of π"));
  c.notes.push_back(
      {note::kind::reconstruction, "Convention",
       "The formula is reconstructed. Here <i>q</i> leaves log π<sub>ref</sub> out; in the paper's "
       "convention <i>Q</i> = <i>q</i> + β log π<sub>ref</sub> and the two KL terms become entropies. The "
       "states are visited under the first policy, the values belong to the second."});
  return c;
}

const registered_claim lemma_a2{
    {.id = "lem-A.2",
     .title = "The performance difference of two policies, state by state",
     .statement =
         "<i>J</i>(π) − <i>J</i>(π') = E<sub><i>s</i> ~ <i>d</i><sup>π</sup></sub>[⟨<i>q</i><sup>π'</sup>(<i>s</i>,·), "
         "π(·|<i>s</i>) − π'(·|<i>s</i>)⟩ − β KL(π‖π<sub>ref</sub>)(<i>s</i>) + β KL(π'‖π<sub>ref</sub>)(<i>s</i>)]",
     .source = "Lemma A.2; formula reconstructed from the proof of Theorem 4.2 and Kakade and Langford 2002",
     .schema = planning_settings({0, 1e-6, 1e-3, 0.3, 2, 1e3, 1e6, 1e10}),
     .plan = planning_grid,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
