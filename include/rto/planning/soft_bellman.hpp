// The one-step operator of KL-regularised planning.
#pragma once

#include <cstdint>
#include <utility>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>

namespace rto {

/// Soft value [N, 1] and optimal log-policy [N, A] of every state.
template <class A> struct soft_backup {
  A value;
  A log_policy;
};

/// V(s) = beta log sum_a pi_ref(a|s) e^(q(s,a)/beta), pi*(a|s) = pi_ref(a|s) e^((q(s,a)-V(s))/beta): the maximum over
/// policies, and its maximiser, of <pi, q> - beta KL(pi || pi_ref).
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.4), reconstructed; Lemma C.1 (Gibbs). q leaves the reference out.
/// \param log_reference log pi_ref [N, A], every row a distribution; where it is -inf, pi* is zero and q is not read
/// \param q action values [N, A], finite where the reference is positive
/// \param beta KL coefficient in [0, inf] (reward units a nat), a value that the scalar type holds. 0: the maximum, the
///   policy is pi_ref restricted to the maximisers; inf: the mean under pi_ref, the policy is pi_ref
/// \throws std::invalid_argument for shapes, std::domain_error for beta
/// \cost O(N A), no device synchronisation
template <Array R, GoesWith<R> Q>
[[nodiscard]] soft_backup<array_t<Q>> soft_bellman(const R& log_reference, const Q& q, double beta) {
  using A = array_t<Q>;
  require_same_shape("soft_bellman", "log_reference", log_reference, "q", q);
  require_domain(beta >= 0, "soft_bellman", "beta >= 0", beta);
  if constexpr (requires { traits_of<A>::soft_bellman(log_reference, q, beta); }) {
    auto [value, log_policy] = traits_of<A>::soft_bellman(log_reference, q, beta);
    return {std::move(value), std::move(log_policy)};
  } else {
    const std::int64_t n = array::cols(q);
    const auto across = [n](const A& column) { return array::broadcast_columns(column, n); };

    // Deviations from the mean under the reference; 0 for forbidden tokens.
    const A allowed_q = detail::where_allowed(log_reference, q, 0.0);
    const A reference = probabilities(log_reference);
    const A mean = array::row_sum(reference * allowed_q);
    if (beta == detail::infinity) return {mean, log_reference};

    // The largest allowed q.
    const A largest = array::row_max(detail::where_allowed(log_reference, q, -detail::infinity));
    if (beta == 0) {
      const A log_greedy = array::where_le(across(largest), q, log_reference, -detail::infinity);
      return {largest, log_softmax(log_greedy)};
    }

    // Small beta: log-sum-exp with the maximum removed.
    const A log_weight = log_reference + detail::where_allowed(log_reference, q - across(largest), 0.0) / beta;
    const A log_total = array::log_sum_exp(log_weight);
    // Large beta: log-sum-exp alone would lose beta times the machine precision.
    const A deviation = detail::where_allowed(log_reference, q - across(mean), 0.0);
    const A spread = array::row_max(array::abs(deviation));
    const A scaled = array::clamp(deviation / beta, -0.5, 0.5);
    const A log_growth = array::log1p(array::row_sum(reference * array::expm1(scaled)));

    const A half = array::full_like(spread, beta / 2);
    const A value = array::where_le(half, spread, largest + beta * log_total, mean + beta * log_growth);
    const A log_policy = array::where_le(across(half), across(spread), log_weight - across(log_total),
                                         log_reference + (scaled - across(log_growth)));
    return {value, log_policy};
  }
}

}  // namespace rto
