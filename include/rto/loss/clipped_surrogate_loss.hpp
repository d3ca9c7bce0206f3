// The clipped surrogate loss of proximal policy optimisation.
#pragma once

#include <cmath>
#include <limits>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/aggregation.hpp>

namespace rto {

struct clipped_surrogate_options {
  double clip = 0.2;  // epsilon > 0; the ratio is clipped to [1 - epsilon, 1 + epsilon]
};

namespace detail {
// Log-ratios at which the clipped branch takes over: above log(1 + eps) for A > 0, below log(1 - eps) for A < 0.
struct log_clip {
  double low, high;
  explicit log_clip(const char* function, double clip)
      : low(clip < 1 ? std::log1p(-clip) : -infinity), high(std::log1p(clip)) {
    require_domain(clip > 0 && std::isfinite(clip), function, "0 < clip < infinity", clip);
  }
};
}  // namespace detail

/// l = -min(rho A, clip(rho, 1 - eps, 1 + eps) A) for each token, rho = exp(log_prob - old_log_prob).
///
/// Written as -exp(d) A with the log-ratio d stopped where the clipped branch is the smaller one, from above for A >= 0
/// and from below for A < 0: one exponential, and no branch is ever evaluated where it could overflow unless it is the
/// value: rho = infinity gives -(1 + eps) A for A > 0, 0 for A = 0, and +infinity for A < 0, which the caller reports.
///
/// \source Schulman et al. 2017 (arXiv 1707.06347), (7)
/// \param log_prob, old_log_prob log pi(a|s) of the current and of the sampling policy, nats; one shape
/// \param advantage A, the same shape, reward units or whitened
/// \returns the shape of the arguments; padding is computed as any entry (NaN stays NaN)
/// \gradient through log_prob only: -rho A where rho A <= clip(rho) A (ties included), else 0
/// \throws std::invalid_argument where shapes differ; std::domain_error unless 0 < clip < infinity
/// \cost one exponential per token, one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C, class Out>
void clipped_surrogate_token_loss(const A& log_prob, const B& old_log_prob, const C& advantage,
                                  clipped_surrogate_options options, Out&& out) {
  using namespace array;
  using detail::infinity;
  require_same_shape("clipped_surrogate_token_loss", "log_prob", log_prob, "old_log_prob", old_log_prob);
  require_same_shape("clipped_surrogate_token_loss", "log_prob", log_prob, "advantage", advantage);
  const detail::log_clip limit("clipped_surrogate_token_loss", options.clip);
  assign(out, -exp(where_le(-stop_gradient(advantage), 0.0,
                            clamp(log_prob - stop_gradient(old_log_prob), -infinity, limit.high),
                            clamp(log_prob - stop_gradient(old_log_prob), limit.low, infinity))) *
                  stop_gradient(advantage));
}

/// The same, returned.
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> clipped_surrogate_token_loss(const A& log_prob, const B& old_log_prob, const C& advantage,
                                                      clipped_surrogate_options options = {}) {
  value_t<A> out;
  clipped_surrogate_token_loss(log_prob, old_log_prob, advantage, options, out);
  return out;
}

/// The mean of the token losses by one of the three aggregations; log-probabilities and advantages in the padding are
/// never read. \param mask [batch, time], 1 on a prefix of each row. \returns a scalar_t
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> M>
[[nodiscard]] scalar_t<A> clipped_surrogate_loss(const A& log_prob, const B& old_log_prob, const C& advantage,
                                                 const M& mask, clipped_surrogate_options options = {},
                                                 aggregation_options how = {}) {
  if constexpr (requires {
                  traits_of<A>::clipped_surrogate_loss(log_prob, old_log_prob, advantage, mask, options, how);
                })
    if (auto native = traits_of<A>::clipped_surrogate_loss(log_prob, old_log_prob, advantage, mask, options, how))
      return *native;
  return aggregate(clipped_surrogate_token_loss(without_padding(mask, log_prob), without_padding(mask, old_log_prob),
                                                without_padding(mask, advantage), options),
                   mask, how);
}

/// d l / d log_prob of each token in closed form: -rho A where rho A <= clip(rho) A (ties included), else 0. For
/// callers without automatic differentiation; what the \gradient of the token loss says.
/// \param out the shape of the arguments, must not overlap them; not finite where the token loss is not
/// \throws as clipped_surrogate_token_loss
/// \cost one exponential per token, three passes
template <Elementwise A, GoesWith<A> B, GoesWith<A> C, class Out>
void clipped_surrogate_token_gradient(const A& log_prob, const B& old_log_prob, const C& advantage,
                                      clipped_surrogate_options options, Out&& out) {
  using namespace array;
  using detail::infinity;
  require_same_shape("clipped_surrogate_token_gradient", "log_prob", log_prob, "old_log_prob", old_log_prob);
  require_same_shape("clipped_surrogate_token_gradient", "log_prob", log_prob, "advantage", advantage);
  const detail::log_clip limit("clipped_surrogate_token_gradient", options.clip);
  // The log-ratio, moved to where e^d is 0 in the clipped region; NaN is in neither region and stays.
  assign(out, log_prob - old_log_prob);
  assign(out, where_le(-advantage, 0.0,
                       where_le(-out, -limit.high, where_le(out, limit.high, out, full_like(out, -infinity)), out),
                       where_le(out, limit.low, where_le(-out, -limit.low, out, full_like(out, -infinity)), out)));
  assign(out, where_le(out, std::numeric_limits<double>::lowest(), 0.0 * advantage, -exp(out) * advantage));
}

/// The same, returned.
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> clipped_surrogate_token_gradient(const A& log_prob, const B& old_log_prob, const C& advantage,
                                                          clipped_surrogate_options options = {}) {
  value_t<A> out;
  clipped_surrogate_token_gradient(log_prob, old_log_prob, advantage, options, out);
  return out;
}

/// d clipped_surrogate_loss / d log_prob in closed form, 0 in the padding, which is never read: for callers without
/// automatic differentiation. \param out [batch, time], must not overlap the inputs. \throws as clipped_surrogate_loss
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> M, class Out>
void clipped_surrogate_loss_gradient(const A& log_prob, const B& old_log_prob, const C& advantage, const M& mask,
                                     clipped_surrogate_options options, aggregation_options how, Out&& out) {
  clipped_surrogate_token_gradient(without_padding(mask, log_prob), without_padding(mask, old_log_prob),
                                   without_padding(mask, advantage), options, out);
  array::assign(out, array::select(mask, out * aggregation_weights(mask, how), 0.0));
}

/// The share of valid tokens at which the clipped branch is strictly smaller (their gradient is 0): rho > 1 + eps with
/// A > 0, or rho < 1 - eps with A < 0. \returns a scalar_t in [0, 1]
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> M>
[[nodiscard]] scalar_t<A> clip_fraction(const A& log_prob, const B& old_log_prob, const C& advantage, const M& mask,
                                        clipped_surrogate_options options = {}) {
  using namespace array;
  require_same_shape("clip_fraction", "log_prob", log_prob, "old_log_prob", old_log_prob);
  require_same_shape("clip_fraction", "log_prob", log_prob, "advantage", advantage);
  require_same_shape("clip_fraction", "log_prob", log_prob, "mask", mask);
  const detail::log_clip limit("clip_fraction", options.clip);
  const value_t<A> beyond_high = where_le(log_prob - old_log_prob, limit.high, 0.0, full_like(mask, 1.0));
  const value_t<A> beyond_low = where_le(old_log_prob - log_prob, -limit.low, 0.0, full_like(mask, 1.0));
  const value_t<A> clipped = where_le(advantage, 0.0, where_le(-advantage, 0.0, 0.0, beyond_low), beyond_high);
  return masked_mean(clipped, mask);
}

}  // namespace rto
