// What a token reward is made of, batch by batch: which component speaks loudest, and how often a clip bites.
#pragma once

#include <string>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/reward/token_reward.hpp>

namespace rto {

/// One component of the reward.
template <class S> struct reward_term_statistics {
  std::string name;
  S mean;   ///< over the non-empty answers, of the component's sum along the answer, reward units
  S share;  ///< of the component in sum over components, answers and tokens of |r|, in [0, 1]; 0 where all are 0
};

template <class S> struct token_reward_statistics {
  std::vector<reward_term_statistics<S>> terms;  ///< implicit, sequence, score, kl, then the further ones
  S implicit_clip_fraction;  ///< of tokens: |beta_1 log(pi_dpo / pi_ref)| beyond its clip; 0 without the term
  S sequence_clip_fraction;  ///< of answers: |r(x, y)| beyond its clip; 0 without the term
};

/// \param in, terms of one batch, terms = token_reward_components(in, recipe)
/// \throws std::invalid_argument where shapes differ
/// \cost a few passes over [batch, time]; no device synchronisation
template <Array A>
[[nodiscard]] token_reward_statistics<scalar_t<A>> describe(const token_reward_inputs<A>& in,
                                                            const token_reward_terms<A>& terms,
                                                            const token_reward_recipe& recipe) {
  using namespace array;
  using S = scalar_t<A>;
  const A first = time_slice(in.mask, 0, 1);  // 1 for every answer that is not empty
  const S answers = sum(first);
  std::vector<reward_term_statistics<S>> all;
  S magnitude = sum(in.mask) * 0.0;
  const auto add = [&](const std::string& name, const A& value) {
    require_same_shape("describe", "mask", in.mask, name.c_str(), value);
    const S own = sum(abs(value));
    all.push_back({name, sum(value) / answers, own});
    magnitude = magnitude + own;
  };
  add("implicit", terms.implicit);
  add("sequence", terms.sequence);
  add("score", terms.score);
  add("kl", terms.kl);
  for (const named_reward<A>& f : terms.further) add(f.name, f.value);
  const S divisor = where_le(magnitude, 0.0, 1.0, magnitude);
  for (reward_term_statistics<S>& term : all) term.share = term.share / divisor;

  const S none = magnitude * 0.0;
  // The share of the units at which |x| is above its bound.
  const auto beyond = [&](const A& x, double bound, const A& units) -> S {
    const A outside = where_le(abs(x), bound, 0.0, full(x, rows(x), cols(x), 1.0));
    return masked_mean(outside, units);
  };
  return {
      .terms = std::move(all),
      .implicit_clip_fraction =
          recipe.implicit == 0
              ? none
              : beyond(implicit_reward(in.log_dpo, in.log_reference, recipe.implicit), recipe.implicit_clip, in.mask),
      .sequence_clip_fraction = recipe.sequence == 0 ? none : beyond(in.sequence_reward, recipe.sequence_clip, first)};
}

}  // namespace rto
