// Maximum likelihood for the linear reward without matrices of size [d, d]: limited-memory BFGS for many features.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/reward/separability.hpp>
#include <rto/reward/shifted_likelihood.hpp>

namespace rto::detail {

/// A point of the search with everything that products with X are needed for.
template <LinearAlgebra M> struct l_bfgs_point {
  M theta, margin;
  shifted_gradient<M> likelihood;  ///< of -l alone
};

/// argmin of -l(theta) + mu ||theta||^2 / 2 by limited-memory BFGS (Nocedal 1980, two-loop recursion).
/// Starting in the row space of X it stays there, so that the limit is the minimiser of least norm. Margins are linear
/// along a line: the line search (to a tenth of the slope, by safeguarded Newton steps) needs no product with X.
template <DesignMatrix X> class l_bfgs {
 public:
  using M = dense_t<X>;
  using E = elementwise_t<M>;

  l_bfgs(const shifted_objective<X>& objective, const M& start, std::int64_t budget)
      : objective_(objective), budget_(budget), point_{start, objective.margin(start), {}} {
    point_.likelihood = objective_.gradient(point_.margin, 0.0);
  }

  [[nodiscard]] const l_bfgs_point<M>& point() const { return point_; }
  [[nodiscard]] std::int64_t iterations() const { return iterations_; }
  [[nodiscard]] double residual(double mu) const {
    const M g = point_.likelihood.vector + mu * point_.theta;
    return std::sqrt(inner_product(g, g));
  }

  /// Iterates until ||grad|| <= tolerance * scale, or `stop()` says so, or nothing improves. \returns whether converged
  template <class Stop> bool minimize(double mu, double tolerance, const Stop& stop) {
    steps_.clear();
    for (; iterations_ < budget_; ++iterations_) {
      if (residual(mu) <= tolerance * point_.likelihood.scale) return true;
      if (stop()) return false;
      const M gradient = point_.likelihood.vector + mu * point_.theta;
      if (!advance(mu, gradient, direction(gradient))) {
        if (steps_.empty()) return false;  // steepest descent does not improve either: rounding level
        steps_.clear();
      }
    }
    return residual(mu) <= tolerance * point_.likelihood.scale;
  }

 private:
  struct correction {
    M step, change;        // s and y
    double inverse_slope;  // 1 / <s, y>
  };
  static constexpr std::size_t memory = 20;

  [[nodiscard]] M direction(const M& gradient) const {
    M q = -1.0 * gradient;
    std::vector<double> alpha(steps_.size());
    for (std::size_t k = steps_.size(); k-- > 0;) {
      alpha[k] = steps_[k].inverse_slope * inner_product(steps_[k].step, q);
      q = q - alpha[k] * steps_[k].change;
    }
    if (!steps_.empty()) {
      const M& y = steps_.back().change;
      q = (1.0 / (steps_.back().inverse_slope * inner_product(y, y))) * q;
    }
    for (std::size_t k = 0; k < steps_.size(); ++k)
      q = q + (alpha[k] - steps_[k].inverse_slope * inner_product(steps_[k].change, q)) * steps_[k].step;
    return q;
  }

  /// One line search; false where it finds no decrease.
  bool advance(double mu, const M& gradient, const M& direction) {
    const M along = objective_.margin(direction);
    const double slope = inner_product(gradient, direction), square = inner_product(direction, direction);
    const double linear = inner_product(point_.theta, direction);
    const double start = objective_.value(point_.margin, 0.0);
    if (!(slope < 0)) return false;
    // Without curvature to scale it, the first step moves no margin by more than one.
    const E reach = array::abs(E(array::elementwise(along)));
    double t = steps_.empty() ? 1.0 / std::max(array::item(array::max_coeff(reach)), 1e-300) : 1.0;
    double low = 0.0, high = std::numeric_limits<double>::infinity();
    for (int trial = 0; trial < 60; ++trial) {
      const M margin = point_.margin + t * along;
      const auto [first, second] = objective_.directional_derivatives(margin, along);
      const double derivative = first + mu * (linear + t * square), curvature = second + mu * square;
      const double change = objective_.value(margin, 0.0) - start + mu * t * (linear + 0.5 * t * square);
      if (std::abs(derivative) <= 0.1 * std::abs(slope) &&
          change <= 1e-4 * t * slope + std::max(1e-15, 4 * eps_) * std::abs(start))
        return accept(mu, gradient, direction, t);
      (derivative < 0 ? low : high) = t;
      const double newton = t - derivative / curvature;
      t = newton > low && newton < high ? newton : (std::isinf(high) ? 4.0 * t : 0.5 * (low + high));
      if (!(t > 0) || !std::isfinite(t)) break;
    }
    return low > 0 && accept(mu, gradient, direction, low);
  }

  bool accept(double mu, const M& gradient, const M& direction, double t) {
    const M step = t * direction;
    point_.theta = point_.theta + step;
    point_.margin = objective_.margin(point_.theta);
    point_.likelihood = objective_.gradient(point_.margin, 0.0);
    const M change = point_.likelihood.vector + mu * point_.theta - gradient;
    const double slope = inner_product(step, change);
    if (slope > std::max(1e-14, 32 * eps_) * std::sqrt(inner_product(step, step) * inner_product(change, change))) {
      steps_.push_back({step, change, 1.0 / slope});
      if (steps_.size() > memory) steps_.pop_front();
    }
    return true;
  }

  const shifted_objective<X>& objective_;
  std::int64_t budget_, iterations_ = 0;
  double eps_ = machine_epsilon(objective_.row_norm());
  l_bfgs_point<M> point_;
  std::deque<correction> steps_;
};

/// Maximum likelihood over ||theta|| <= B: unconstrained, then, where that leaves the ball, the multiplier mu at which
/// 1 / ||theta(mu)|| = 1 / B by safeguarded secants (increasing and nearly linear in mu).
template <DesignMatrix X>
[[nodiscard]] reward_estimate<dense_t<X>> reward_mle_l_bfgs(const shifted_objective<X>& objective,
                                                            const separability_data<X>& data,
                                                            const reward_mle_options& options) {
  using M = dense_t<X>;
  const std::int64_t budget = options.max_iterations > 0 ? options.max_iterations : 5000;
  const bool bounded = std::isfinite(options.bound);
  reward_estimate<M> estimate;
  estimate.rank = -1;
  const double eps = machine_epsilon(objective.row_norm()), tolerance = std::max(options.tolerance, 64 * eps);
  l_bfgs<X> search(objective, array::full(objective.features(), array::cols(objective.features()), 1, 0.0), budget);
  const auto norm = [&] { return std::sqrt(inner_product(search.point().theta, search.point().theta)); };
  std::int64_t calls = 0;
  bool separated = false;
  // Far outside the ball the constraint is active beyond doubt: mu = 0 need not be solved to the end.
  const auto stop = [&] {
    if (bounded) return norm() > 2.0 * options.bound;
    separated = calls++ % 8 == 0 && separates(objective, data, search.point().margin, norm());
    return separated;
  };
  const auto never = [] { return false; };
  estimate.converged = search.minimize(0.0, tolerance, stop);
  if (separated) {
    estimate.separability = separability_verdict::separable;
    estimate.direction = (1.0 / norm()) * search.point().theta;
  }
  double mu = 0.0;
  if (bounded && norm() > options.bound) {
    estimate.status = mle_status::boundary;
    // Bracket: h(mu) = 1 / ||theta(mu)|| - 1 / B is negative at `low`, positive at `high`.
    double low = 0.0, h_low = 1.0 / norm() - 1.0 / options.bound;
    double high = std::numeric_limits<double>::infinity(), h_high = 0.0;
    mu = search.point().likelihood.scale / options.bound * 1e-3;
    for (int round = 0; round < 60; ++round) {
      estimate.converged = search.minimize(mu, std::max(0.1 * tolerance, 16 * eps), never);
      const double h = 1.0 / norm() - 1.0 / options.bound;
      if (std::abs(h) * options.bound <= std::max(1e-12, 64 * eps) || search.iterations() >= budget) break;
      (h < 0 ? low : high) = mu;
      (h < 0 ? h_low : h_high) = h;
      if (std::isinf(high)) {
        mu *= 10.0;
        continue;
      }
      const double secant = low - h_low * (high - low) / (h_high - h_low);
      const double margin = 1e-3 * (high - low);
      mu = std::clamp(secant, low + margin, high - margin);
      if (high - low <= 1e-15 * high) break;
    }
  }
  estimate.iterations = search.iterations();
  estimate.theta = search.point().theta;
  shifted_gradient<M> gradient = search.point().likelihood;
  if (estimate.status == mle_status::boundary) {  // exactly onto the sphere, and the multiplier that fits there
    estimate.theta = (options.bound / norm()) * estimate.theta;
    gradient = objective.gradient(objective.margin(estimate.theta), 0.0);
    mu = std::max(0.0, -inner_product(gradient.vector, estimate.theta) / (options.bound * options.bound));
  }
  const M kkt = gradient.vector + mu * estimate.theta;
  estimate.multiplier = mu;
  estimate.gradient_norm = std::sqrt(inner_product(kkt, kkt));
  estimate.converged = estimate.gradient_norm <= tolerance * gradient.scale;
  estimate.norm = std::sqrt(inner_product(estimate.theta, estimate.theta));
  return estimate;
}

}  // namespace rto::detail
