// What a statistician asks of a maximum-likelihood fit: standard errors, intervals and tests of its coefficients.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>

namespace rto {

/// Two-sided confidence interval of one coefficient.
struct coefficient_interval {
  double low = 0.0, high = 0.0;
  bool converged = true;  ///< false where the search for an end stopped early
};

/// Large-sample inference about an interior maximum-likelihood estimate of full rank.
template <LinearAlgebra M> struct wald_inference {
  M information;                       ///< observed information -l''(theta), [d, d]
  M covariance;                        ///< its inverse, [d, d]
  std::vector<double> standard_error;  ///< [d]
  std::vector<double> z;               ///< theta / standard error, [d]
  std::vector<double> p_value;         ///< two-sided, of theta_j = 0, [d]
};

namespace detail {

/// max l over theta_j = theta[j] fixed, by damped Newton steps from `theta`, which becomes the maximiser.
/// \returns {l, dl/dtheta_j} there
template <DesignMatrix X>
[[nodiscard]] std::pair<double, double> maximize_profile(const comparison_set<X>& comparisons, Eigen::VectorXd& theta,
                                                         Eigen::Index j) {
  const Eigen::Index d = theta.size();
  const auto device = [&](const Eigen::VectorXd& t) {
    return array::from_host(comparisons.label, std::span<const double>(t.data(), static_cast<std::size_t>(d)), d, 1);
  };
  auto at = evaluate_bradley_terry(comparisons, device(theta));
  for (int iteration = 0;; ++iteration) {
    const std::vector<double> g = array::to_host(at.gradient), h = array::to_host(at.information);
    Eigen::VectorXd gradient = Eigen::Map<const Eigen::VectorXd>(g.data(), d);
    Eigen::MatrixXd information = Eigen::Map<const Eigen::MatrixXd>(h.data(), d, d);  // symmetric
    const double slope = gradient[j];
    gradient[j] = 0.0;
    information.row(j).setZero();
    information.col(j).setZero();
    information(j, j) = 1.0;
    const Eigen::VectorXd step = information.llt().solve(gradient);
    const double decrement = gradient.dot(step);  // twice the expected gain
    if (iteration == 50 ||
        !(decrement > std::max(1e-15, 4 * machine_epsilon(comparisons.label)) * (1.0 + std::abs(at.log_likelihood))))
      return {at.log_likelihood, slope};
    double fraction = 1.0;
    for (int halving = 0; halving < 30; ++halving, fraction *= 0.5)
      if (bradley_terry_log_likelihood(comparisons, device(theta + fraction * step)) >= at.log_likelihood) break;
    theta += fraction * step;
    at = evaluate_bradley_terry(comparisons, device(theta));
  }
}

/// The end of the profile-likelihood interval on one side of the estimate, and whether it was found.
template <DesignMatrix X>
[[nodiscard]] std::pair<double, bool> profile_end(const comparison_set<X>& comparisons, const dense_t<X>& theta,
                                                  const wald_inference<dense_t<X>>& inference, std::int64_t coefficient,
                                                  double side, double target) {
  const auto j = static_cast<Eigen::Index>(coefficient);
  const std::vector<double> start = array::to_host(theta);
  const Eigen::VectorXd estimate =
      Eigen::Map<const Eigen::VectorXd>(start.data(), static_cast<Eigen::Index>(start.size()));
  const std::vector<double> entries = array::to_host(inference.covariance);
  const Eigen::VectorXd covariance =
      Eigen::Map<const Eigen::MatrixXd>(entries.data(), estimate.size(), estimate.size()).col(j);
  const double error = inference.standard_error[static_cast<std::size_t>(coefficient)];
  const double top = bradley_terry_log_likelihood(comparisons, theta);
  double low = 0.0, high = std::numeric_limits<double>::infinity();  // distances from the estimate that bracket the end
  double distance = target * error;
  Eigen::VectorXd point = estimate;
  double reached = 0.0;
  for (int iteration = 0; iteration < 60; ++iteration) {
    // Along the path of constrained maximisers, to first order theta moves with column j of the covariance.
    point += side * (distance - reached) / covariance[j] * covariance;
    reached = distance;
    point[j] = estimate[j] + side * distance;
    const auto [value, slope] = maximize_profile(comparisons, point, j);
    const double root = std::sqrt(std::max(0.0, 2.0 * (top - value)));
    if (std::abs(root - target) <= std::max(1e-10, 1e3 * machine_epsilon(theta)) * target) return {point[j], true};
    (root < target ? low : high) = distance;
    const double next = distance + (target - root) * root / std::max(-side * slope, 1e-300);
    distance = next > low && next < high ? next : (std::isinf(high) ? 2.0 * distance : 0.5 * (low + high));
    if (std::isfinite(high) && high - low <= 1e-15 * high) return {estimate[j] + side * distance, true};
  }
  return {estimate[j] + side * distance, false};
}

}  // namespace detail

/// Covariance, standard errors, z statistics and p values from the observed information at the estimate.
/// \source any text on generalised linear models; weights count as repetitions
/// \param theta [d, 1], an interior estimate  \returns see wald_inference
/// \throws std::domain_error when the information is singular: some coefficient is not identified (fix a baseline)
/// \cost O(n d^2 + d^3)
template <DesignMatrix X>
[[nodiscard]] wald_inference<dense_t<X>> make_wald_inference(const comparison_set<X>& comparisons,
                                                             const dense_t<X>& theta) {
  using M = dense_t<X>;
  const std::int64_t d = comparisons.dimension();
  wald_inference<M> result;
  result.information = evaluate_bradley_terry(comparisons, theta).information;
  const cholesky_factor<M> factor = array::cholesky(result.information);
  if (d > 0 && !factor.positive_definite)
    throw std::domain_error(
        "rto::make_wald_inference: need a positive definite information matrix, got a singular one (is a baseline "
        "item missing?)");
  const M identity = array::add_to_diagonal(array::full(theta, d, d, 0.0), 1.0);
  const M half = array::solve_lower(factor.lower, identity);
  result.covariance = array::gram(half);
  const std::vector<double> variance = array::to_host(M(array::diagonal(result.covariance)));
  const std::vector<double> estimate = array::to_host(theta);
  const boost::math::normal_distribution<double> normal;
  for (std::size_t j = 0; j < variance.size(); ++j) {
    result.standard_error.push_back(std::sqrt(variance[j]));
    result.z.push_back(estimate[j] / result.standard_error[j]);
    result.p_value.push_back(2.0 * boost::math::cdf(boost::math::complement(normal, std::abs(result.z[j]))));
  }
  return result;
}

/// theta_j +- z_{(1 + level) / 2} standard errors.
/// \param level in (0, 1), e.g. 0.95  \throws std::domain_error
[[nodiscard]] inline coefficient_interval wald_interval(double estimate, double standard_error, double level) {
  require_domain(level > 0 && level < 1, "wald_interval", "level in (0, 1)", level);
  const boost::math::normal_distribution<double> normal;
  const double half = boost::math::quantile(boost::math::complement(normal, 0.5 * (1.0 - level))) * standard_error;
  return {estimate - half, estimate + half, true};
}

/// All theta_j whose profile likelihood is not rejected: 2 (l(theta_hat) - max{l(theta): theta_j = t}) <=
/// chi^2_1(level). Unlike the Wald interval it does not depend on how the model is parametrised. \source Venzon &
/// Moolgavkar 1988; here the root of the signed root deviance, nearly linear in t, by safeguarded
///   Newton steps
/// \param theta [d, 1], an interior estimate of full rank  \param inference at it
/// \param coefficient j in [0, d)  \param level in (0, 1)
/// \throws std::invalid_argument, std::domain_error
/// \cost about 20 evaluations of information and gradient, O(n d^2) each, with O(d^3) on the host
template <DesignMatrix X>
[[nodiscard]] coefficient_interval likelihood_ratio_interval(const comparison_set<X>& comparisons,
                                                             const dense_t<X>& theta,
                                                             const wald_inference<dense_t<X>>& inference,
                                                             std::int64_t coefficient, double level) {
  require_domain(level > 0 && level < 1, "likelihood_ratio_interval", "level in (0, 1)", level);
  if (coefficient < 0 || coefficient >= comparisons.dimension())
    throw std::invalid_argument("rto::likelihood_ratio_interval: coefficient must be in [0, " +
                                std::to_string(comparisons.dimension()) + "), got " + std::to_string(coefficient));
  const boost::math::chi_squared_distribution<double> chi_squared(1.0);
  const double target = std::sqrt(boost::math::quantile(chi_squared, level));
  const auto low = detail::profile_end(comparisons, theta, inference, coefficient, -1.0, target);
  const auto high = detail::profile_end(comparisons, theta, inference, coefficient, 1.0, target);
  return {low.first, high.first, low.second && high.second};
}

/// Statistic 2 (l_large - l_small) of nested models and its p value under chi^2 with the difference of dimensions.
struct likelihood_ratio_test_result {
  double statistic = 0.0;
  std::int64_t degrees_of_freedom = 0;
  double p_value = 1.0;
};

/// \param large,small maximised log-likelihoods (nats), the small model nested in the large one
/// \param degrees_of_freedom > 0, the difference of their ranks
/// \throws std::domain_error when small > large beyond rounding, or the degrees of freedom are not positive
[[nodiscard]] inline likelihood_ratio_test_result likelihood_ratio_test(double large, double small,
                                                                        std::int64_t degrees_of_freedom) {
  require_domain(degrees_of_freedom > 0, "likelihood_ratio_test", "degrees of freedom > 0",
                 static_cast<double>(degrees_of_freedom));
  require_domain(small <= large + 1e-9 * (1.0 + std::abs(large)), "likelihood_ratio_test",
                 "the small model's log-likelihood <= the large one's", small - large);
  const double statistic = std::max(0.0, 2.0 * (large - small));
  const boost::math::chi_squared_distribution<double> chi_squared(static_cast<double>(degrees_of_freedom));
  return {statistic, degrees_of_freedom, boost::math::cdf(boost::math::complement(chi_squared, statistic))};
}

}  // namespace rto
