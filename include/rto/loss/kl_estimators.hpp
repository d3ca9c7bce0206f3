// Sample estimates of the Kullback-Leibler divergence between two policies.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// With d = log pi(a|s) - log pi_old(a|s) at an action drawn from pi_old:
enum class kl_estimator {
  k1,  // -d: unbiased, of either sign
  k2,  // d^2 / 2: biased, >= 0
  k3,  // expm1(d) - d: unbiased, >= 0
};

/// The estimate of KL(pi_old || pi) at each token; its mean over the valid tokens (masked_mean) estimates the
/// divergence.
///
/// \source Schulman 2020, "Approximating KL divergence"; docs/mathematics.md 14.2. For KL(pi || pi_ref) from samples of
/// pi pass pi_ref
///   as `log_prob` and pi as `old_log_prob`.
/// \param log_prob, old_log_prob nats, one shape
/// \gradient through both arguments, as written
/// \returns nats, the shape of the arguments
/// \throws std::invalid_argument where shapes differ
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> kl_estimates(const A& log_prob, const B& old_log_prob, kl_estimator which) {
  using namespace array;
  require_same_shape("kl_estimates", "log_prob", log_prob, "old_log_prob", old_log_prob);
  if (which == kl_estimator::k1) return old_log_prob - log_prob;
  const value_t<A> d = log_prob - old_log_prob;
  if (which == kl_estimator::k2) return value_t<A>(0.5 * (d * d));
  return expm1(d) - d;
}

}  // namespace rto
