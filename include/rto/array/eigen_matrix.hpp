// array_traits of Eigen matrices (dense, their maps and expressions) and of sparse design matrices.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SparseCore>

#include <rto/array/array.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/linear_algebra.hpp>

namespace rto {

template <class S> using eigen_matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic>;

template <class S> struct eigen_matrix_family;

template <class D>
requires std::derived_from<D, Eigen::MatrixBase<D>>
struct array_traits<D> {
  using scalar = typename D::Scalar;
  using value_type = typename D::PlainObject;
  using dense_type = eigen_matrix<scalar>;
  using scalar_type = scalar;
  using family = eigen_matrix_family<scalar>;
  using index_type = eigen_array<std::int64_t>;

  static std::int64_t rows(const D& x) { return x.rows(); }
  static std::int64_t cols(const D& x) { return x.cols(); }
  static scalar sum(const D& x) { return x.sum(); }
  static double item(const D& x) { return static_cast<double>(x.sum()); }
  static bool all_finite(const D& x) { return x.array().isFinite().all(); }
  static scalar min_coeff(const D& x) { return x.minCoeff(); }
  static auto row_slice(const D& x, std::int64_t from, std::int64_t to) { return x.middleRows(from, to - from); }
  static auto transpose(const D& x) { return x.transpose(); }
  static auto elementwise(const D& x) { return x.array(); }
  static const D& matrix(const D& x) { return x; }
  static dense_type dense(const D& x) { return x; }
  template <class Out, class X> static void assign(Out&& out, const X& x) { out = x; }
  static dense_type full(const D&, std::int64_t n, std::int64_t m, double c) {
    return dense_type::Constant(n, m, static_cast<scalar>(c));
  }
  static dense_type from_host(const D&, std::span<const double> data, std::int64_t n, std::int64_t m) {
    return array_traits<eigen_array<scalar>>::from_host({}, data, n, m).matrix();
  }
  static std::vector<double> to_host(const D& x) {
    const auto a = x.array();
    return array_traits<std::remove_cvref_t<decltype(a)>>::to_host(a);
  }

