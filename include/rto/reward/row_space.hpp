// Rank and an orthonormal basis of the row space of a design, without a singular value decomposition of the design.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Core>
#include <Eigen/QR>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>

namespace rto {

template <LinearAlgebra M> struct row_space {
  std::int64_t rank = 0;
  M basis;         ///< [d, rank], orthonormal columns; empty (0 x 0) when the rank is d: no rotation needed
  M column_scale;  ///< [d, 1], makes the columns of diag(s) X norm one (1 for a column of zeros)
  double smallest_ratio =
      1.0;  ///< smallest retained singular value over the largest, columns scaled to norm 1 (estimated)
  double dropped_ratio = 0.0;  ///< largest dropped one over the largest
};

namespace detail {

/// R with R^T R = (diag(s) X)^T (diag(s) X), block of rows by block of rows: backward stable, never holds more than a
/// block.
template <DesignMatrix X> [[nodiscard]] dense_t<X> blocked_triangular_factor(const X& x, const dense_t<X>& scale) {
  using M = dense_t<X>;
  const std::int64_t n = array::rows(x), d = array::cols(x), block = std::max<std::int64_t>(4 * d, 256);
  M r = array::full(scale, 0, d, 0.0);
  for (std::int64_t from = 0; from < n; from += block) {
    const std::int64_t to = std::min(from + block, n);
    const M rows = array::dense(array::row_slice(x, from, to));
    const std::vector<M> parts{r, array::scale_rows(rows, M(array::row_slice(scale, from, to)))};
    r = array::triangular_factor(M(array::stack_rows(r, parts)));
  }
  return r;
}

/// tr S^-1 = ||L^-1||_F^2 >= 1 / lambda_min(S). \cost O(d^3)
template <LinearAlgebra M> [[nodiscard]] double trace_of_inverse(const cholesky_factor<M>& factor) {
  const std::int64_t d = array::rows(factor.lower);
  const M identity = array::add_to_diagonal(array::full(factor.lower, d, d, 0.0), 1.0);
  const M inverse = array::solve_lower(factor.lower, identity);
  return array::item(array::sum(array::elementwise(M(array::row_squared_norms(inverse)))));
}

}  // namespace detail

/// Rank and row space of diag(s) X.
///
/// The Gram matrix with columns scaled to norm one decides when it is safely non-singular: smallest eigenvalue at least
/// 1e-9 of the largest (1e4 eps where the entries' precision eps is single), by lambda_min >= 1 / tr G^-1. Otherwise it
/// knows singular values only to sqrt(eps) of the largest, and a blocked QR decides, its triangular factor reduced by a
/// second, column-pivoted one: diagonal entries below max(1e-13, 4 d eps) of the first count as zero.
/// \param x [n, d]  \param scale s [n, 1] >= 0; 0 drops a row
/// \cost O(n d^2 + d^3), about twice that in the doubtful case, where the last O(d^3) runs on the host
template <DesignMatrix X> [[nodiscard]] row_space<dense_t<X>> make_row_space(const X& x, const dense_t<X>& scale) {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  const std::int64_t d = array::cols(x);
  row_space<M> space;
  if (d == 0 || array::rows(x) == 0) {
    space.basis = array::full(scale, d, 0, 0.0);
    space.column_scale = array::full(scale, d, 1, 1.0);
    return space;
  }
  const double eps = machine_epsilon(scale);
  const E s = array::elementwise(scale);
  const M gram = array::weighted_gram(x, M(array::matrix(E(s * s))));

  // Columns to norm one; a column of zeros keeps its scale.
  std::vector<double> norm = array::to_host(M(array::diagonal(gram))), inverse_norm(norm.size());
  for (std::size_t j = 0; j < norm.size(); ++j) {
    norm[j] = norm[j] > 0 ? std::sqrt(norm[j]) : 1.0;
    inverse_norm[j] = 1.0 / norm[j];
  }
  space.column_scale = array::from_host(scale, std::span<const double>(inverse_norm), d, 1);
  const M half_scaled = array::transpose(M(array::scale_rows(gram, space.column_scale)));
  const M scaled = array::scale_rows(half_scaled, space.column_scale);
  if (const cholesky_factor<M> factor = array::cholesky(scaled); factor.positive_definite) {
    const double ratio = 1.0 / (static_cast<double>(d) * detail::trace_of_inverse(factor));  // lambda_max <= d
    if (ratio > std::max(1e-9, 1e4 * eps)) {
      space.rank = d;
      space.smallest_ratio = std::sqrt(ratio);
      return space;
    }
  }

  const std::vector<double> entries = array::to_host(detail::blocked_triangular_factor(x, scale));
  const auto size = static_cast<Eigen::Index>(d);
  using host_matrix = Eigen::MatrixXd;
  const host_matrix r = Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
                            entries.data(), size, size) *
                        Eigen::Map<const Eigen::VectorXd>(inverse_norm.data(), size).asDiagonal();
  const Eigen::ColPivHouseholderQR<host_matrix> pivoted(r);
  const Eigen::VectorXd pivot = pivoted.matrixQR().diagonal().cwiseAbs();
  const double threshold = std::max(1e-13, 4.0 * static_cast<double>(d) * eps) * pivot[0];
  Eigen::Index rank = 0;
  while (rank < size && pivot[rank] > threshold) ++rank;
  space.rank = rank;
  if (rank > 0) space.smallest_ratio = pivot[rank - 1] / pivot[0];
  if (rank > 0 && rank < size) space.dropped_ratio = pivot[rank] / pivot[0];
  if (rank == size) return space;

  // The first `rank` rows of R P^T, with the scale of the columns undone, span the row space of X.
  const host_matrix rows = host_matrix(pivoted.matrixQR().topRows(rank).template triangularView<Eigen::Upper>()) *
                           pivoted.colsPermutation().transpose() *
                           Eigen::Map<const Eigen::VectorXd>(norm.data(), size).asDiagonal();
  const Eigen::HouseholderQR<host_matrix> qr(rows.transpose());
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> basis =
      qr.householderQ() * host_matrix::Identity(size, rank);
  space.basis =
      array::from_host(scale, std::span<const double>(basis.data(), static_cast<std::size_t>(basis.size())), d, rank);
  return space;
}

}  // namespace rto
