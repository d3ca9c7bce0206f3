// The Newton step of a convex function over a ball: its quadratic model minimised exactly, by the secular equation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>

namespace rto {

template <LinearAlgebra M> struct ball_newton_step {
  M step;                   ///< [d, 1]
  double multiplier = 0.0;  ///< mu of ||theta + step|| <= B
};

namespace detail {

/// Cholesky factor of H + ridge I, the ridge raised where H is singular to rounding.
template <LinearAlgebra M> [[nodiscard]] cholesky_factor<M> robust_cholesky(const M& h, double ridge, double trace) {
  cholesky_factor<M> factor = array::cholesky(ridge > 0 ? M(array::add_to_diagonal(h, ridge)) : h);
  for (double extra = std::max(1e-16, 0.45 * machine_epsilon(h)) * trace; !factor.positive_definite && extra <= trace;
       extra *= 100.0)
    factor = array::cholesky(M(array::add_to_diagonal(h, ridge + extra)));
  return factor;
}

}  // namespace detail

/// argmin over ||theta + step|| <= B of <g, step> + step^T H step / 2.
///
/// With t(mu) = theta + step(mu), (H + mu I) step(mu) = -(g + mu theta), the multiplier solves 1 / ||t(mu)|| = 1 / B by
/// Newton's method, d||t||^-1/dmu = t^T (H + mu I)^-1 t / ||t||^3: monotone and nearly linear.
/// \source Moré & Sorensen 1983 (the trust-region subproblem, here a ball about the origin)
/// \param theta [d, 1]  \param gradient g [d, 1]  \param hessian H [d, d], positive semi-definite
/// \param bound B > 0, may be infinite  \param multiplier a guess of mu
/// \cost O(d^3) for each of usually 1 to 5 values of mu
template <LinearAlgebra M>
[[nodiscard]] ball_newton_step<M> solve_ball_newton_step(const M& theta, const M& gradient, const M& hessian,
                                                         double bound, double multiplier = 0.0) {
  const double trace = std::max(array::item(array::sum(array::elementwise(M(array::diagonal(hessian))))), 1e-300);
  const double eps = machine_epsilon(hessian);
  double low = 0.0, mu = std::isfinite(bound) ? multiplier : 0.0;  // ||t(low)|| > B where low > 0
  ball_newton_step<M> result{M(-1.0 * gradient), mu};
  for (int iteration = 0; iteration < 100; ++iteration) {
    const cholesky_factor<M> factor = detail::robust_cholesky(hessian, mu, trace);
    const M right = -1.0 * (gradient + mu * theta);
    result.step = array::solve_lower_transposed(factor.lower, M(array::solve_lower(factor.lower, right)));
    result.multiplier = mu;
    const M t = theta + result.step;
    const double norm = std::sqrt(inner_product(t, t));
    if (mu == 0.0 ? norm <= bound : std::abs(norm / bound - 1.0) <= std::max(4e-15, 16 * eps)) return result;
    if (norm > bound) low = std::max(low, mu);
    const M half = array::solve_lower(factor.lower, t);
    const double curvature = inner_product(half, half);  // t^T (H + mu I)^-1 t
    const double change = norm * norm / curvature * (norm / bound - 1.0);
    const double next = mu + change;
    if (norm > bound && next <= mu * (1.0 + std::max(1e-15, 4 * eps))) return result;  // solved to rounding
    const double previous = mu;
    mu = next > low ? next : (low > 0.0 ? 0.5 * (low + mu) : 0.0);
    if (mu == previous) return result;
  }
  return result;
}

}  // namespace rto
