#pragma once
// The family token_rewards, for any array type: every recipe of token rewards.
#include <rto/reward/token_reward.hpp>

#include "sim/solve/token_batch.hpp"

namespace rto::sim {

/// The family token_rewards. \param like says which array type, on which device
template <Array A> json solve_token_rewards(const problem& p, const A& like) {
  const token_batch<A> batch(p.input, like);
  token_reward_inputs<A> in{};
  in.mask = batch.mask;
  in.log_policy = batch.tokens("logp");
  in.log_reference = batch.tokens("logp_ref");
  in.log_dpo = batch.tokens("logp_dpo");
  in.sequence_reward = batch.rows("r_seq");
  in.score = batch.tokens("token_scores");
  validate(in);
  const double beta_1 = p.input.number("beta1"), beta_2 = p.input.number("beta2"), beta_3 = p.input.number("beta3");
  const auto rewards = [&](const token_reward_recipe& recipe) { return rows_json(A(token_reward(in, recipe))); };
  return {{"implicit", rewards(rto_reward(beta_1, 0))},
          {"ppo", rewards(ppo_reward(beta_2))},
          {"rto", rewards(rto_reward(beta_1, beta_2))},
          {"rto_v4", rewards(rto_terminal_reward(beta_1, beta_2, beta_3))},
          {"dppo", rewards(dppo_reward(beta_1, beta_2))},
          {"tppo", rewards(tppo_reward(beta_2))},
          {"rto_release", rewards(rto_release_reward(p.input.number("scale"), p.input.number("reward_clip"), beta_2))}};
}

}  // namespace rto::sim
