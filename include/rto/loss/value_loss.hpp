// The value loss of proximal policy optimisation, plain and clipped.
#pragma once

#include <cmath>
#include <optional>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/aggregation.hpp>

namespace rto {

struct value_loss_options {
  std::optional<double> clip = 0.2;  // c > 0, reward units: how far V may move from V_old; none: plain squared error
};

/// l = max{(V - R)^2, (clip(V, V_old - c, V_old + c) - R)^2} / 2 for each token; without a clip (V - R)^2 / 2.
///
/// \source Schulman et al. 2017, reference code (the factor 1/2 included); docs/mathematics.md 14.3
/// \param value, old_value V of now and of the rollout; `target` R = A + V_old; one shape, reward units
/// \param out the same shape, must not overlap the inputs
/// \gradient through value only: V - R where the unclipped term attains the maximum (ties included), else 0
/// \returns the shape of the arguments, squared reward units
/// \throws std::invalid_argument where shapes differ; std::domain_error unless the clip is positive and finite
/// \cost two passes
template <Elementwise A, GoesWith<A> B, GoesWith<A> C, class Out>
void value_token_loss(const A& value, const B& old_value, const C& target, value_loss_options options, Out&& out) {
  using namespace array;
  require_same_shape("value_token_loss", "value", value, "old_value", old_value);
  require_same_shape("value_token_loss", "value", value, "target", target);
  if (!options.clip) {
    assign(out, 0.5 * ((value - stop_gradient(target)) * (value - stop_gradient(target))));
    return;
  }
  const double c = *options.clip;
  require_domain(c > 0 && std::isfinite(c), "value_token_loss", "0 < clip < infinity", c);
  // V itself where it lies inside, not V_old + (V - V_old), whose rounding would break the tie between the two terms.
  // `out` holds the clipped error first: no array of its own for an intermediate.
  assign(out, where_le(stop_gradient(value), stop_gradient(old_value) - c, stop_gradient(old_value) - c,
                       where_le(stop_gradient(old_value) + c, stop_gradient(value), stop_gradient(old_value) + c,
                                stop_gradient(value))) -
                  stop_gradient(target));
  assign(out, 0.5 * where_le(abs(out), abs(value - stop_gradient(target)),
                             (value - stop_gradient(target)) * (value - stop_gradient(target)), out * out));
}

/// The same, returned.
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> value_token_loss(const A& value, const B& old_value, const C& target,
                                          value_loss_options options = {}) {
  value_t<A> out;
  value_token_loss(value, old_value, target, options, out);
  return out;
}

/// d l / d V of each token in closed form: V - R where the unclipped term attains the maximum (ties included), else 0.
/// For callers without automatic differentiation; what the \gradient of the token loss says.
/// \returns the shape of the arguments, reward units
/// \throws as value_token_loss
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> value_token_gradient(const A& value, const B& old_value, const C& target,
                                              value_loss_options options = {}) {
  using namespace array;
  require_same_shape("value_token_gradient", "value", value, "old_value", old_value);
  require_same_shape("value_token_gradient", "value", value, "target", target);
  const value_t<A> error = value - target;
  if (!options.clip) return error;
  const double c = *options.clip;
  require_domain(c > 0 && std::isfinite(c), "value_token_gradient", "0 < clip < infinity", c);
  // The comparisons are those of the loss, so that no rounding of a bound parts the two. Outside the clip the gradient
  // stays unless the error is smaller than that of the clipped value: written so that NaN stays NaN.
  const value_t<A> low = value_t<A>(old_value - c), high = value_t<A>(old_value + c);
  const value_t<A> zero = full_like(error, 0.0);
  const auto unless_smaller = [&](const value_t<A>& clipped_error) -> value_t<A> {
    return where_le(abs(error), abs(clipped_error), where_le(abs(clipped_error), abs(error), error, zero), error);
  };
  const value_t<A> below = unless_smaller(low - target), above = unless_smaller(high - target);
  return value_t<A>(where_le(value, low, below, where_le(high, value, above, error)));
}

/// The mean of the token losses, (1/2N) sum max{...} by default; entries in the padding are never read.
/// \param mask [batch, time], 1 on a prefix of each row. \returns a scalar_t, squared reward units
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> M>
[[nodiscard]] scalar_t<A> value_loss(const A& value, const B& old_value, const C& target, const M& mask,
                                     value_loss_options options = {}, aggregation_options how = {}) {
  return aggregate(value_token_loss(value, old_value, target, options), mask, how);
}

}  // namespace rto
