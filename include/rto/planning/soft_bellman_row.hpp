// The soft Bellman operator of one state on plain numbers: no array, no allocation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace rto {

/// `soft_bellman` for one state: V = beta log sum_a pi_ref(a) e^(q(a)/beta) and log pi*. The form that a recursion over
/// single states uses; equal to the array form up to rounding.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.4), reconstructed
/// \param log_reference [A], a distribution; -inf forbids a token  \param q [A], finite where allowed
/// \param beta in [0, inf]
/// \param log_policy [A], receives log pi*
/// \returns V
/// \cost O(A), no allocation
inline double soft_bellman_row(std::span<const double> log_reference, std::span<const double> q, double beta,
                               std::span<double> log_policy) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::size_t n = q.size();
  const auto allowed = [&](std::size_t a) { return log_reference[a] != -infinity; };
  // sum of f over the allowed tokens
  const auto total = [&](auto f) {
    double sum = 0;
    for (std::size_t a = 0; a < n; ++a)
      if (allowed(a)) sum += f(a);
    return sum;
  };
  // log pi* = f where allowed
  const auto set_policy = [&](auto f) {
    for (std::size_t a = 0; a < n; ++a) log_policy[a] = allowed(a) ? f(a) : -infinity;
  };

  const double mean = total([&](std::size_t a) { return std::exp(log_reference[a]) * q[a]; });
  if (beta == infinity) {
    set_policy([&](std::size_t a) { return log_reference[a]; });
    return mean;
  }
  double largest = -infinity, spread = 0;
  for (std::size_t a = 0; a < n; ++a)
    if (allowed(a)) {
      largest = std::max(largest, q[a]);
      spread = std::max(spread, std::abs(q[a] - mean));
    }
  if (beta > 0 && spread < beta / 2) {  // log-sum-exp would lose beta times the machine precision
    const double growth =
        std::log1p(total([&](std::size_t a) { return std::exp(log_reference[a]) * std::expm1((q[a] - mean) / beta); }));
    set_policy([&](std::size_t a) { return log_reference[a] + ((q[a] - mean) / beta - growth); });
    return mean + beta * growth;
  }
  const auto log_weight = [&](std::size_t a) {
    if (beta == 0) return q[a] == largest ? log_reference[a] : -infinity;
    return log_reference[a] + (q[a] - largest) / beta;
  };
  double shift = -infinity;
  for (std::size_t a = 0; a < n; ++a)
    if (allowed(a)) shift = std::max(shift, log_weight(a));
  const double log_total = shift + std::log(total([&](std::size_t a) { return std::exp(log_weight(a) - shift); }));
  set_policy([&](std::size_t a) { return log_weight(a) - log_total; });
  return largest + beta * log_total;
}

}  // namespace rto
