#pragma once

// The array types on which every algorithm is tested, and how a test writes numbers into them and reads them back.

#include <cstdint>
#include <limits>
#include <vector>

#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/scalar.hpp>

namespace rto::test {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// One derivative: the entry's own, for formulas in which every entry stands alone.
using dual = Eigen::AutoDiffScalar<Eigen::Matrix<double, 1, 1>>;
/// Up to six derivatives: a small [2, 3] batch with every entry a variable.
using dual6 = Eigen::AutoDiffScalar<Eigen::Matrix<double, 6, 1>>;

/// For TEMPLATE_TEST_CASE: row- and column-major, both precisions, and autodiff scalars as entries.
#define RTO_ARRAY_TYPES \
  rto::eigen_array<double>, rto::eigen_array<float>, Eigen::ArrayXXd, rto::eigen_array<rto::test::dual>
/// The same, less autodiff: for statements about values only.
#define RTO_NUMBER_ARRAY_TYPES rto::eigen_array<double>, rto::eigen_array<float>, Eigen::ArrayXXd
/// Single numbers.
#define RTO_SCALAR_TYPES double, float, rto::test::dual

/// An array [rows, data.size() / rows], row by row.
template <class A> [[nodiscard]] A make(std::int64_t rows, const std::vector<double>& data) {
  const std::int64_t cols = rows == 0 ? 0 : static_cast<std::int64_t>(data.size()) / rows;
  return array::from_host(A(), data, rows, cols);
}

/// [n, 1].
template <class A> [[nodiscard]] A column(const std::vector<double>& data) {
  return make<A>(static_cast<std::int64_t>(data.size()), data);
}

template <class A> [[nodiscard]] std::vector<double> entries(const A& x) { return array::to_host(value_t<A>(x)); }

/// The k-th entry of x (row by row) as the variable with derivative e_k; the others of an autodiff array are constants.
template <class Dual> [[nodiscard]] eigen_array<Dual> variables(const eigen_array<double>& x) {
  eigen_array<Dual> y(x.rows(), x.cols());
  constexpr int n = Dual::DerType::RowsAtCompileTime;
  for (Eigen::Index k = 0; k < x.size(); ++k)
    y.data()[k] = n == 1 ? Dual(x.data()[k], 1, 0) : Dual(x.data()[k], n, static_cast<int>(k));
  return y;
}
template <class Dual> [[nodiscard]] eigen_array<Dual> constants(const eigen_array<double>& x) {
  return x.unaryExpr([](double value) { return Dual(value); });
}
/// The derivatives of entries that each depend on their own variable.
[[nodiscard]] inline eigen_array<double> slopes(const eigen_array<dual>& x) {
  return x.unaryExpr([](const dual& entry) { return entry.derivatives()(0); });
}

}  // namespace rto::test
