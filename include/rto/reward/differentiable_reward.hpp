// Rewards that are a differentiable function of their parameters: likelihood, and the linear reward that touches one.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/shifted_likelihood.hpp>

namespace rto {

/// A token reward r_theta(s, a) on the m = states x actions edges of a model (states outermost), with derivatives:
///   parameters()     p >= 1
///   values(theta)    theta [p, 1] -> r_theta [m, 1]
///   jacobian(theta)  theta [p, 1] -> dr_theta / dtheta [m, p]
/// `autodiff_reward` makes one of a callable; a type with derivatives of its own, on any matrix type, is as good.
template <class R, class M>
concept DifferentiableReward = LinearAlgebra<M> && requires(const std::remove_cvref_t<R>& reward, const M& theta) {
  { reward.parameters() } -> std::convertible_to<std::int64_t>;
  { reward.values(theta) } -> std::convertible_to<M>;
  { reward.jacobian(theta) } -> std::convertible_to<M>;
};

namespace detail {

/// r_theta with its shape checked against the comparisons; entries may be anything.
template <class R, DesignMatrix X>
requires DifferentiableReward<R, dense_t<X>>
[[nodiscard]] dense_t<X> reward_values(const char* function, const R& reward, const comparison_set<X>& visits,
                                       const dense_t<X>& theta) {
  require_domain(reward.parameters() >= 1, function, "a reward with at least one parameter",
                 static_cast<double>(reward.parameters()));
  require_shape(function, "theta", theta, reward.parameters(), 1);
  dense_t<X> values = reward.values(theta);
  require_shape(function, "the values of the reward", values, visits.dimension(), 1);
  return values;
}

}  // namespace detail

/// l(theta) = sum_i w_i [y_i log sigma(z_i) + (1 - y_i) log sigma(-z_i)], z_i = R_theta(tau_i^1) - R_theta(tau_i^2).
/// \source arXiv 2404.18922v1, (4.1), for a reward that need not be linear
/// \param visits comparisons with one feature for every state and action: x_i counts how often the first trajectory
///   takes the action in the state, less the second (`compare_trajectories` with one-hot features)
/// \param theta [p, 1]
/// \returns nats; {theta : l(theta) >= l(theta_hat) - zeta} is the likelihood confidence set, zeta from
///   `lipschitz_class_zeta` (for every n) or `smooth_class_zeta` (as n grows)
/// \throws std::invalid_argument for shapes
/// \cost one evaluation of the reward, O(n m) or the stored entries of `visits`
template <class R, DesignMatrix X>
requires DifferentiableReward<R, dense_t<X>>
[[nodiscard]] double reward_log_likelihood(const R& reward, const comparison_set<X>& visits, const dense_t<X>& theta) {
  return bradley_terry_log_likelihood(visits, detail::reward_values("reward_log_likelihood", reward, visits, theta));
}

/// The linear reward that touches r at theta_hat, and the comparisons as it sees them:
/// r_theta(s,a) = r_theta_hat(s,a) + <theta - theta_hat, phi(s,a)> + O(||theta - theta_hat||^2).
template <LinearAlgebra M> struct linearized_reward {
  M value;                        ///< r_theta_hat [m, 1]
  M features;                     ///< phi = dr/dtheta at theta_hat [m, p]
  comparison_set<M> comparisons;  ///< x_i = Phi(tau_i^1) - Phi(tau_i^2) of these features [n, p], labels and weights
  M margin;                       ///< z_i = R_theta_hat(tau_i^1) - R_theta_hat(tau_i^2) [n, 1]
};

/// Linearises a reward. Of a linear reward r = <theta, phi> the features and comparisons are those of
/// `compare_trajectories` with phi, at every theta.
/// \param visits as in `reward_log_likelihood`  \param theta [p, 1]
/// \throws std::invalid_argument for shapes, std::domain_error where the reward or its derivatives are not finite
/// \cost one evaluation with derivatives, O(n m p) or p times the stored entries of `visits`
template <class R, DesignMatrix X>
requires DifferentiableReward<R, dense_t<X>>
[[nodiscard]] linearized_reward<dense_t<X>> linearize_reward(const R& reward, const comparison_set<X>& visits,
                                                             const dense_t<X>& theta) {
  using M = dense_t<X>;
  constexpr auto function = "linearize_reward";
  require_shapes(function, visits);
  linearized_reward<M> out;
  out.value = detail::reward_values(function, reward, visits, theta);
  out.features = reward.jacobian(theta);
  require_shape(function, "the jacobian of the reward", out.features, visits.dimension(), reward.parameters());
  if (!array::all_finite(out.value) || !array::all_finite(out.features))
    throw std::domain_error("rto::linearize_reward: need a reward with finite values and derivatives, got others");
  out.comparisons = {array::product(visits.features, out.features), visits.label, visits.weight};
  out.margin = array::product(visits.features, out.value);
  return out;
}

/// In which metric the uncertainty of theta is measured.
enum class reward_metric {
  design,      ///< Sigma_D = sum_i x_i x_i^T + lambda I, that of (4.2); labels and weights do not enter
  information  ///< sum_i w_i sigma'(z_i) x_i x_i^T + lambda I, the expected information at theta_hat
};

/// The covariance in which the bonus of Algorithm 1 is taken around theta_hat.
///
/// `design` is the matrix of (4.2) with the linearised features. With `information` the ellipsoid
/// {||theta - theta_hat||^2 <= 2 zeta} is Laplace's approximation of the likelihood confidence set of width zeta: equal
/// to second order in theta - theta_hat, up to the terms (y_i - p_i) d^2 z_i / dtheta^2, which have mean zero at the
/// truth and are 0 for a linear reward.
/// \param lambda ridge > 0; for `information` it has the unit of the information
/// \throws as `make_regularized_covariance`
/// \cost O(n p^2 + p^3)
template <LinearAlgebra M>
[[nodiscard]] regularized_covariance<M> make_reward_covariance(const linearized_reward<M>& at, double lambda,
                                                               reward_metric metric) {
  if (metric == reward_metric::design) return make_regularized_covariance(at.comparisons.features, lambda);
  require_domain(lambda > 0 && std::isfinite(lambda), "make_reward_covariance", "lambda > 0 and finite", lambda);
  const std::int64_t p = array::cols(at.features);
  const M information = at.comparisons.size() == 0
                            ? M(array::full(at.features, p, p, 0.0))
                            : detail::shifted_objective<M>(at.comparisons).information(at.margin, 0.0);
  return factorize_covariance(M(array::add_to_diagonal(information, lambda)), lambda);
}

/// rho = sqrt(2 zeta + 4 lambda B^2): in the metric `information`, the radius of the ellipsoid that stands for the
/// likelihood confidence set of width zeta within the ball ||theta|| <= B (the ridge adds lambda ||theta -
/// theta_hat||^2 <= 4 lambda B^2, as in `confidence_radius`).
/// \param zeta nats >= 0, e.g. `smooth_class_zeta(rank, delta)`  \param lambda ridge > 0  \param bound B >= 0
/// \throws std::domain_error
[[nodiscard]] inline double laplace_radius(double zeta, double lambda, double bound) {
  require_domain(zeta >= 0, "laplace_radius", "zeta >= 0", zeta);
  require_domain(lambda > 0 && std::isfinite(lambda), "laplace_radius", "lambda > 0 and finite", lambda);
  require_domain(bound >= 0, "laplace_radius", "bound B >= 0", bound);
  return std::hypot(std::sqrt(2.0 * zeta), 2.0 * bound * std::sqrt(lambda));
}

}  // namespace rto
