#include "sim/experiments/clipped_against_exact.hpp"

#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/policy_iteration.hpp>
#include <rto/planning/suboptimality_gap.hpp>

#include "sim/training/policy_optimization.hpp"
#include "sim/training/token_world.hpp"

namespace rto::sim {

clipped_against_exact_gaps run_clipped_against_exact(const clipped_against_exact_options& o, stream& rng) {
  const token_world world =
      make_token_world({.tokens = o.tokens, .horizon = o.horizon, .prompts = 2, .reward_deviation = 1}, rng);
  const edge_table& log_reference = world.log_pretrained;
  const auto optimum = plan(world.tree, log_reference, world.reward, {o.beta});
  const auto gap = [&](const edge_table& log_policy) {
    return suboptimality_gap_divergence(world.tree, optimum, log_policy, o.beta);
  };
  clipped_against_exact_gaps gaps;

  const indexed_features edges = tabular_features(log_reference.rows(), log_reference.cols());
  softmax_policy policy(log_reference, edges);
  policy_optimization_options options;
  options.step.reward = tppo_reward(o.beta);
  options.step.surrogate = {.clip = o.clip};
  options.iterations = o.iterations;
  options.batch = o.batch;
  options.critic = critic_kind::exact;
  optimize_policy(world, policy, world.state_features,
                  {.log_reference = &log_reference, .log_dpo = nullptr, .score = &world.reward}, options, rng,
                  [&](std::int64_t, const softmax_policy& now) {
                    gaps.clipped.push_back(gap(now.log_policy()));
                    return true;
                  });

  edge_table log_policy = log_reference;
  for (std::int64_t t = 0; t <= o.iterations; ++t) {
    gaps.exact.push_back(gap(log_policy));
    const auto evaluation = evaluate_policy(world.tree, log_policy, log_reference, world.reward, o.beta);
    log_policy = policy_iteration_step(log_policy, log_reference, evaluation.action_value, o.beta, o.share / o.beta);
  }
  return gaps;
}

}  // namespace rto::sim
