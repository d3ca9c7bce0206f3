// The ellipsoid around the maximum-likelihood estimate that contains the true parameter (Lemma A.1).
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// gamma = sigma'(c) = 1 / (2 + e^-c + e^c): the least curvature of the logistic loss on |z| <= c.
/// \source arXiv 2404.18922, Lemma A.1, with c = B max_i ||x_i|| (a difference of two trajectories: c <= 2 H L B)
/// \param c bound on |<x_i, theta>|, >= 0, may be infinite
/// \returns gamma in [0, 1/4]; 0 where it underflows
[[nodiscard]] inline double logistic_curvature(double c) {
  require_domain(c >= 0, "logistic_curvature", "c >= 0", c);
  return 1.0 / (2.0 + std::exp(-c) + std::exp(c));
}

/// What the confidence radius depends on.
struct confidence_radius_inputs {
  std::int64_t rank = 0;      ///< r = rank Sigma (d for the printed form)
  double max_row_norm = 0.0;  ///< max_i ||x_i||
  double bound = 1.0;         ///< B >= ||theta*||, reward units per feature unit; may be infinite
  double lambda = 1.0;        ///< ridge of Sigma_D, > 0
  double delta = 0.05;        ///< failure probability, in (0, 1)
};

namespace detail {

inline void require_radius_inputs(const char* function, const confidence_radius_inputs& in) {
  require_domain(in.rank >= 0, function, "rank >= 0", static_cast<double>(in.rank));
  require_domain(in.max_row_norm >= 0 && std::isfinite(in.max_row_norm), function, "max_row_norm >= 0 and finite",
                 in.max_row_norm);
  require_domain(in.bound >= 0, function, "bound B >= 0", in.bound);
  require_domain(in.lambda > 0 && std::isfinite(in.lambda), function, "lambda > 0 and finite", in.lambda);
  require_domain(in.delta > 0 && in.delta < 1, function, "delta in (0, 1)", in.delta);
}

/// 1 / gamma = 2 + e^-c + e^c at c = B max ||x||, infinite where e^c overflows (c > 709.7); 0 * inf counts as 0.
inline double inverse_curvature(const confidence_radius_inputs& in) {
  const double c = in.max_row_norm == 0 ? 0.0 : in.bound * in.max_row_norm;
  return 2.0 + std::exp(-c) + std::exp(c);
}

}  // namespace detail

/// rho_R = sqrt((r + 2 sqrt(r t) + 2 t) / (4 gamma^2) + 4 lambda B^2), t = log(1/delta): with probability at least
/// 1 - delta, ||theta_hat - theta*||_{Sigma_D} <= rho_R.
/// \source arXiv 2404.18922, Lemma A.1 (A.2), with explicit constants; the tail bound is Hsu, Kakade & Zhang 2012
///   (arXiv 1110.2842), Theorem 2.1. Sigma_D = X^T X + lambda I is not divided by n
/// \assumes labels are hard, of weight one and independent given the pairs; ||theta*|| <= B; theta_hat is an exact
///   maximiser over ||theta|| <= B
/// \returns radius in the units of ||.||_{Sigma_D}; infinite when B max ||x_i|| > 709.7 (or B is), 2 B sqrt(lambda)
///   when the rank is 0
/// \throws std::domain_error
[[nodiscard]] inline double confidence_radius(const confidence_radius_inputs& in) {
  detail::require_radius_inputs("confidence_radius", in);
  const double ridge = 2.0 * in.bound * std::sqrt(in.lambda);
  if (in.rank == 0) return ridge;
  const double r = static_cast<double>(in.rank), t = -std::log(in.delta);
  const double noise = 0.5 * std::sqrt(r + 2.0 * std::sqrt(r * t) + 2.0 * t);
  return std::hypot(noise * detail::inverse_curvature(in), ridge);  // 1 / gamma^2 would overflow at half of the c
}

