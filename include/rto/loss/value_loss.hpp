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

namespace detail {
// clip(V, V_old - c, V_old + c) - R. V itself where it lies inside, not V_old + (V - V_old), whose rounding would break
// the tie between the two terms of the loss.
template <class A, class B, class C, class Out>
void clipped_value_error(const A& value, const B& old_value, const C& target, double c, Out&& out) {
  using namespace array;
  assign(out, where_le(stop_gradient(value), stop_gradient(old_value) - c, stop_gradient(old_value) - c,
                       where_le(stop_gradient(old_value) + c, stop_gradient(value), stop_gradient(old_value) + c,
                                stop_gradient(value))) -
                  stop_gradient(target));
}
}  // namespace detail

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
  detail::clipped_value_error(value, old_value, target, c, out);  // `out` holds it: no array for an intermediate
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
/// \param out the shape of the arguments, must not overlap them, reward units
/// \throws as value_token_loss
/// \cost two passes
template <Elementwise A, GoesWith<A> B, GoesWith<A> C, class Out>
void value_token_gradient(const A& value, const B& old_value, const C& target, value_loss_options options, Out&& out) {
  using namespace array;
  require_same_shape("value_token_gradient", "value", value, "old_value", old_value);
  require_same_shape("value_token_gradient", "value", value, "target", target);
  if (!options.clip) {
    assign(out, value - target);
    return;
  }
  const double c = *options.clip;
  require_domain(c > 0 && std::isfinite(c), "value_token_gradient", "0 < clip < infinity", c);
  detail::clipped_value_error(value, old_value, target, c, out);
  // The gradient stays unless the error is smaller than that of the clipped value: written so that NaN stays NaN.
  assign(out, where_le(abs(value - target), abs(out),
                       where_le(abs(out), abs(value - target), value - target, full_like(out, 0.0)), value - target));
}

/// The same, returned.
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> value_token_gradient(const A& value, const B& old_value, const C& target,
                                              value_loss_options options = {}) {
  value_t<A> out;
  value_token_gradient(value, old_value, target, options, out);
  return out;
}

/// The mean of the token losses, (1/2N) sum max{...} by default; entries in the padding are never read.
/// \param mask [batch, time], 1 on a prefix of each row. \returns a scalar_t, squared reward units
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> M>
[[nodiscard]] scalar_t<A> value_loss(const A& value, const B& old_value, const C& target, const M& mask,
                                     value_loss_options options = {}, aggregation_options how = {}) {
  if constexpr (requires { traits_of<A>::value_loss(value, old_value, target, mask, options, how); })
    if (auto native = traits_of<A>::value_loss(value, old_value, target, mask, options, how)) return *native;
  return aggregate(value_token_loss(without_padding(mask, value), without_padding(mask, old_value),
                                    without_padding(mask, target), options),
                   mask, how);
}

/// d value_loss / d value in closed form, 0 in the padding, which is never read: for callers without automatic
/// differentiation. \param out [batch, time], must not overlap the inputs. \throws as value_loss
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> M, class Out>
void value_loss_gradient(const A& value, const B& old_value, const C& target, const M& mask, value_loss_options options,
                         aggregation_options how, Out&& out) {
  value_token_gradient(without_padding(mask, value), without_padding(mask, old_value), without_padding(mask, target),
                       options, out);
  array::assign(out, array::select(mask, out * aggregation_weights(mask, how), 0.0));
}

}  // namespace rto
