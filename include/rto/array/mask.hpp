// Masks of ragged batches: 0/1 arrays [batch, time], 1 on a prefix of every row.
//
// A mask always means select(mask, x, 0), never mask * x: padding may hold anything, NaN too.
#pragma once

#include <stdexcept>
#include <string>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// n_b = sum_t mask_{b,t}. \returns [batch, 1], in tokens.
template <Array M> [[nodiscard]] auto row_lengths(const M& mask) { return array::row_sum(mask); }

/// 1 at the last valid token of every row, 0 elsewhere (an empty row has none). \param mask [batch, time], prefixes.
/// \returns [batch, time], lazy where the library is.
template <Array M> [[nodiscard]] auto last_valid_step(const M& mask) { return mask - array::next_step(mask); }

/// The mean of the valid entries, (1/N) sum mask x. \returns a scalar_t; not finite where the mask is empty.
template <Array A, GoesWith<A> M> [[nodiscard]] scalar_t<A> masked_mean(const A& x, const M& mask) {
  return array::sum(array::select(mask, x, 0.0)) / array::sum(mask);
}

/// x as the argument of a formula whose values in the padding are dropped afterwards: x itself, or where a library
/// differentiates backwards (its traits have `padding_reaches_gradients`) with 0 in the padding, since there the
/// derivative at a NaN, times the 0 that comes back from the dropped value, would be a NaN of the gradient.
template <Array A, GoesWith<A> M> [[nodiscard]] decltype(auto) without_padding(const M& mask, const A& x) {
  if constexpr (requires { traits_of<A>::padding_reaches_gradients; }) {
    const bool same_shape = array::rows(mask) == array::rows(x) && array::cols(mask) == array::cols(x);
    return same_shape ? value_t<A>(array::select(mask, x, 0.0)) : value_t<A>(x);  // else the formula says what is wrong
  } else {
    return (x);
  }
}

/// Throws std::invalid_argument unless `mask` is 0/1, 1 exactly on a prefix of each row, and not empty as a whole.
/// Single empty rows are fine. \cost O(size); synchronises with a device.
template <Array M> void validate_mask(const char* function, const M& mask) {
  const auto fail = [&](const char* requirement) {
    throw std::invalid_argument(std::string("rto::") + function + ": the mask must " + requirement);
  };
  if (array::rows(mask) == 0 || array::cols(mask) == 0) fail("have at least one valid token, got an empty array");
  if (!array::all_finite(mask) || array::item(array::sum(array::abs(mask * (mask - 1.0)))) != 0)
    fail("hold only 0 and 1");
  if (array::item(array::max_coeff(array::next_step(mask) - mask)) > 0)
    fail("be 1 on a prefix of every row, got a 1 after a 0");
  if (!(array::item(array::sum(mask)) > 0)) fail("have at least one valid token, got all rows empty");
}

/// Throws std::invalid_argument where a valid entry of `x` is NaN or infinite; padding is not read.
/// \cost O(size); synchronises with a device.
template <Array A, GoesWith<A> M>
void require_finite(const char* function, const char* name, const A& x, const M& mask) {
  if (!array::all_finite(array::select(mask, x, 0.0)))
    throw std::invalid_argument(std::string("rto::") + function + ": " + name +
                                " must be finite at every valid token, got NaN or infinity");
}

}  // namespace rto