/// rho = C sqrt((d + log(1/delta)) / gamma^2 + lambda B^2), the printed form; C = 2 makes it valid and never below
/// rho_R.
/// \source arXiv 2404.18922, (A.2), where C is "an absolute constant"; after Zhu, Jiao & Jordan 2023, Lemma 3.1
/// \param in rank is the dimension d here
/// \throws std::domain_error
[[nodiscard]] inline double confidence_radius_printed(const confidence_radius_inputs& in, double constant = 2.0) {
  detail::require_radius_inputs("confidence_radius_printed", in);
  require_domain(constant > 0 && std::isfinite(constant), "confidence_radius_printed", "constant C > 0", constant);
  const double t = -std::log(in.delta);
  return constant * std::hypot(std::sqrt(static_cast<double>(in.rank) + t) * detail::inverse_curvature(in),
                               in.bound * std::sqrt(in.lambda));
}

/// rho_SN = (a + sqrt(a^2 + 16 lambda B^2)) / 2, a = gamma^-1 sqrt(log(det(Sigma_D)^{1/2} lambda^{-d/2} / delta) / 2):
/// valid for pairs chosen adaptively, uniformly in n.
/// \source Abbasi-Yadkori, Pal & Szepesvari 2011 (self-normalised bound), variance proxy 1/4
/// \param in rank is not used
/// \param log_determinant_ratio log det(Sigma_D / lambda) >= 0
/// \throws std::domain_error
[[nodiscard]] inline double self_normalized_radius(const confidence_radius_inputs& in, double log_determinant_ratio) {
  detail::require_radius_inputs("self_normalized_radius", in);
  require_domain(log_determinant_ratio >= 0, "self_normalized_radius", "log det(Sigma_D / lambda) >= 0",
                 log_determinant_ratio);
  const double t = -std::log(in.delta);
  const double a = detail::inverse_curvature(in) * std::sqrt(0.5 * (0.5 * log_determinant_ratio + t));
  return 0.5 * (a + std::hypot(a, 4.0 * in.bound * std::sqrt(in.lambda)));
}

/// Sigma_D = X^T X + lambda I of a set of features, with its Cholesky factor: what every norm of a feature is taken in.
template <LinearAlgebra M> struct regularized_covariance {
  M matrix;                   ///< [d, d], not divided by n
  cholesky_factor<M> factor;  ///< lower L, L L^T = matrix
  double lambda = 0.0;
};

/// Sigma_D from a given matrix, used as is. \throws std::domain_error when it is not positive definite \cost O(d^3)
template <LinearAlgebra M>
[[nodiscard]] regularized_covariance<M> factorize_covariance(const M& matrix, double lambda) {
  regularized_covariance<M> covariance{matrix, array::cholesky(matrix), lambda};
  if (array::rows(matrix) > 0 && !covariance.factor.positive_definite)
    throw std::domain_error(
        "rto::factorize_covariance: need a positive definite covariance, got one whose Cholesky factorisation fails "
        "(is lambda too small for the scale of the features?)");
  return covariance;
}

/// Sigma_D = sum_i x_i x_i^T + lambda I; labels and weights do not enter.
/// \source arXiv 2404.18922, (4.2); un-normalised
/// \param features X [n, d], n = 0 allowed  \param lambda > 0
/// \throws std::domain_error when lambda <= 0, or when it is so small that Sigma_D is not positive definite in floating
///   point
/// \cost O(n d^2 + d^3)
template <DesignMatrix X>
[[nodiscard]] regularized_covariance<dense_t<X>> make_regularized_covariance(const X& features, double lambda) {
  require_domain(lambda > 0 && std::isfinite(lambda), "make_regularized_covariance", "lambda > 0 and finite", lambda);
  return factorize_covariance(dense_t<X>(array::add_to_diagonal(array::gram(features), lambda)), lambda);
}

/// log det(Sigma_D / lambda), from the factor. \cost O(d)
template <LinearAlgebra M> [[nodiscard]] double log_determinant_ratio(const regularized_covariance<M>& covariance) {
  const std::vector<double> l = array::to_host(covariance.factor.lower);
  const auto d = static_cast<std::size_t>(array::rows(covariance.matrix));
  double log_ratio = 0.0;
  for (std::size_t i = 0; i < d; ++i) log_ratio += 2.0 * std::log(l[i * d + i]) - std::log(covariance.lambda);
  return log_ratio < 0.0 ? 0.0 : log_ratio;
}

}  // namespace rto
