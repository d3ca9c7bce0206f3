// The token-wise rewards that policy optimisation is fed with: one composer for RTO, DPPO, PPO, TPPO and their kin.
//
// A reward is a sum of four terms, each [batch, time], each with its own coefficient, clip and placement:
//   implicit   log(pi_dpo / pi_ref) of every token             (what preferences teach about tokens)
//   sequence   r(x, y) of the whole answer, at its last token  (a sentence-level reward model)
//   score      a token-level reward model's score              (TPPO)
//   kl         -log(pi / pi_ref) of the policy that sampled    (the price of leaving the reference)
// The last token is the last valid one, whether it is the end of the sequence or the answer was cut.
#pragma once

#include <stdexcept>
#include <string>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/reward/implicit_reward.hpp>

namespace rto {

/// Where the implicit term is paid.
enum class reward_placement {
  every_token,  // as it accrues
  last_token,   // its sum, at the last token
  shaping,      // as it accrues, and its sum taken back at the last token: the trajectory's total is 0
};

/// Coefficients of the four terms; a coefficient of 0 leaves the term out, and its inputs may then be absent.
struct token_reward_recipe {
  double implicit = 0;                      // beta_1, >= 0
  double implicit_clip = detail::infinity;  // |beta_1 log(pi_dpo / pi_ref)| per token at most
  reward_placement placement = reward_placement::every_token;
  double sequence = 0;                      // beta_3
  double sequence_clip = detail::infinity;  // |r(x, y)| at most, before beta_3
  double score = 0;
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
          .implicit_clip = clip > 0 ? clip : detail::infinity,
          .sequence = 1,
          .sequence_clip = 10,
          .kl = beta_2};
}

/// r_t = 1{t = n} beta_1 sum_j log(pi_dpo / pi_ref)_j - beta_2 log(pi / pi_ref). \source RTO (arXiv 2404.18922), (5.1)
[[nodiscard]] constexpr token_reward_recipe dppo_reward(double beta_1, double beta_2) {
  return {.implicit = beta_1, .placement = reward_placement::last_token, .kl = beta_2};
}

/// r_t = score_t - beta_2 log(pi / pi_ref). \source TPPO (arXiv 2411.00722), as read in docs/mathematics.md 13.6
[[nodiscard]] constexpr token_reward_recipe tppo_reward(double beta_2) { return {.score = 1, .kl = beta_2}; }

/// What the terms are computed from; what a recipe does not use may stay empty.
template <Array A> struct token_reward_inputs {
  A mask;             // [batch, time], 1 on a prefix of each row; the other entries are never read in the padding
  A log_policy;       // [batch, time], nats: log pi of the policy that sampled the tokens
  A log_reference;    // [batch, time], nats
  A log_dpo;          // [batch, time], nats
  A sequence_reward;  // [batch, 1], reward units
  A score;            // [batch, time], reward units
};

/// The four terms, signs included; each [batch, time], 0 in the padding and where the recipe leaves it out. Their sums
/// and shares are what a training run should log.
template <Array A> struct token_reward_terms {
  A implicit;
  A sequence;
  A score;
  A kl;
};

/// Checks the contracts on entries: a prefix mask, finite values at valid tokens in every input that is there.
/// \throws std::invalid_argument. \cost O(batch time); synchronises with a device
template <Array A> void validate(const token_reward_inputs<A>& in) {
  constexpr const char* name = "token_reward";
  validate_mask(name, in.mask);
  const auto check = [&](const char* what, const A& x) {
    if (array::rows(x) == 0) return;
    require_same_shape(name, "mask", in.mask, what, x);
    require_finite(name, what, x, in.mask);
  };
  check("log_policy", in.log_policy);
  check("log_reference", in.log_reference);
  check("log_dpo", in.log_dpo);
  check("score", in.score);
  if (array::rows(in.sequence_reward) == 0) return;
  require_shape(name, "sequence_reward", in.sequence_reward, array::rows(in.mask), 1);
  require_finite(name, "sequence_reward", in.sequence_reward, A(array::time_slice(in.mask, 0, 1)));
}

/// The four terms of a recipe. All inputs are constants for differentiation.
///
/// \source docs/mathematics.md 13.4 (all rows) and 13.5.5 (shaping)
/// \throws std::invalid_argument where an input that the recipe needs is absent or of another shape; std::domain_error
///   where a coefficient or clip is out of its domain
/// \cost O(batch time)
template <Array A>
[[nodiscard]] token_reward_terms<A> token_reward_components(const token_reward_inputs<A>& in,
                                                            const token_reward_recipe& recipe) {
  using namespace array;
  constexpr const char* name = "token_reward";
  using detail::infinity;
  const auto finite = [](double c) { return c > -infinity && c < infinity; };
  require_domain(recipe.implicit >= 0 && recipe.implicit < infinity, name, "0 <= implicit < infinity", recipe.implicit);
  require_domain(recipe.kl >= 0 && recipe.kl < infinity, name, "0 <= kl < infinity", recipe.kl);
  require_domain(finite(recipe.sequence), name, "a finite sequence coefficient", recipe.sequence);
  require_domain(finite(recipe.score), name, "a finite score coefficient", recipe.score);
  require_domain(recipe.implicit_clip > 0, name, "implicit_clip > 0", recipe.implicit_clip);
  require_domain(recipe.sequence_clip > 0, name, "sequence_clip > 0", recipe.sequence_clip);
  const auto need = [&](const char* what, const A& x) -> const A& {
    require_same_shape(name, "mask", in.mask, what, x);
    return x;
  };

  const A zero = full(in.mask, rows(in.mask), cols(in.mask), 0.0);
  token_reward_terms<A> terms{zero, zero, zero, zero};
  const auto at_last_token = [&](const auto& per_row) -> A {
    return select(last_valid_step(in.mask), broadcast_columns(per_row, cols(in.mask)), 0.0);
  };
  if (recipe.implicit != 0) {
    const A reward = implicit_reward(stop_gradient(need("log_dpo", in.log_dpo)),
                                     stop_gradient(need("log_reference", in.log_reference)), recipe.implicit);
    terms.implicit = select(in.mask, clamp(reward, -recipe.implicit_clip, recipe.implicit_clip), 0.0);
    if (recipe.placement != reward_placement::every_token) {
      const A total = at_last_token(row_sum(terms.implicit));
      terms.implicit = recipe.placement == reward_placement::last_token ? total : A(terms.implicit - total);
    }
  }
  if (recipe.sequence != 0) {
    require_shape(name, "sequence_reward", in.sequence_reward, rows(in.mask), 1);
    terms.sequence = recipe.sequence * at_last_token(clamp(stop_gradient(in.sequence_reward), -recipe.sequence_clip,
                                                           recipe.sequence_clip));
  }
  if (recipe.score != 0) terms.score = select(in.mask, recipe.score * stop_gradient(need("score", in.score)), 0.0);
  if (recipe.kl != 0)
    terms.kl = select(
        in.mask, recipe.kl * stop_gradient(need("log_reference", in.log_reference) - need("log_policy", in.log_policy)),
        0.0);
  return terms;
}

/// The token rewards: the sum of the four terms. \returns [batch, time], reward units, 0 in the padding
template <Array A> [[nodiscard]] A token_reward(const token_reward_inputs<A>& in, const token_reward_recipe& recipe) {
  const token_reward_terms<A> t = token_reward_components(in, recipe);
  return t.implicit + t.sequence + t.score + t.kl;
}

}  // namespace rto
