// Recipes of token-wise rewards: which terms, with which coefficients, paid where. token_reward.hpp computes them.
//
// A reward is a sum of four terms, each [batch, time], each with its own coefficient:
//   implicit   log(pi_dpo / pi_ref) of every token             (what preferences teach about tokens)
//   sequence   r(x, y) of the whole answer, at its last token  (a sentence-level reward model)
//   score      a token-level reward model's score              (TPPO)
//   kl         -log(pi / pi_ref) of the policy that sampled    (the price of leaving the reference)
// The two that accrue token by token, implicit and score, may be clipped and paid later than they accrue.
// The last token is the last valid one, whether it is the end of the sequence or the answer was cut.
#pragma once

#include <limits>

namespace rto {

/// Where a term that accrues token by token is paid. All but `shaping` pay the same in total.
enum class reward_placement {
  every_token,  // as it accrues
  segment_end,  // the sum over a segment (a sentence, a word), at the segment's last token
  last_token,   // the sum over the answer, at its last token
  shaping,      // as it accrues, and the sum taken back at the last token: the answer's total is 0
};

/// Coefficients of the four terms; a coefficient of 0 leaves the term out, and its inputs may then be absent.
struct token_reward_recipe {
  double implicit = 0;                                             // beta_1, >= 0
  double implicit_clip = std::numeric_limits<double>::infinity();  // |beta_1 log(pi_dpo / pi_ref)| per token at most
  reward_placement implicit_placement = reward_placement::every_token;
  double sequence = 0;                                             // beta_3
  double sequence_clip = std::numeric_limits<double>::infinity();  // |r(x, y)| at most, before beta_3
  double score = 0;
  reward_placement score_placement = reward_placement::every_token;
  double kl = 0;  // beta_2, >= 0
};

/// r_t = 1{t = n} r(x, y) - beta_2 log(pi / pi_ref). \source RTO (arXiv 2404.18922), (2.3)
[[nodiscard]] constexpr token_reward_recipe ppo_reward(double beta_2) { return {.sequence = 1, .kl = beta_2}; }

/// r_t = beta_1 log(pi_dpo / pi_ref) - beta_2 log(pi / pi_ref). \source RTO (arXiv 2404.18922), (4.6)
[[nodiscard]] constexpr token_reward_recipe rto_reward(double beta_1, double beta_2) {
  return {.implicit = beta_1, .kl = beta_2};
}

/// (4.6) + 1{t = n} beta_3 r(x, y). \source the later versions of RTO (`rto_v4` in problem files)
[[nodiscard]] constexpr token_reward_recipe rto_terminal_reward(double beta_1, double beta_2, double beta_3) {
  return {.implicit = beta_1, .sequence = beta_3, .kl = beta_2};
}

/// r_t = clip(s log(pi_dpo / pi_ref), +-c) - beta_2 log(pi / pi_ref) + 1{t = n} clip(r(x, y), +-10), as the published
/// code computes it; c <= 0 means no clip. The clip is no potential shaping: it changes the optimum
/// (docs/mathematics.md 13.5.4). \source the code of RTO's authors; its 8B run has s = c = 0.05 and beta_2 = 0.01
[[nodiscard]] constexpr token_reward_recipe rto_release_reward(double scale = 0.05, double clip = 0.05,
                                                               double beta_2 = 0.01) {
  return {.implicit = scale,
          .implicit_clip = clip > 0 ? clip : std::numeric_limits<double>::infinity(),
          .sequence = 1,
          .sequence_clip = 10,
          .kl = beta_2};
}

/// r_t = 1{t = n} beta_1 sum_j log(pi_dpo / pi_ref)_j - beta_2 log(pi / pi_ref). \source RTO (arXiv 2404.18922), (5.1)
[[nodiscard]] constexpr token_reward_recipe dppo_reward(double beta_1, double beta_2) {
  return {.implicit = beta_1, .implicit_placement = reward_placement::last_token, .kl = beta_2};
}

/// The implicit reward of a segment, summed, at the segment's last token, - beta_2 log(pi / pi_ref): between RTO (every
/// token ends a segment) and DPPO (none but the last does). Set `sequence` for the form with a sentence reward too.
/// \source the later versions of RTO: "Semi-RTO", segments being sentences
[[nodiscard]] constexpr token_reward_recipe semi_rto_reward(double beta_1, double beta_2) {
  return {.implicit = beta_1, .implicit_placement = reward_placement::segment_end, .kl = beta_2};
}

/// The implicit reward as pure shaping, its total taken back at the last token, + 1{t = n} r(x, y)
/// - beta_2 log(pi / pi_ref): the objective of `ppo_reward` for every policy.
/// \source the later versions of RTO: "RS-PPO"; docs/mathematics.md 13.5.5
[[nodiscard]] constexpr token_reward_recipe rs_ppo_reward(double beta_1, double beta_2) {
  return {.implicit = beta_1, .implicit_placement = reward_placement::shaping, .sequence = 1, .kl = beta_2};
}

/// r_t = score_t - beta_2 log(pi / pi_ref). \source TPPO (arXiv 2411.00722), as read in docs/mathematics.md 13.6
[[nodiscard]] constexpr token_reward_recipe tppo_reward(double beta_2) { return {.score = 1, .kl = beta_2}; }

}  // namespace rto
