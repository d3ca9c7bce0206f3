// Rank and an orthonormal basis of the row space of a design, without a singular value decomposition of the design.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <rto/array/linear_algebra.hpp>

namespace rto {

template <LinearAlgebra M> struct row_space {
  std::int64_t rank = 0;
  M basis;  ///< [d, rank], orthonormal columns; empty (0 x 0) when the rank is d: no rotation needed
  double smallest_ratio = 1.0;  ///< smallest retained singular value over the largest, columns scaled to norm 1
  double dropped_ratio = 0.0;   ///< largest dropped one over the largest
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

}  // namespace detail

/// Rank and row space of diag(s) X.
///
/// The Gram matrix with columns scaled to norm one decides when it is safely non-singular (smallest eigenvalue at least
/// 1e-9 of the largest). Otherwise its eigenvalues know singular values only to 1e-8, and the triangular factor of a
/// blocked QR decides: singular values below max(1e-13, 4 d eps) of the largest are zero.
/// \param x [n, d]  \param scale s [n, 1] >= 0; 0 drops a row
/// \cost O(n d^2 + d^3), twice that in the doubtful case
template <DesignMatrix X> [[nodiscard]] row_space<dense_t<X>> make_row_space(const X& x, const dense_t<X>& scale) {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  const std::int64_t d = array::cols(x);
  row_space<M> space;
  if (d == 0 || array::rows(x) == 0) {
    space.basis = array::full(scale, d, 0, 0.0);
    return space;
  }
  const E s = array::elementwise(scale);
  const M gram = array::weighted_gram(x, M(array::matrix(E(s * s))));

  // Columns to norm one; a column of zeros keeps its scale.
  std::vector<double> host = array::to_host(gram), norms(static_cast<std::size_t>(d));
  for (std::size_t j = 0; j < norms.size(); ++j) {
    const double square = host[j * norms.size() + j];
    norms[j] = square > 0 ? std::sqrt(square) : 1.0;
  }
  std::vector<double> inverse(norms.size());
  for (std::size_t j = 0; j < norms.size(); ++j) inverse[j] = 1.0 / norms[j];
  const M column_norm = array::from_host(scale, std::span<const double>(norms), d, 1);
  const M column_scale = array::from_host(scale, std::span<const double>(inverse), d, 1);
  const auto scale_columns = [&](const M& a) {
    return M(array::transpose(M(array::scale_rows(M(array::transpose(a)), column_scale))));
  };
  const std::vector<double> values =
      array::to_host(array::symmetric_eigen(scale_columns(M(array::scale_rows(gram, column_scale)))).values);
  if (values.front() > 1e-9 * values.back()) {
    space.rank = d;
    space.smallest_ratio = std::sqrt(values.front() / values.back());
    return space;
  }

  const auto svd = array::singular_values(scale_columns(detail::blocked_triangular_factor(x, scale)));
  const std::vector<double> sigma = array::to_host(svd.values);
  const double threshold =
      std::max(1e-13, 4.0 * static_cast<double>(d) * std::numeric_limits<double>::epsilon()) * sigma.front();
  while (space.rank < d && sigma[static_cast<std::size_t>(space.rank)] > threshold) ++space.rank;
  if (space.rank > 0) space.smallest_ratio = sigma[static_cast<std::size_t>(space.rank - 1)] / sigma.front();
  if (space.rank < d && sigma.front() > 0)
    space.dropped_ratio = sigma[static_cast<std::size_t>(space.rank)] / sigma.front();
  if (space.rank == d) return space;
  if (space.rank == 0) {
    space.basis = array::full(scale, d, 0, 0.0);
    return space;
  }
  // Row space of X = (diag(column_norm) times the right singular vectors of the scaled X), orthonormalised.
  const M kept = array::transpose(M(array::row_slice(M(array::transpose(svd.right)), 0, space.rank)));
  space.basis = array::singular_values(M(array::scale_rows(kept, column_norm))).left;
  return space;
}

}  // namespace rto
