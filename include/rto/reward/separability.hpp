// Whether comparisons are separable, that is, whether the unconstrained likelihood has no maximiser.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/nonnegative_combination.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/reward/row_space.hpp>
#include <rto/reward/shifted_likelihood.hpp>

namespace rto {

template <LinearAlgebra M> struct separability_result {
  separability_verdict verdict = separability_verdict::undecided;
  M direction;  ///< [d, 1] of norm 1 where separable; otherwise empty
};

namespace detail {

/// The comparisons that matter (positive weight, x_i != 0), hard (s_i = +-1) and soft apart, as 0/1 arrays.
template <DesignMatrix X> struct separability_data {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  E sign, hard, soft, inverse_norm;  // sign +1 where soft; inverse_norm 0 where x_i = 0
  std::int64_t hard_count = 0, soft_count = 0;

  explicit separability_data(const shifted_objective<X>& objective) {
    const E& y = objective.label();
    const E zero = array::full_like(y, 0.0), one = array::full_like(y, 1.0);
    const E active = array::where_le(objective.weight(), zero, zero, one);
    const E above = array::where_le(y, zero, zero, one), below = array::where_le(one, y, zero, one);
    soft = active * above * below;
    hard = active - soft;
    sign = array::where_le(y, zero, E(one - 2.0 * hard), one);
    inverse_norm = active / array::where_le(objective.row_norm(), zero, one, objective.row_norm());
    hard_count = static_cast<std::int64_t>(array::item(array::sum(hard)));
    soft_count = static_cast<std::int64_t>(array::item(array::sum(soft)));
  }
};

/// Complete separation by the direction whose margins <x_i, v> these are: no soft label, every hard one on its side by
/// more than rounding. \param norm ||v||
template <DesignMatrix X>
[[nodiscard]] bool separates(const shifted_objective<X>& objective, const separability_data<X>& data,
                             const dense_t<X>& margin, double norm) {
  using E = elementwise_t<dense_t<X>>;
  if (data.soft_count > 0 || data.hard_count == 0 || !(norm > 0)) return false;
  const E side = data.sign * array::elementwise(margin) * data.inverse_norm;
  const E zero = array::full_like(side, 0.0);
  const E infinite = array::full_like(side, -std::numeric_limits<double>::infinity());
  const double least = -array::item(array::max_coeff(array::where_le(data.hard, zero, infinite, E(-side))));
  const double d = static_cast<double>(array::cols(objective.features()));
  return least >= 8.0 * d * machine_epsilon(margin) * norm;
}

/// 1 / ||diag(c) x_i|| of the comparisons that matter, 0 for the others, in blocks of rows: separability does not see
/// the scale of a feature, but rounding does.
template <DesignMatrix X>
[[nodiscard]] elementwise_t<dense_t<X>> scaled_inverse_norms(const X& x, const dense_t<X>& column_scale,
                                                             const separability_data<X>& data) {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  constexpr std::int64_t block = 1024;
  std::vector<M> parts;
  for (std::int64_t from = 0; from < array::rows(x); from += block) {
    const M rows = array::dense(array::row_slice(x, from, std::min(from + block, array::rows(x))));
    const M columns = array::transpose(M(array::scale_rows(M(array::transpose(rows)), column_scale)));
    parts.push_back(array::row_squared_norms(columns));
  }
  const M squares = array::stack_rows(column_scale, parts);
  const E norm = array::sqrt(array::elementwise(squares));
  const E zero = array::full_like(norm, 0.0), one = array::full_like(norm, 1.0);
  return (data.hard + data.soft) / array::where_le(norm, zero, one, norm);
}

/// Certificates (i)-(iii): true only if the comparisons are not separable, false when that is not seen this way.
/// With rows scaled to norm one, u_i = w_i |y_i - p_i| ||x_i|| at a numerical maximum and delta the least-norm solution
/// of sum delta_i s_i x_i = -g, the multipliers u_i + delta_i annihilate X and are positive on hard labels.
template <DesignMatrix X>
[[nodiscard]] bool certainly_not_separable(const shifted_objective<X>& objective, const separability_data<X>& data,
                                           const row_space<dense_t<X>>& space, const dense_t<X>& margin) {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  if (data.hard_count == 0) return true;
  const std::int64_t d = array::cols(objective.features());
  const bool full = space.rank == d;
  const double eps = machine_epsilon(margin);
  if (space.rank == 0 || space.dropped_ratio > std::max(1e-13, 450 * eps)) return false;
  const E z = array::elementwise(margin);
  const E residual = objective.weight() * bradley_terry_residual(z, objective.label());
  const E inverse_norm =
      full ? scaled_inverse_norms(objective.features(), space.column_scale, data) : data.inverse_norm;
  M gram = array::weighted_gram(objective.features(), M(array::matrix(E(inverse_norm * inverse_norm))));
  M g = array::transposed_product(objective.features(), M(array::matrix(residual)));
  if (full) {
    gram = array::scale_rows(M(array::transpose(M(array::scale_rows(gram, space.column_scale)))), space.column_scale);
    g = array::scale_rows(g, space.column_scale);
  } else {
    gram = array::transposed_product(space.basis, M(array::product(gram, space.basis)));
    g = array::transposed_product(space.basis, g);
  }
  const cholesky_factor<M> factor = array::cholesky(gram);
  if (!factor.positive_definite) return false;
  const double smallest = 1.0 / trace_of_inverse(factor);  // of the squared singular values, a lower bound
  if (!(smallest > std::max(1e-10, 1e4 * eps) * array::item(array::sum(array::elementwise(M(array::diagonal(gram)))))))
    return false;
  M lambda = -1.0 * M(array::solve_lower_transposed(factor.lower, M(array::solve_lower(factor.lower, g))));
  lambda = full ? M(array::scale_rows(lambda, space.column_scale)) : M(array::product(space.basis, lambda));
  const M delta_margin = array::product(objective.features(), lambda);
  // Times the sign, so that multipliers of hard labels count as positive.
  const E delta = data.sign * array::elementwise(delta_margin) * inverse_norm;
  const E zero = array::full_like(z, 0.0), one = array::full_like(z, 1.0);
  const E u = residual / array::where_le(inverse_norm, zero, one, inverse_norm);  // the multiplier of a row of norm one
  const E size = data.sign * u;
  const E infinite = array::full_like(z, -std::numeric_limits<double>::infinity());
  const double slack =
      -array::item(array::max_coeff(array::where_le(data.hard, zero, infinite, E(-(delta + 0.5 * size)))));
  const double least = -array::item(array::max_coeff(array::where_le(data.hard, zero, infinite, E(-size))));
  const double total = array::item(array::sum(E(array::abs(u))));
  const double n = static_cast<double>(array::rows(objective.features()));
  return slack >= 0.0 && least >= 32.0 * n * eps * total / std::sqrt(smallest);
}

/// Orthonormal basis [d, rank] of the range of an orthogonal projector. \cost O(d^3) on the host
template <LinearAlgebra M> [[nodiscard]] M range_of_projector(const M& projector, std::int64_t rank) {
  const std::vector<double> entries = array::to_host(projector);
  const auto d = static_cast<Eigen::Index>(array::rows(projector)), k = static_cast<Eigen::Index>(rank);
  const Eigen::MatrixXd p = Eigen::Map<const Eigen::MatrixXd>(entries.data(), d, d);  // symmetric: any storage order
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> basis =
      Eigen::ColPivHouseholderQR<Eigen::MatrixXd>(p).householderQ() * Eigen::MatrixXd::Identity(d, k);
  return array::from_host(projector, std::span<const double>(basis.data(), static_cast<std::size_t>(basis.size())),
                          array::rows(projector), rank);
}

/// The decision by Stiemke's alternative in the part of the row space that soft labels leave free.
template <DesignMatrix X>
[[nodiscard]] separability_result<dense_t<X>> decide_separability(const shifted_objective<X>& objective,
                                                                  const separability_data<X>& data,
                                                                  const row_space<dense_t<X>>& space,
                                                                  std::int64_t max_iterations) {
  using M = dense_t<X>;
  using E = elementwise_t<M>;
  const X& x = objective.features();
  const std::int64_t d = array::cols(x);
  if (data.hard_count == 0) return {separability_verdict::not_separable, M{}};
  const auto conclude = [&](const stiemke_result& alternative, const M* basis) -> separability_result<M> {
    if (alternative.verdict == stiemke_verdict::undecided) return {};
    if (alternative.verdict == stiemke_verdict::positive_combination) return {separability_verdict::not_separable, M{}};
    const auto q = static_cast<std::int64_t>(alternative.direction.size());
    const M v = array::from_host(array::full(x, 0, 0, 0.0), std::span<const double>(alternative.direction), q, 1);
    return {separability_verdict::separable, basis == nullptr ? v : M(array::product(*basis, v))};
  };
  if (data.soft_count == 0 && space.rank == d) {
    const M scale = array::matrix(E(data.sign * data.hard * scaled_inverse_norms(x, space.column_scale, data)));
    return conclude(decide_stiemke(x, scale, space.column_scale, data.hard_count, max_iterations), nullptr);
  }

  // The orthogonal complement of the soft rows within the row space.
  M projector = array::add_to_diagonal(array::full(x, d, d, 0.0), 1.0);
  if (space.rank < d) projector = array::product(space.basis, M(array::transpose(space.basis)));
  std::int64_t free = space.rank;
  if (data.soft_count > 0) {
    const row_space<M> soft = make_row_space(x, M(array::matrix(E(data.soft * data.inverse_norm))));
    free -= soft.rank;
    if (soft.rank < d && soft.rank > 0)
      projector = projector - array::product(soft.basis, M(array::transpose(soft.basis)));
  }
  if (free <= 0) return {separability_verdict::not_separable, M{}};
  const M basis = range_of_projector(projector, free);
  const M projected = array::product(x, basis);
  const E norm = array::sqrt(array::elementwise(M(array::row_squared_norms(projected))));
  // A hard row within the span of the soft ones has <v, x_i> = 0 for every v: it is not there.
  const E zero = array::full_like(norm, 0.0), one = array::full_like(norm, 1.0);
  const E visible =
      data.hard * array::where_le(E(norm * data.inverse_norm),
                                  array::full_like(norm, std::max(1e-11, 64 * machine_epsilon(projected))), zero, one);
  const auto count = static_cast<std::int64_t>(array::item(array::sum(visible)));
  if (count == 0) return {separability_verdict::not_separable, M{}};
  const M scale = array::matrix(E(data.sign * visible / array::where_le(norm, zero, one, norm)));
  const M ones = array::full(projected, free, 1, 1.0);
  return conclude(decide_stiemke(projected, scale, ones, count, max_iterations), &basis);
}

}  // namespace detail

/// Decides whether a direction v has s_i <v, x_i> >= 0 for hard labels, = 0 for soft ones, and > 0 at least once.
/// Comparisons of weight 0 and those with x_i = 0 do not count.
/// \source Albert & Anderson 1984; arXiv 2404.18922, eq. (4.1)
/// \returns the verdict, with the direction where separable; `undecided` after `max_iterations` pivots (0: 50 (d + 10))
/// \throws std::invalid_argument for shapes
/// \cost O(n d^2 + d^3) and O(n d) for each pivot, usually a few times d
template <DesignMatrix X>
[[nodiscard]] separability_result<dense_t<X>> decide_separability(const comparison_set<X>& comparisons,
                                                                  std::int64_t max_iterations = 0) {
  require_shapes("decide_separability", comparisons);
  if (comparisons.size() == 0) return {separability_verdict::not_separable, dense_t<X>{}};
  const detail::shifted_objective<X> objective(comparisons);
  const detail::separability_data<X> data(objective);
  const row_space<dense_t<X>> space =
      make_row_space(comparisons.features, dense_t<X>(array::matrix(data.inverse_norm)));
  const std::int64_t limit = max_iterations > 0 ? max_iterations : 50 * (comparisons.dimension() + 10);
  return detail::decide_separability(objective, data, space, limit);
}

}  // namespace rto
