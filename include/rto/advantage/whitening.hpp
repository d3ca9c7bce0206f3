// Whitening of advantages over the valid tokens of a batch.
#pragma once

#include <limits>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

struct whitening_options {
  bool unbiased = false;  // divide by N - 1 instead of N
  bool center = true;     // subtract the mean; without it only the scale changes
  double epsilon = 1e-8;  // added to the variance, in squared units of x; >= 0
};

/// Count, mean and sum of squared deviations of the valid entries: what whitening needs, and what processes that share
/// a batch merge to whiten it as one.
template <class S> struct masked_moments {
  S count;
  S mean;
  S squared_deviations;
};

/// \param x [batch, time]; never read where `mask` is 0. \cost O(batch time), two passes
template <Array A, GoesWith<A> M> [[nodiscard]] masked_moments<scalar_t<A>> moments(const A& x, const M& mask) {
  using namespace array;
  require_same_shape("moments", "x", x, "mask", mask);
  const auto& valid = without_padding(mask, x);
  const scalar_t<A> count = sum(mask), mean = sum(select(mask, valid, 0.0)) / clamp(count, 1.0, detail::infinity);
  return {count, mean, sum(select(mask, (valid - mean) * (valid - mean), 0.0))};
}

/// Moments of the union of two disjoint batches. \source Chan, Golub, LeVeque 1983, (2.1)
template <class S> [[nodiscard]] masked_moments<S> merge(const masked_moments<S>& a, const masked_moments<S>& b) {
  const S n = a.count + b.count, shift = b.mean - a.mean;
  return {n, a.mean + shift * b.count / n,
          a.squared_deviations + b.squared_deviations + shift * shift * a.count * b.count / n};
}

/// (x - mean) / sqrt(variance + epsilon) with the moments given; 0 in the padding. The unbiased variance of a single
/// token counts as 0, so that its whitened value is 0.
///
/// \param x [batch, time]; never read where `mask` is 0
/// \param out [batch, time], may be `x` itself
/// \throws std::invalid_argument where shapes differ; std::domain_error where epsilon is negative
/// \cost O(batch time), one pass
template <Array A, GoesWith<A> M, class Out>
void whiten(const A& x, const M& mask, const masked_moments<scalar_t<A>>& m, whitening_options options, Out&& out) {
  using namespace array;
  require_same_shape("whiten", "x", x, "mask", mask);
  require_domain(options.epsilon >= 0, "whiten", "epsilon >= 0", options.epsilon);
  const scalar_t<A> divisor =
      options.unbiased ? clamp(m.count - full_like(m.count, 1.0), 1.0, detail::infinity) : m.count;
  const scalar_t<A> deviation = sqrt(m.squared_deviations / divisor + full_like(m.count, options.epsilon));
  const scalar_t<A> scale = where_le(deviation, 0.0, 1.0, deviation);  // equal entries: 0, not 0 / 0
  const auto& valid = without_padding(mask, x);
  if (options.center)
    assign(out, select(mask, (valid - m.mean) / scale, 0.0));
  else
    assign(out, select(mask, valid / scale, 0.0));
}

/// The same with the moments of the batch itself: mean 0 and (but for epsilon) variance 1 over the valid tokens.
/// \source the usual practice of PPO; OpenRLHF and NeMo divide by N, TRL and verl by N - 1.
/// \returns [batch, time], no unit
template <Array A, GoesWith<A> M>
[[nodiscard]] value_t<A> whiten(const A& x, const M& mask, whitening_options options = {}) {
  value_t<A> out;
  whiten(x, mask, moments(x, mask), options, out);
  return out;
}

}  // namespace rto
