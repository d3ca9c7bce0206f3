// The reward of Algorithm 1: the estimate minus a bonus for what the data leave uncertain.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/linear_reward.hpp>

namespace rto {

/// ||phi||_{Sigma_D^{-1}} of many features at once, as ||L^{-1} phi|| with Sigma_D = L L^T.
/// \param features phi [m, d], dense or sparse  \param covariance of dimension d
/// \returns [m, 1]
/// \throws std::invalid_argument for shapes
/// \cost O(m d^2), in blocks of rows that stay in cache
template <DesignMatrix X>
[[nodiscard]] dense_t<X> elliptical_norms(const X& features, const regularized_covariance<dense_t<X>>& covariance) {
  using M = dense_t<X>;
  const std::int64_t m = array::rows(features), d = array::cols(features);
  if (array::rows(covariance.matrix) != d)
    throw std::invalid_argument("rto::elliptical_norms: covariance must be [" + std::to_string(d) + ", " +
                                std::to_string(d) + "], got [" + std::to_string(array::rows(covariance.matrix)) + ", " +
                                std::to_string(array::cols(covariance.matrix)) + "]");
  require_same_kind("elliptical_norms", "features", features, "covariance", covariance.matrix);
  // Rows become columns of the right-hand side, so that one triangular solve serves a whole block.
  constexpr std::int64_t block = 1024;
  std::vector<M> parts;
  for (std::int64_t from = 0; from < m; from += block) {
    const M rows = array::dense(array::row_slice(features, from, std::min(from + block, m)));
    const M columns = array::transpose(rows);
    const M whitened = array::transpose(M(array::solve_lower(covariance.factor.lower, columns)));
    parts.push_back(M(array::matrix(
        elementwise_t<M>(array::sqrt(elementwise_t<M>(array::elementwise(M(array::row_squared_norms(whitened)))))))));
  }
  const M like = array::full(covariance.matrix, 0, 1, 0.0);
  return parts.empty() ? like : M(array::stack_rows(like, parts));
}

/// r_hat(s, a) = r(s, a) - rho ||psi(s, a)||_{Sigma_D^{-1}}: an estimate less its uncertainty.
/// \source arXiv 2404.18922, eq. (4.2), for an estimate of any origin
/// \param estimate r [m, 1]  \param bonus_features psi [m, d]
/// \param radius rho >= 0 and finite: an infinite one (confidence_radius beyond c = 709.7) would give rewards of -inf
/// \returns [m, 1]
/// \throws std::invalid_argument for shapes; std::domain_error for the radius
/// \cost O(m d^2)
template <LinearAlgebra M, DesignMatrix Y>
[[nodiscard]] M subtract_uncertainty(const M& estimate, const Y& bonus_features,
                                     const regularized_covariance<M>& covariance, double radius) {
  require_domain(radius >= 0 && std::isfinite(radius), "pessimistic_reward", "radius >= 0 and finite", radius);
  if (array::rows(estimate) != array::rows(bonus_features))
    throw std::invalid_argument("rto::pessimistic_reward: bonus_features must have " +
                                std::to_string(array::rows(estimate)) + " rows, got " +
                                std::to_string(array::rows(bonus_features)));
  const M bonus = elliptical_norms(bonus_features, covariance);
  return estimate - radius * bonus;
}

template <DesignMatrix X, DesignMatrix Y>
[[nodiscard]] dense_t<X> pessimistic_reward(const X& features, const Y& bonus_features, const dense_t<X>& theta,
                                            const regularized_covariance<dense_t<X>>& covariance, double radius);

/// r_hat(s, a) = <theta_hat, phi(s, a)> - rho ||phi(s, a)||_{Sigma_D^{-1}}.
/// \source arXiv 2404.18922, eq. (4.2)
/// \param features phi [m, d]  \param theta [d, 1]
/// \param radius rho >= 0 and finite: an infinite one (confidence_radius beyond c = 709.7) would give rewards of -inf
/// \returns [m, 1]
/// \throws std::invalid_argument for shapes; std::domain_error for the radius
/// \cost O(m d^2)
template <DesignMatrix X>
[[nodiscard]] dense_t<X> pessimistic_reward(const X& features, const dense_t<X>& theta,
                                            const regularized_covariance<dense_t<X>>& covariance, double radius) {
  return pessimistic_reward(features, features, theta, covariance, radius);
}

/// The same with other features in the bonus: <theta_hat, phi> - rho ||psi||_{Sigma_D^{-1}}, for example psi = the
/// projection of phi off the directions that no comparison can see.
/// \param bonus_features psi [m, d]
template <DesignMatrix X, DesignMatrix Y>
[[nodiscard]] dense_t<X> pessimistic_reward(const X& features, const Y& bonus_features, const dense_t<X>& theta,
                                            const regularized_covariance<dense_t<X>>& covariance, double radius) {
  return subtract_uncertainty(linear_reward(features, theta), bonus_features, covariance, radius);
}

}  // namespace rto
