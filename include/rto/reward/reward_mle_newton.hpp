// Maximum likelihood for the linear reward by Newton's method over the ball ||theta|| <= B.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/ball_newton_step.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/reward/row_space.hpp>
#include <rto/reward/separability.hpp>
#include <rto/reward/shifted_likelihood.hpp>

namespace rto::detail {

/// Rotation into the row space: theta = V a, gradients V^T g, informations V^T H V; the identity at full rank.
template <LinearAlgebra M> struct row_coordinates {
  const row_space<M>& space;
  bool full;

  [[nodiscard]] M parameter(const M& a) const { return full ? a : M(array::product(space.basis, a)); }
  [[nodiscard]] M gradient(const M& g) const { return full ? g : M(array::transposed_product(space.basis, g)); }
  [[nodiscard]] M information(const M& h) const {
    return full ? h : M(array::transposed_product(space.basis, M(array::product(h, space.basis))));
  }
};

/// Newton over the ball: each step minimises the quadratic model over ||theta|| <= B exactly, a backtracking line
/// search (the ball is convex, so every point of the segment is feasible) makes it global.
/// Self-concordance of the logistic loss tells when one more step is the last: an error of e in max_i |<x_i, step>|
/// becomes one of order e^2.
/// \param space row space of the comparisons of positive weight
template <DesignMatrix X>
[[nodiscard]] reward_estimate<dense_t<X>> reward_mle_newton(const shifted_objective<X>& objective,
                                                            const separability_data<X>& data,
                                                            const row_space<dense_t<X>>& space,
                                                            const reward_mle_options& options) {
  using M = dense_t<X>;
  const std::int64_t d = array::cols(objective.features());
  const row_coordinates<M> coordinates{space, space.rank == d};
  const std::int64_t limit = options.max_iterations > 0 ? options.max_iterations : 200;

  reward_estimate<M> estimate;
  estimate.rank = space.rank;
  M a = array::full(objective.features(), space.rank, 1, 0.0);
  M theta = array::full(objective.features(), d, 1, 0.0), margin = objective.margin(theta);
  // Separable data with a large B: far out every Newton step gains about one in the margins. So the ball grows, from
  // margins of 16 by factors of two, and the estimate of one ball, scaled, starts the search in the next.
  const double largest_norm = array::item(array::max_coeff(objective.row_norm()));
  double bound =
      std::isfinite(options.bound) && largest_norm > 0 ? std::min(options.bound, 16.0 / largest_norm) : options.bound;
  int tiny_steps = 0;
  const double eps = machine_epsilon(margin), tolerance = std::max(options.tolerance, 64 * eps);
  for (;; ++estimate.iterations) {
    const double shift = objective.natural_shift(margin);
    const shifted_gradient<M> full_gradient = objective.gradient(margin, shift);
    const M gradient = coordinates.gradient(full_gradient.vector);
    // The multiplier that fits best; the one of the last step carries the last step's shift.
    const double norm_squared = inner_product(a, a);
    const bool on_boundary =
        std::isfinite(bound) && std::sqrt(norm_squared) >= bound * (1.0 - std::max(1e-12, 64 * eps));
    const double mu = on_boundary ? std::max(0.0, -inner_product(gradient, a) / norm_squared) : 0.0;
    const M kkt = gradient + mu * a;
    const double residual = std::sqrt(inner_product(kkt, kkt));
    estimate.status = mu > 0 ? mle_status::boundary : mle_status::interior;
    estimate.multiplier = mu * std::exp(-shift);  // may underflow where the status does not
    estimate.gradient_norm = residual * std::exp(-shift);
    const bool provisional = on_boundary && mu > 0 && bound < options.bound;
    estimate.converged = !provisional && residual <= tolerance * full_gradient.scale;
    if (provisional && residual <= 1e-2 * full_gradient.scale && estimate.iterations < limit) {
      bound = std::min(2.0 * bound, options.bound);
      a = (bound / std::sqrt(norm_squared)) * a;
      theta = coordinates.parameter(a);
      margin = objective.margin(theta);
      tiny_steps = 0;
      continue;
    }
    // At rounding level a residual may miss the tolerance for ever: three tiny steps are enough, and the flag says so.
    if ((estimate.converged && tiny_steps > 0) || tiny_steps == 3 ||
        residual <= std::max(1e-16, 0.45 * eps) * full_gradient.scale)
      break;
    if (estimate.iterations >= limit) break;
    if (std::isinf(options.bound) && separates(objective, data, margin, std::sqrt(norm_squared))) {
      estimate.separability = separability_verdict::separable;
      estimate.direction = (1.0 / std::sqrt(norm_squared)) * theta;
      break;
    }

    const M information = coordinates.information(objective.information(margin, shift));
    const ball_newton_step<M> newton = solve_ball_newton_step(a, gradient, information, bound, mu);
    const M change = objective.margin(coordinates.parameter(newton.step));
    const double slope = inner_product(gradient, newton.step), start = objective.value(margin, shift);
    double fraction = 1.0;
    M next = margin + change;
    for (int halving = 0; halving < 60; ++halving, fraction *= 0.5) {
      next = margin + fraction * change;
      const double value = objective.value(next, shift);
      if (value <= start + 1e-4 * fraction * slope + std::max(1e-14, 32 * eps) * std::abs(start)) break;
    }
    const elementwise_t<M> moved = array::abs(elementwise_t<M>(array::elementwise(change)));
    tiny_steps = array::item(array::max_coeff(moved)) <= std::max(1e-7, 4 * std::sqrt(eps)) ? tiny_steps + 1 : 0;
    a = a + fraction * newton.step;
    theta = coordinates.parameter(a);
    margin = next;
    if (estimate.iterations % 8 == 7) margin = objective.margin(theta);  // no drift of accumulated rounding
  }
  estimate.theta = theta;
  estimate.norm = std::sqrt(inner_product(theta, theta));
  return estimate;
}

}  // namespace rto::detail
