// The token-wise rewards that policy optimisation is fed with: one composer for RTO, DPPO, PPO, TPPO and their kin.
// What a recipe is, and the named ones, are in token_reward_recipe.hpp.
#pragma once

#include <stdexcept>
#include <string>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/running_sum.hpp>
#include <rto/array/shape.hpp>
#include <rto/reward/implicit_reward.hpp>
#include <rto/reward/token_reward_recipe.hpp>

namespace rto {

/// What the terms are computed from; what a recipe does not use may stay empty.
template <Array A> struct token_reward_inputs {
  A mask;             // [batch, time], 1 on a prefix of each row; the other entries are never read in the padding
  A log_policy;       // [batch, time], nats: log pi of the policy that sampled the tokens
  A log_reference;    // [batch, time], nats
  A log_dpo;          // [batch, time], nats
  A sequence_reward;  // [batch, 1], reward units
  A score;            // [batch, time], reward units
  A segment_end =
      A();  // [batch, time], 1 at the last token of each segment, else 0; the last valid token always is one
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
  check("segment_end", in.segment_end);
  if (array::rows(in.segment_end) != 0) {
    const A ends = array::select(in.mask, in.segment_end, 0.0);
    if (array::item(array::sum(array::abs(ends * (ends - 1.0)))) != 0)
      throw std::invalid_argument("rto::token_reward: segment_end must hold only 0 and 1 at the valid tokens");
  }
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
  // What accrues token by token, 0 in the padding, where the recipe wants it paid.
  const auto placed = [&](const A& accrued, reward_placement placement) -> A {
    if (placement == reward_placement::every_token) return accrued;
    if (placement == reward_placement::segment_end)
      return segment_sum(accrued, need("segment_end", in.segment_end), in.mask);
    const A total = at_last_token(row_sum(accrued));
    return placement == reward_placement::last_token ? total : A(accrued - total);
  };
  if (recipe.implicit != 0) {
    const A reward = implicit_reward(stop_gradient(need("log_dpo", in.log_dpo)),
                                     stop_gradient(need("log_reference", in.log_reference)), recipe.implicit);
    terms.implicit = placed(select(in.mask, clamp(reward, -recipe.implicit_clip, recipe.implicit_clip), 0.0),
                            recipe.implicit_placement);
  }
  if (recipe.sequence != 0) {
    require_shape(name, "sequence_reward", in.sequence_reward, rows(in.mask), 1);
    terms.sequence = recipe.sequence * at_last_token(clamp(stop_gradient(in.sequence_reward), -recipe.sequence_clip,
                                                           recipe.sequence_clip));
  }
  if (recipe.score != 0)
    terms.score =
        placed(select(in.mask, recipe.score * stop_gradient(need("score", in.score)), 0.0), recipe.score_placement);
  if (recipe.kl != 0)
    terms.kl = select(
        in.mask, recipe.kl * stop_gradient(need("log_reference", in.log_reference) - need("log_policy", in.log_policy)),
        0.0);
  return terms;
}

/// The sum of the four terms. \returns [batch, time], reward units, 0 in the padding
template <Array A> [[nodiscard]] A total_reward(const token_reward_terms<A>& t) {
  return t.implicit + t.sequence + t.score + t.kl;
}

/// The token rewards: the sum of the four terms of a recipe. \returns [batch, time], reward units, 0 in the padding
template <Array A> [[nodiscard]] A token_reward(const token_reward_inputs<A>& in, const token_reward_recipe& recipe) {
  return total_reward(token_reward_components(in, recipe));
}

}  // namespace rto