  template <class B> static dense_type product(const D& a, const B& b) { return a * b; }
  template <class B> static dense_type transposed_product(const D& a, const B& b) { return a.transpose() * b; }
  static dense_type gram(const D& x) {
    dense_type s = dense_type::Zero(x.cols(), x.cols());
    s.template selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
    s.template triangularView<Eigen::StrictlyUpper>() = s.transpose();
    return s;
  }
  /// In blocks of rows, so that the scaled copy stays in cache; negative weights are allowed.
  template <class W> static dense_type weighted_gram(const D& x, const W& w) {
    constexpr Eigen::Index block = 256;
    dense_type s = dense_type::Zero(x.cols(), x.cols()), scaled;
    for (Eigen::Index i = 0; i < x.rows(); i += block) {
      const Eigen::Index m = std::min(block, x.rows() - i);
      scaled = w.col(0).segment(i, m).asDiagonal() * x.middleRows(i, m);
      s.template triangularView<Eigen::Lower>() += x.middleRows(i, m).transpose() * scaled;
    }
    s.template triangularView<Eigen::StrictlyUpper>() = s.transpose();
    return s;
  }
  static dense_type row_squared_norms(const D& x) { return x.rowwise().squaredNorm(); }
  template <class W> static dense_type scale_rows(const D& x, const W& s) { return s.col(0).asDiagonal() * x; }
  static dense_type triangular_factor(const D& x) {
    dense_type r = dense_type::Zero(x.cols(), x.cols());
    const Eigen::HouseholderQR<dense_type> qr(x);
    const Eigen::Index k = std::min(x.rows(), x.cols());
    r.topRows(k) = qr.matrixQR().topRows(k).template triangularView<Eigen::Upper>();
    return r;
  }
  template <class Parts> static dense_type stack_rows(const D&, const Parts& parts) {
    Eigen::Index n = 0, m = 0;
    for (const auto& p : parts) n += p.rows(), m = p.cols();
    dense_type y(n, m);
    n = 0;
    for (const auto& p : parts) y.middleRows(n, p.rows()) = p, n += p.rows();
    return y;
  }
  static dense_type diagonal(const D& s) { return s.diagonal(); }
  static dense_type add_to_diagonal(const D& s, double c) {
    dense_type t = s;
    t.diagonal().array() += static_cast<scalar>(c);
    return t;
  }
  static cholesky_factor<dense_type> cholesky(const D& s) {
    const Eigen::LLT<dense_type> llt(s);
    return {llt.matrixL(), llt.info() == Eigen::Success};
  }
  template <class B> static dense_type solve_lower(const D& l, const B& b) {
    return l.template triangularView<Eigen::Lower>().solve(b);
  }
  template <class B> static dense_type solve_lower_transposed(const D& l, const B& b) {
    return l.transpose().template triangularView<Eigen::Upper>().solve(b);
  }
  static eigen_decomposition<dense_type> symmetric_eigen(const D& s) {
    const Eigen::SelfAdjointEigenSolver<dense_type> solver(s);
    return {solver.eigenvalues(), solver.eigenvectors()};
  }
};

/// Sparse features: rows are comparisons. Products give dense matrices.
template <class S, int Options, class Index> struct array_traits<Eigen::SparseMatrix<S, Options, Index>> {
  using sparse = Eigen::SparseMatrix<S, Options, Index>;
  using value_type = sparse;
  using dense_type = eigen_matrix<S>;
  using scalar_type = S;
  using family = eigen_matrix_family<S>;

  static std::int64_t rows(const sparse& x) { return x.rows(); }
  static std::int64_t cols(const sparse& x) { return x.cols(); }
  static bool all_finite(const sparse& x) {
    for (Eigen::Index k = 0; k < x.outerSize(); ++k)
      for (typename sparse::InnerIterator it(x, k); it; ++it)
        if (!array_traits<S>::all_finite(it.value())) return false;
    return true;
  }
  static S min_coeff(const sparse& x) {
    S smallest(0);
    for (Eigen::Index k = 0; k < x.outerSize(); ++k)
      for (typename sparse::InnerIterator it(x, k); it; ++it) smallest = std::min(smallest, it.value());
    return smallest;
  }
  static sparse row_slice(const sparse& x, std::int64_t from, std::int64_t to) {
    return x.middleRows(static_cast<Eigen::Index>(from), static_cast<Eigen::Index>(to - from));
  }
  static dense_type dense(const sparse& x) { return dense_type(x); }
  template <class B> static dense_type product(const sparse& a, const B& b) { return a * b; }
  template <class B> static dense_type transposed_product(const sparse& a, const B& b) { return a.transpose() * b; }
  static dense_type gram(const sparse& x) { return weighted_gram(x, dense_type(dense_type::Ones(x.rows(), 1))); }
  template <class W> static dense_type weighted_gram(const sparse& x, const W& w) {
    dense_type s = dense_type::Zero(x.cols(), x.cols());
    const auto add_row = [&](const auto& rows, Eigen::Index i) {  // its outer product with itself, lower triangle
      for (typename std::remove_cvref_t<decltype(rows)>::InnerIterator a(rows, i); a; ++a) {
        const S scaled = w(i, 0) * a.value();
        for (typename std::remove_cvref_t<decltype(rows)>::InnerIterator b(rows, i); b && b.index() <= a.index(); ++b)
          s(a.index(), b.index()) += scaled * b.value();
      }
    };
    if constexpr ((Options & Eigen::RowMajorBit) != 0) {
      for (Eigen::Index i = 0; i < x.rows(); ++i) add_row(x, i);
    } else {
      const Eigen::SparseMatrix<S, Eigen::RowMajor, Index> rows = x;
      for (Eigen::Index i = 0; i < x.rows(); ++i) add_row(rows, i);
    }
    s.template triangularView<Eigen::StrictlyUpper>() = s.transpose();
    return s;
  }
  static dense_type row_squared_norms(const sparse& x) { return x.cwiseAbs2() * dense_type::Ones(x.cols(), 1); }
  template <class W> static sparse scale_rows(const sparse& x, const W& s) { return s.col(0).asDiagonal() * x; }
  static dense_type full(const sparse&, std::int64_t n, std::int64_t m, double c) {
    return dense_type::Constant(n, m, static_cast<S>(c));
  }
  static dense_type from_host(const sparse&, std::span<const double> data, std::int64_t n, std::int64_t m) {
    return array_traits<dense_type>::from_host({}, data, n, m);
  }
};

}  // namespace rto
