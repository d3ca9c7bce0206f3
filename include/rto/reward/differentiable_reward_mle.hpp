// Maximum likelihood for a reward that is a differentiable function of its parameters, from several starts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/random/normal_distribution.hpp>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/ball_newton_step.hpp>
#include <rto/reward/differentiable_reward.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/reward/row_space.hpp>
#include <rto/reward/separability.hpp>
#include <rto/reward/shifted_likelihood.hpp>

namespace rto {

struct differentiable_reward_mle_options {
  double bound = std::numeric_limits<double>::infinity();  ///< B > 0, the norm bound of (4.1)
  double tolerance = 1e-8;                                 ///< of the gradient, relative as in `reward_mle_options`
  std::int64_t max_iterations = 500;                       ///< of each start
};

/// The best of several local searches, and what the others say about it.
template <LinearAlgebra M> struct differentiable_reward_estimate {
  /// Where the best search ended. `rank` is that of the comparisons linearised there, `separability` is not decided,
  /// and `not_attained` is never reported: without a bound, a likelihood that has no maximiser shows as not converged.
  reward_estimate<M> best;
  std::int64_t best_start = 0;         ///< its start
  std::vector<double> log_likelihood;  ///< nats, where the search from every start ended
  std::int64_t converged = 0;          ///< how many of the searches did
  std::int64_t agreeing = 0;           ///< how many ended within 1e-6 (1 + |l|) of the best, itself included
};

/// `count` points with independent normal entries, to start searches from.
/// \param like gives the matrix type  \param deviation > 0 of every entry
/// \returns [p, 1] each
template <LinearAlgebra M, class Urbg>
[[nodiscard]] std::vector<M> random_starts(const M& like, std::int64_t parameters, std::int64_t count, double deviation,
                                           Urbg& rng) {
  boost::random::normal_distribution<double> normal(0, deviation);
  std::vector<M> starts;
  std::vector<double> entries(static_cast<std::size_t>(parameters));
  for (std::int64_t k = 0; k < count; ++k) {
    for (double& entry : entries) entry = normal(rng);
    starts.push_back(array::from_host(like, std::span<const double>(entries), parameters, 1));
  }
  return starts;
}

namespace detail {

/// One local search: Gauss-Newton (the likelihood of the linearised reward to second order) over the ball, its model
/// damped as by Levenberg and Marquardt: more where the likelihood gained less than the model promised.
template <class R, DesignMatrix X>
[[nodiscard]] reward_estimate<dense_t<X>> search_reward_mle(const R& reward, const comparison_set<X>& visits,
                                                            const shifted_objective<X>& objective,
                                                            const dense_t<X>& start,
                                                            const differentiable_reward_mle_options& options) {
  using M = dense_t<X>;
  constexpr auto function = "differentiable_reward_mle";
  const double bound = options.bound;
  reward_estimate<M> estimate;
  M theta = start;
  M margin = objective.margin(reward_values(function, reward, visits, theta));
  const double eps = machine_epsilon(start);
  const double least = std::max(1e-10, 64 * eps);  // of the damping, in units of the mean curvature
  double damping = 1e-3;
  const double total_weight = array::item(array::sum(objective.weight()));
  double value_shift = 0, value = objective.value(margin, value_shift);
  int tiny_steps = 0;
  // 1 / ||x_i|| of the comparisons that count: what the linear solver takes the row space of.
  const auto space_of = [](const shifted_objective<M>& model) {
    return make_row_space(model.features(), M(array::matrix(separability_data<M>(model).inverse_norm)));
  };
  for (;; ++estimate.iterations) {
    const linearized_reward<M> here = linearize_reward(reward, visits, theta);
    const shifted_objective<M> model(here.comparisons);
    // Residuals that are all below e^-30 leave no loss to speak of: else there is nothing to shift.
    const double shift = value_shift > 0 || value < 1e-6 * total_weight ? objective.natural_shift(margin) : 0.0;
    const shifted_gradient<M> gradient = model.gradient(margin, shift);
    const double norm_squared = inner_product(theta, theta);
    const bool on_boundary =
        std::isfinite(bound) && std::sqrt(norm_squared) >= bound * (1.0 - std::max(1e-12, 64 * eps));
    const double mu = on_boundary ? std::max(0.0, -inner_product(gradient.vector, theta) / norm_squared) : 0.0;
    const M kkt = gradient.vector + mu * theta;
    const double residual = std::sqrt(inner_product(kkt, kkt));
    estimate.status = mu > 0 ? mle_status::boundary : mle_status::interior;
    estimate.multiplier = mu * std::exp(-shift);
    estimate.gradient_norm = residual * std::exp(-shift);
    estimate.converged = residual <= std::max(options.tolerance, 64 * eps) * gradient.scale;
    if (estimate.converged || tiny_steps == 3 || estimate.iterations >= options.max_iterations) {
      estimate.rank = space_of(model).rank;
      break;
    }

    const M information = model.information(margin, shift);
    const double trace = array::item(array::sum(array::elementwise(M(array::diagonal(information)))));
    const double unit = std::max(trace / static_cast<double>(reward.parameters()), 1e-300);
    // Where the information is singular, rounding in the gradient would move theta along what no comparison sees.
    M slope = gradient.vector;
    const std::vector<double> pivots =
        array::to_host(M(array::diagonal(array::cholesky(M(array::add_to_diagonal(information, least * unit))).lower)));
    if (const double pivot = *std::min_element(pivots.begin(), pivots.end());
        pivot * pivot < std::max(1e-8, 1e3 * eps) * unit)
      if (const row_space<M> space = space_of(model); space.rank > 0 && space.rank < reward.parameters())
        slope = array::product(space.basis, M(array::transposed_product(space.basis, slope)));
    if (shift != value_shift) value = objective.value(margin, value_shift = shift);
    for (int attempt = 0;; ++attempt) {
      const M damped = array::add_to_diagonal(information, damping * unit);
      const M step = solve_ball_newton_step(theta, slope, damped, bound, mu).step;
      const double promised =
          -inner_product(slope, step) - 0.5 * inner_product(step, M(array::product(information, step)));
      const M next = theta + step;
      const M next_margin = objective.margin(reward_values(function, reward, visits, next));
      const double next_value = objective.value(next_margin, shift), gained = value - next_value;
      if (gained >= 1e-4 * promised -
                        std::max(1e-15, 4 * eps) * std::abs(value)) {  // false for NaN: a reward that has overflowed
        const M moved = next_margin - margin;
        const double largest = array::item(array::max_coeff(array::abs(elementwise_t<M>(array::elementwise(moved)))));
        tiny_steps = largest <= std::max(1e-13, 450 * eps) ? tiny_steps + 1 : 0;
        theta = next;
        margin = next_margin;
        value = next_value;
        if (gained > 0.75 * promised) damping = std::max(damping / 10, least);
        if (gained < 0.25 * promised) damping = std::max(4 * damping, 1e-6);
        break;
      }
      damping = std::max(4 * damping, 1e-6);
      if (attempt == 40) {  // nothing improves: rounding level, and `converged` says whether that is near enough
        tiny_steps = 3;
        break;
      }
    }
  }
  estimate.theta = theta;
  estimate.norm = std::sqrt(inner_product(theta, theta));
  estimate.log_likelihood = bradley_terry_log_likelihood(visits, reward_values(function, reward, visits, theta));
  return estimate;
}

}  // namespace detail

/// theta_hat in argmax over ||theta|| <= B of l(theta) (`reward_log_likelihood`), by local searches from the starts.
///
/// What is guaranteed: every search increases l and stays in the ball, and where `converged` says so, it ended in a
/// stationary point (a KKT point of the ball) to the tolerance. What is not: that this is the global maximum, or even a
/// local one, since l is not concave unless r is linear in theta; `agreeing` counts the starts that found the best
/// value. For a linear reward every start ends where `reward_mle` does (the maximiser of least norm, from a start in
/// the row space of the comparisons, e.g. 0).
/// \source arXiv 2404.18922v1, (4.1), for a differentiable class (section 4.1 announces general function classes);
///   Levenberg 1944, Marquardt 1963 for the damping
/// \param visits as in `reward_log_likelihood`; n = 0 allowed
/// \param starts [p, 1] each, at least one; one outside the ball is scaled onto it. 0 is a saddle of many networks
/// \throws std::invalid_argument for shapes or no start; std::domain_error for entries or options out of their domain,
///   and for a reward or derivatives that are not finite where a search is
/// \cost for each iteration one evaluation with derivatives and O(n p^2 + p^3); tens of iterations a start
template <class R, DesignMatrix X>
requires DifferentiableReward<R, dense_t<X>>
[[nodiscard]] differentiable_reward_estimate<dense_t<X>> differentiable_reward_mle(
    const R& reward, const comparison_set<X>& visits, std::span<const dense_t<X>> starts,
    const differentiable_reward_mle_options& options = {}) {
  using M = dense_t<X>;
  constexpr auto function = "differentiable_reward_mle";
  require_domain(options.bound > 0, function, "bound > 0", options.bound);
  require_domain(options.tolerance > 0, function, "tolerance > 0", options.tolerance);
  require_domain(options.max_iterations >= 0, function, "max_iterations >= 0",
                 static_cast<double>(options.max_iterations));
  if (starts.empty())
    throw std::invalid_argument("rto::differentiable_reward_mle: starts: need at least one, got none");
  validate(visits);
  const detail::shifted_objective<X> objective(visits);
  differentiable_reward_estimate<M> result;
  for (const M& given : starts) {
    require_shape(function, "a start", given, reward.parameters(), 1);
    if (!array::all_finite(given))
      throw std::domain_error("rto::differentiable_reward_mle: a start: need finite entries, got others");
    const double norm = std::sqrt(inner_product(given, given));
    const M start = norm > options.bound ? M((options.bound / norm) * given) : given;
    reward_estimate<M> found;
    if (visits.size() == 0) {
      found.theta = start;
      found.norm = std::min(norm, options.bound);
      found.converged = true;
    } else {
      found = detail::search_reward_mle(reward, visits, objective, start, options);
    }
    result.converged += found.converged ? 1 : 0;
    result.log_likelihood.push_back(found.log_likelihood);
    if (result.log_likelihood.size() == 1 || found.log_likelihood > result.best.log_likelihood) {
      result.best_start = static_cast<std::int64_t>(result.log_likelihood.size()) - 1;
      result.best = std::move(found);
    }
  }
  const double top = result.best.log_likelihood;
  result.agreeing = std::count_if(result.log_likelihood.begin(), result.log_likelihood.end(),
                                  [&](double l) { return l >= top - 1e-6 * (1 + std::abs(top)); });
  return result;
}

}  // namespace rto
