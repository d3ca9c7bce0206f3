// The token-wise rewards that policy optimisation is fed with: one composer for RTO, DPPO, PPO, TPPO and their kin.
// What a recipe is, and the named ones, are in token_reward_recipe.hpp.
#pragma once

#include <concepts>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/running_sum.hpp>
#include <rto/array/shape.hpp>
#include <rto/reward/implicit_reward.hpp>
#include <rto/reward/token_reward_recipe.hpp>

namespace rto {

/// A component of the reward that a caller brings, coefficient and sign included: a length penalty, a rule, a program's
/// verdict.
template <Array A> struct named_reward {
  std::string name;
  A value;  // [batch, time], reward units; never read in the padding
};

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
  std::vector<named_reward<A>> further = {};  // added as they are
};

/// The terms, signs included; each [batch, time], 0 in the padding and where the recipe leaves it out. Their sums and
/// shares are what a training run should log (token_reward_statistics.hpp).
template <Array A> struct token_reward_terms {
  A implicit;
  A sequence;
  A score;
  A kl;
  std::vector<named_reward<A>> further = {};
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
  for (const named_reward<A>& f : in.further) {
    require_same_shape(name, "mask", in.mask, f.name.c_str(), f.value);
    require_finite(name, f.name.c_str(), f.value, in.mask);
  }
  if (array::rows(in.segment_end) != 0) {
    const A ends = array::select(in.mask, in.segment_end, 0.0);
    if (array::item(array::sum(array::abs(ends * (ends - 1.0)))) != 0)
      throw std::invalid_argument("rto::token_reward: segment_end must hold only 0 and 1 at the valid tokens");
  }
  if (array::rows(in.sequence_reward) == 0) return;
  require_shape(name, "sequence_reward", in.sequence_reward, array::rows(in.mask), 1);
  require_finite(name, "sequence_reward", in.sequence_reward, A(array::time_slice(in.mask, 0, 1)));
}

/// The four terms of a recipe, and the further ones without their padding, written into `out`. All inputs are constants
/// for differentiation.
///
/// \source docs/mathematics.md 13.4 (all rows) and 13.5.5 (shaping)
/// \param out [batch, time] each, must not overlap the inputs; views take no further terms
/// \throws std::invalid_argument where an input that the recipe needs is absent or of another shape; std::domain_error
///   where a coefficient or clip is out of its domain
/// \cost O(batch time)
template <Array A, GoesWith<A> Out>
void token_reward_components(const token_reward_inputs<A>& in, const token_reward_recipe& recipe,
                             token_reward_terms<Out>& out) {
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

  const auto zero = [&](Out& term) { assign(term, full_like(in.mask, 0.0)); };
  const auto at_last_token = [&](const auto& per_row) {
    return value_t<A>(select(last_valid_step(in.mask), broadcast_columns(per_row, cols(in.mask)), 0.0));
  };
  // A term that holds what accrues token by token, 0 in the padding, comes to hold it where the recipe wants it paid.
  const auto place = [&](Out& term, reward_placement placement) {
    if (placement == reward_placement::every_token) return;
    if (placement == reward_placement::segment_end) {
      assign(term, segment_sum(term, need("segment_end", in.segment_end), in.mask));
      return;
    }
    const value_t<A> total = at_last_token(row_sum(term));
    if (placement == reward_placement::last_token)
      assign(term, total);
    else
      assign(term, term - total);
  };
  if (recipe.implicit != 0) {
    implicit_reward(stop_gradient(need("log_dpo", in.log_dpo)), stop_gradient(need("log_reference", in.log_reference)),
                    recipe.implicit, out.implicit);
    assign(out.implicit, select(in.mask, clamp(out.implicit, -recipe.implicit_clip, recipe.implicit_clip), 0.0));
    place(out.implicit, recipe.implicit_placement);
  } else {
    zero(out.implicit);
  }
  if (recipe.sequence != 0) {
    require_shape(name, "sequence_reward", in.sequence_reward, rows(in.mask), 1);
    const value_t<A> clipped = clamp(stop_gradient(in.sequence_reward), -recipe.sequence_clip, recipe.sequence_clip);
    assign(out.sequence, recipe.sequence * at_last_token(clipped));
  } else {
    zero(out.sequence);
  }
  if (recipe.score != 0) {
    assign(out.score, select(in.mask, recipe.score * stop_gradient(need("score", in.score)), 0.0));
    place(out.score, recipe.score_placement);
  } else {
    zero(out.score);
  }
  if (recipe.kl != 0)
    assign(out.kl, select(in.mask,
                          recipe.kl * stop_gradient(need("log_reference", in.log_reference) -
                                                    need("log_policy", in.log_policy)),
                          0.0));
  else
    zero(out.kl);
  if constexpr (std::same_as<Out, A>) {  // views of somebody's arrays have no place for further ones
    out.further.clear();
    for (const named_reward<A>& f : in.further)
      out.further.push_back({f.name, select(in.mask, stop_gradient(need(f.name.c_str(), f.value)), 0.0)});
  }
}

/// The same, returned.
template <Array A>
[[nodiscard]] token_reward_terms<A> token_reward_components(const token_reward_inputs<A>& in,
                                                            const token_reward_recipe& recipe) {
  token_reward_terms<A> terms;
  token_reward_components(in, recipe, terms);
  return terms;
}

/// The sum of the terms. \param out [batch, time], reward units, 0 in the padding
template <Array A, class Out> void total_reward(const token_reward_terms<A>& t, Out&& out) {
  array::assign(out, t.implicit + t.sequence + t.score + t.kl);
  for (const named_reward<A>& f : t.further) array::assign(out, out + f.value);
}

/// The same, returned.
template <Array A> [[nodiscard]] value_t<A> total_reward(const token_reward_terms<A>& t) {
  value_t<A> out;
  total_reward(t, out);
  return out;
}

/// The token rewards: the sum of the terms of a recipe. \returns [batch, time], reward units, 0 in the padding
template <Array A> [[nodiscard]] A token_reward(const token_reward_inputs<A>& in, const token_reward_recipe& recipe) {
  return total_reward(token_reward_components(in, recipe));
}

}  // namespace rto
