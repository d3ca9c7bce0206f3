// Rewards of an answer's length and of its end, as components of a token reward.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// -price at every token: an answer of n tokens pays price n in all.
/// \source Park et al. 2024 (arXiv 2403.19159), the length term of R-DPO's reward
/// \param mask [batch, time]  \param price reward units a token, >= 0
/// \returns [batch, time], 0 in the padding  \throws std::domain_error where price is negative
template <Array M> [[nodiscard]] value_t<M> length_price(const M& mask, double price) {
  require_domain(price >= 0 && price < detail::infinity, "length_price", "0 <= price < infinity", price);
  return array::select(mask, array::full_like(mask, -price), 0.0);
}

/// -penalty at the last token of every answer that did not come to its end.
/// \source TRL's `missing_eos_penalty`
/// \param mask [batch, time]  \param ended [batch, 1]: 1 where the answer came to its end, 0 where it was cut
/// \param penalty reward units, >= 0
/// \returns [batch, time]  \throws std::invalid_argument for shapes, std::domain_error where penalty is negative
template <Array M, GoesWith<M> E>
[[nodiscard]] value_t<M> missing_end_penalty(const M& mask, const E& ended, double penalty) {
  using namespace array;
  require_shape("missing_end_penalty", "ended", ended, rows(mask), 1);
  require_domain(penalty >= 0 && penalty < detail::infinity, "missing_end_penalty", "0 <= penalty < infinity", penalty);
  const value_t<M> cut = full(mask, rows(mask), cols(mask), 1.0) - broadcast_columns(ended, cols(mask));
  return select(last_valid_step(mask), cut * (-penalty), 0.0);
}

/// The soft bound of an answer's length: 0 up to `most - buffer` tokens, falling linearly to -1 at `most` and beyond,
/// at the last token. \source DAPO, Yu et al. 2025 (arXiv 2503.14476), (13) \param mask [batch, time]  \param most,
/// buffer tokens, 0 < buffer <= most \returns [batch, time], reward units  \throws std::domain_error where most or
/// buffer is out of its domain
template <Array M> [[nodiscard]] value_t<M> soft_overlong_penalty(const M& mask, double most, double buffer) {
  using namespace array;
  require_domain(buffer > 0 && buffer <= most, "soft_overlong_penalty", "0 < buffer <= most", buffer);
  const value_t<M> length = row_lengths(mask);
  const value_t<M> over = (length + full(length, rows(length), 1, buffer - most)) * (-1.0 / buffer);
  const value_t<M> bounded = clamp(over, -1.0, 0.0);
  return select(last_valid_step(mask), broadcast_columns(bounded, cols(mask)), 0.0);
}

}  // namespace rto
