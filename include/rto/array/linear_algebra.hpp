// The third tier: matrices for maximum likelihood, confidence sets and pessimism.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <rto/array/array.hpp>

namespace rto {

/// Lower factor L of S = L L^T. `positive_definite` is false where the factorisation broke down; L is then unspecified.
template <class M> struct cholesky_factor {
  M lower;
  bool positive_definite = false;
};

/// S = U diag(values) U^T with values ascending [d, 1] and the vectors as columns of U [d, d].
template <class M> struct eigen_decomposition {
  M values;
  M vectors;
};

/// A dense matrix with products, a Cholesky factorisation and triangular solves; a column is a [n, 1] matrix.
template <class M>
concept LinearAlgebra = requires {
  typename value_t<M>;
}
&&requires(const value_t<M>& m) {
  { array::rows(m) } -> std::convertible_to<std::int64_t>;
  { array::product(m, m) } -> std::convertible_to<value_t<M>>;
  { array::transposed_product(m, m) } -> std::convertible_to<value_t<M>>;
  { array::gram(m) } -> std::convertible_to<value_t<M>>;
  { array::cholesky(m).lower } -> std::convertible_to<value_t<M>>;
  { array::solve_lower(m, m) } -> std::convertible_to<value_t<M>>;
  array::elementwise(m);
};

/// The dense matrix type that products with the design X give.
template <class X> using dense_t = typename traits_of<X>::dense_type;

/// The element-wise array that shares the entries of a matrix: what formulas on margins, labels and weights use.
template <class M> using elementwise_t = value_t<decltype(array::elementwise(std::declval<const M&>()))>;

/// The dense matrix type that goes with an array type.
template <class A> using matrix_t = dense_t<decltype(array::matrix(std::declval<const std::remove_cvref_t<A>&>()))>;

/// <a, b> of two [d, 1] matrices as a C++ number; synchronises with a device.
template <LinearAlgebra M> [[nodiscard]] double inner_product(const M& a, const M& b) {
  return array::item(array::transposed_product(a, b));
}

/// Features of comparisons [n, d], dense or sparse: all that likelihood and covariance ask of them.
template <class X>
concept DesignMatrix = requires {
  typename dense_t<X>;
}
&&requires(const std::remove_cvref_t<X>& x, const dense_t<X>& v) {
  { array::rows(x) } -> std::convertible_to<std::int64_t>;
  { array::cols(x) } -> std::convertible_to<std::int64_t>;
  { array::product(x, v) } -> std::convertible_to<dense_t<X>>;
  { array::transposed_product(x, v) } -> std::convertible_to<dense_t<X>>;
  { array::gram(x) } -> std::convertible_to<dense_t<X>>;
  { array::weighted_gram(x, v) } -> std::convertible_to<dense_t<X>>;
  { array::row_squared_norms(x) } -> std::convertible_to<dense_t<X>>;
  { array::full(x, 1, 1, 0.0) } -> std::convertible_to<dense_t<X>>;
};

}  // namespace rto
