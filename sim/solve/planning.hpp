#pragma once
// The families tree_plan and mdp_plan, for any array type: a back end instantiates the same answers.
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/performance_difference.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/suboptimality_gap.hpp>

#include "sim/solve/finite_mdp_input.hpp"
#include "sim/solve/registry.hpp"
#include "sim/solve/trie_input.hpp"

namespace rto::sim {

/// One entry of `per_beta`: the optimum, and the value of the given policy.
template <class Mdp, Array A>
json plan_json(const Mdp& mdp, const state_shape& shape, const A& log_reference, const A& reward, const A& log_policy,
               double beta) {
  const auto optimum = plan(mdp, log_reference, reward, {.beta = beta});
  const bool finite = beta < detail::infinity;
  json result{{"beta", beta},
              {"J", array::item(optimum.objective)},
              {"V", column_json(optimum.value, shape)},
              {"q", table_json(optimum.action_value, shape)},
              {"pi", table_json(probabilities(optimum.log_policy), shape)},
              {"logpi", table_json(optimum.log_policy, shape)},
              {"visits_star", column_json(occupancy(mdp, optimum.log_policy).visits, shape)}};
  if (beta > 0 && finite) result["implicit"] = table_json(implicit_token_reward(optimum, log_reference), shape);
  if (!finite) return result;  // every policy but the reference is worth -inf

  const auto policy = evaluate_policy(mdp, log_policy, log_reference, reward, beta);
  result["pol_J"] = array::item(policy.objective);
  result["pol_V"] = column_json(policy.value, shape);
  result["pol_q"] = table_json(policy.action_value, shape);
  result["pol_visits"] = column_json(occupancy(mdp, log_policy).visits, shape);
  result["pol_subopt"] = array::item(suboptimality_gap(optimum, policy));
  if (beta > 0) {
    result["pol_kl"] = column_json(policy.kl, shape);
    result["pol_subopt_kl"] = array::item(suboptimality_gap_divergence(mdp, optimum, log_policy, beta));
  }
  return result;
}

/// `per_beta` for every entry of `betas`.
template <class Mdp, Array A>
json plans_json(const reader& input, const Mdp& mdp, const state_shape& shape, const A& log_reference, const A& reward,
                const A& log_policy) {
  json plans = json::array();
  for (const double beta : input.numbers("betas"))
    plans.push_back(plan_json(mdp, shape, log_reference, reward, log_policy, beta));
  return plans;
}

/// The family tree_plan. \param like says which array type, on which device
template <Array A> json solve_tree_plan(const problem& p, const A& like) {
  const token_trie trie = read_trie(p.input);
  const state_shape shape{static_cast<std::size_t>(trie.states())};
  const auto table = [&](const char* field) { return read_table(p.input, field, shape, trie.actions(), like); };
  const auto policy = [&](const char* field) { return policy_from_logits(table(field), field); };
  return {{"per_beta", plans_json(p.input, trie, shape, policy("ref_logits"), table("reward"), policy("pol_logits"))}};
}

/// The family mdp_plan, with Lemma A.2 where a second policy is given.
template <Array A> json solve_mdp_plan(const problem& p, const A& like) {
  const auto model = read_finite_mdp(p.input, like);
  const auto& mdp = model.mdp;
  const state_shape& shape = model.shape;
  const auto table = [&](const char* field) { return read_table(p.input, field, shape, mdp.actions(), like); };
  const auto policy = [&](const char* field) { return policy_from_logits(table(field), field); };
  const array_t<A> reward = table("reward"), log_reference = policy("ref_logits"), log_policy = policy("pol_logits");
  json result{{"per_beta", plans_json(p.input, mdp, shape, log_reference, reward, log_policy)}};
  if (!p.input.has("pol2_logits")) return result;

  const array_t<A> log_other = policy("pol2_logits");
  result["lemma_a2"] = json::array();
  for (const double beta : {0.0, 0.3, 2.0}) {
    const auto objective = [&](const array_t<A>& log_pi) {
      return array::item(evaluate_policy(mdp, log_pi, log_reference, reward, beta).objective);
    };
    json entry{{"beta", beta}, {"lhs", objective(log_policy) - objective(log_other)}};
    try {
      const auto terms = performance_difference(mdp, log_policy, log_other, log_reference, reward, beta);
      entry["q_term"] = array::item(terms.action_value_term);
      entry["kl_term"] = array::item(terms.kl_term);
      entry["rhs"] = array::item(terms.action_value_term) + array::item(terms.kl_term);
    } catch (const std::domain_error&) {  // valid input, but a policy leaves the support of the reference
      entry = {{"beta", beta}, {"status", "non_finite_result"}};
    }
    result["lemma_a2"].push_back(entry);
  }
  return result;
}

}  // namespace rto::sim
