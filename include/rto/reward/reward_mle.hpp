// Maximum likelihood for the linear reward under a norm bound, eq. (4.1).
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/reward/reward_mle_l_bfgs.hpp>
#include <rto/reward/reward_mle_newton.hpp>
#include <rto/reward/row_space.hpp>
#include <rto/reward/separability.hpp>
#include <rto/reward/shifted_likelihood.hpp>

namespace rto {

/// theta_hat in argmax over ||theta|| <= B of l(theta) = sum_i w_i [y_i log sigma(z_i) + (1 - y_i) log sigma(-z_i)],
/// z_i = <x_i, theta>; of several maximisers the one of least norm.
/// \source arXiv 2404.18922, eq. (4.1); existence without a bound: Albert & Anderson 1984
/// \param comparisons features [n, d], labels in [0, 1], weights; n = 0 allowed
/// \returns estimate with status, multiplier of the bound, rank and KKT residual; where no maximiser exists
///   (`not_attained`: B infinite, data separable, quasi-separation included) a direction that proves it
/// \throws std::invalid_argument for shapes, std::domain_error for entries or options out of their domain
/// \cost newton: O(n d^2 + d^3) an iteration, usually 5 to 12; l_bfgs: O(n d) or two passes over the stored entries an
///   iteration, tens to thousands. Memory: n-vectors besides the features, never a copy of them. l_bfgs sees complete
///   separation, and quasi-complete only as slow convergence: `separability` then stays `undecided`
template <DesignMatrix X>
[[nodiscard]] reward_estimate<dense_t<X>> reward_mle(const comparison_set<X>& comparisons,
                                                     const reward_mle_options& options = {}) {
  using M = dense_t<X>;
  require_domain(options.bound >= 0, "reward_mle", "bound >= 0", options.bound);
  require_domain(options.tolerance > 0, "reward_mle", "tolerance > 0", options.tolerance);
  require_domain(options.max_iterations >= 0, "reward_mle", "max_iterations >= 0",
                 static_cast<double>(options.max_iterations));
  validate(comparisons);
  const std::int64_t n = comparisons.size(), d = comparisons.dimension();
  const M zero = array::full(comparisons.features, d, 1, 0.0);

  const bool newton = options.solver == mle_solver::newton || (options.solver == mle_solver::automatic && d <= 1000);
  reward_estimate<M> estimate;
  estimate.theta = zero;
  if (n == 0 || d == 0) {
    estimate.separability = separability_verdict::not_separable;
    estimate.converged = true;
    estimate.log_likelihood = bradley_terry_log_likelihood(comparisons, zero);
    if (options.bound == 0) estimate.status = mle_status::boundary;
    return estimate;
  }

  const detail::shifted_objective<X> objective(comparisons);
  const detail::separability_data<X> data(objective);
  row_space<M> space;
  if (newton) space = make_row_space(comparisons.features, M(array::matrix(data.inverse_norm)));
  if (options.bound == 0) {
    estimate.status = mle_status::boundary;
    estimate.rank = newton ? space.rank : -1;
    estimate.converged = true;
  } else if (newton) {
    estimate = detail::reward_mle_newton(objective, data, space, options);
  } else {
    estimate = detail::reward_mle_l_bfgs(objective, data, options);
  }
  if (std::isinf(options.bound) && newton && estimate.separability == separability_verdict::undecided) {
    const M margin = objective.margin(estimate.theta);
    if (estimate.converged && detail::certainly_not_separable(objective, data, space, margin)) {
      estimate.separability = separability_verdict::not_separable;
    } else {
      separability_result<M> decision = detail::decide_separability(objective, data, space, 50 * (d + 10));
      estimate.separability = decision.verdict;
      estimate.direction = std::move(decision.direction);
    }
  }
  if (data.hard_count == 0) estimate.separability = separability_verdict::not_separable;
  if (estimate.separability == separability_verdict::separable && std::isinf(options.bound)) {
    estimate.status = mle_status::not_attained;
    estimate.converged = false;
  }
  estimate.log_likelihood = bradley_terry_log_likelihood(comparisons, estimate.theta);
  return estimate;
}

}  // namespace rto
