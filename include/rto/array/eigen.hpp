// array_traits of Eigen arrays, maps and expressions (float, double, and autodiff scalars as entries).
//
// Verbs take and return expressions, so that a formula is one fused pass over memory; only reductions along a row and
// recurrences return owning arrays. As always with Eigen, an expression must not outlive the arrays it reads.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <rto/array/array.hpp>
#include <rto/array/eigen_operators.hpp>
#include <rto/array/scalar.hpp>

namespace rto {

/// The array of the examples, the tests and the simulator: row-major, so any [batch, time] buffer is a Map of it.
template <class S> using eigen_array = Eigen::Array<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class S> struct eigen_family;

/// Index arrays (token ids, successors): shape only, no arithmetic.
template <class D>
requires std::derived_from<D, Eigen::ArrayBase<D>> && std::integral<typename D::Scalar>
struct array_traits<D> {
  using value_type = typename D::PlainObject;
  static std::int64_t rows(const D& x) { return x.rows(); }
  static std::int64_t cols(const D& x) { return x.cols(); }
  static auto time_slice(const D& x, std::int64_t from, std::int64_t to) { return x.middleCols(from, to - from); }
  static auto row_slice(const D& x, std::int64_t from, std::int64_t to) { return x.middleRows(from, to - from); }
};

template <class D>
requires std::derived_from<D, Eigen::ArrayBase<D>> && Elementwise<typename D::Scalar>
struct array_traits<D> {
  using value_type = typename D::PlainObject;
  using scalar = typename D::Scalar;
  using scalar_type = scalar;
  using family = eigen_family<scalar>;
  using index_type = eigen_array<std::int64_t>;
  using column = Eigen::Array<scalar, Eigen::Dynamic, 1>;

  // Numbers use Eigen's vectorised functions; other scalars (autodiff) use the verbs of their own traits.
  static constexpr bool vectorised = std::floating_point<scalar>;
  using of_scalar = array_traits<scalar>;

  static auto exp(const D& x) {
    if constexpr (vectorised)
      return x.exp();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::exp(v); });
  }
  static auto expm1(const D& x) {
    if constexpr (vectorised)
      return x.expm1();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::expm1(v); });
  }
  static auto log(const D& x) {
    if constexpr (vectorised)
      return x.log();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::log(v); });
  }
  static auto log1p(const D& x) {
    if constexpr (vectorised)
      return x.log1p();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::log1p(v); });
  }
  static auto sqrt(const D& x) {
    if constexpr (vectorised)
      return x.sqrt();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::sqrt(v); });
  }
  static auto abs(const D& x) {
    if constexpr (vectorised)
      return x.abs();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::abs(v); });
  }
  static auto sigmoid(const D& x) {
    if constexpr (vectorised)
      return (x.min(scalar(0)) - (-x.abs()).exp().log1p()).exp();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::sigmoid(v); });
  }
  static auto log_sigmoid(const D& x) {
    if constexpr (vectorised)
      return x.min(scalar(0)) - (-x.abs()).exp().log1p();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::log_sigmoid(v); });
  }
  static auto clamp(const D& x, double low, double high) {
    if constexpr (vectorised)
      return x.max(static_cast<scalar>(low)).min(static_cast<scalar>(high));
    else
      return x.unaryExpr([low, high](const scalar& v) { return of_scalar::clamp(v, low, high); });
  }
  // A number as the scalar of the array, an array as it is: a double beside floats is meant to be rounded.
  template <class X> static decltype(auto) entry(const X& x) {
    if constexpr (std::is_arithmetic_v<X>)
      return static_cast<scalar>(x);
    else
      return (x);
  }
  template <class B, class X, class Y> static auto where_le(const D& a, const B& b, const X& x, const Y& y) {
    if constexpr (vectorised)
      return choose(a.binaryExpr(entries(a, b), detail::less_equal_op<scalar>()), entries(a, x), entries(a, y));
    else
      return (a <= entry(b)).select(entry(x), entry(y));
  }
  template <class X, class Y> static auto select(const D& mask, const X& x, const Y& y) {
    if constexpr (vectorised)
      return choose(mask, entries(mask, x), entries(mask, y));
    else
      return (mask > scalar(0.5)).select(entry(x), entry(y));
  }
  static decltype(auto) stop_gradient(const D& x) {
    if constexpr (vectorised)
      return (x);
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::stop_gradient(v); });
  }
  static auto full_like(const D& x, double c) {
    return eigen_array<scalar>::Constant(x.rows(), x.cols(), static_cast<scalar>(c));
  }
  template <class Out, class X> static void assign(Out&& out, const X& x) { out = x; }

  static std::int64_t rows(const D& x) { return x.rows(); }
  static std::int64_t cols(const D& x) { return x.cols(); }
  static scalar sum(const D& x) { return x.sum(); }
  static double item(const D& x) { return of_scalar::item(x.sum()); }
  static bool all_finite(const D& x) {
    if constexpr (vectorised)
      return x.isFinite().all();
    else
      return x.unaryExpr([](const scalar& v) { return of_scalar::all_finite(v); }).all();
  }
  static scalar max_coeff(const D& x) { return x.maxCoeff(); }
  static scalar min_coeff(const D& x) { return x.minCoeff(); }

  static column row_sum(const D& x) { return x.rowwise().sum(); }
  static column row_max(const D& x) { return x.rowwise().maxCoeff(); }
  static column log_sum_exp(const D& x) {
    const column m = x.rowwise().maxCoeff();
    const column shift = m.unaryExpr([](const scalar& v) {  // a row of -inf stays -inf instead of becoming NaN
      return of_scalar::item(v) == -std::numeric_limits<double>::infinity() ? scalar(0) : of_scalar::stop_gradient(v);
    });
    const value_type shifted = x - array_traits<column>::broadcast_columns(shift, x.cols());
    const column total = array_traits<value_type>::exp(shifted).rowwise().sum();
    const column value = array_traits<column>::log(total) + shift;
    // A vectorised e^-inf is a tiny positive number: such a row's sum is not 0, and its logarithm not -inf.
    return array_traits<column>::where_le(m, std::numeric_limits<double>::lowest(), m, value);
  }
  static auto broadcast_columns(const D& v, std::int64_t n) {
    if constexpr (std::same_as<D, value_type>)
      return eigen_array<scalar>::NullaryExpr(v.rows(), n, detail::first_column_op<D>{v});
    else
      return v.replicate(1, n);  // evaluates what is costly once
  }
  static auto time_slice(const D& x, std::int64_t from, std::int64_t to) { return x.middleCols(from, to - from); }
  static auto next_step(const D& x) { return value_type::NullaryExpr(x.rows(), x.cols(), detail::next_step_op<D>{x}); }
  static auto reverse_time(const D& x) { return Eigen::Reverse<const D, Eigen::Horizontal>(x); }
  static auto row_slice(const D& x, std::int64_t from, std::int64_t to) { return x.middleRows(from, to - from); }
  static auto reshape(const D& x, std::int64_t n, std::int64_t m) { return x.template reshaped<Eigen::RowMajor>(n, m); }
  static auto transpose(const D& x) { return x.transpose(); }
  static auto matrix(const D& x) { return x.matrix(); }  // the LinearAlgebra tier: eigen_matrix.hpp
  static const D& elementwise(const D& x) { return x; }

  /// Works on blocks of rows, so that the chain of one row hides behind those of its neighbours.
  template <class C, class Out> static void linear_recurrence(const D& b, const C& a, Out&& out) {
    constexpr Eigen::Index block = 8;
    if (b.rows() != a.rows() || b.cols() != a.cols())
      throw std::invalid_argument("rto::linear_recurrence: b and a need one shape, got " + shape(b) + " and " +
                                  shape(a));
    const Eigen::Index n = b.rows(), steps = b.cols();
    if constexpr (requires { out.resize(n, steps); }) {
      if (out.rows() != n || out.cols() != steps) out.resize(n, steps);
    }
    if (steps == 0) return;
    // A factor that is a number or in memory is read where it is, another computed first, for a block at a time.
    constexpr bool ready = int(Eigen::internal::evaluator<C>::CoeffReadCost) <= int(Eigen::NumTraits<scalar>::ReadCost);
    eigen_array<scalar> computed(ready ? 0 : std::min(block, n), ready ? 0 : steps);
    for (Eigen::Index i = 0; i < n; i += block) {
      const Eigen::Index m = std::min(block, n - i);
      auto y = out.middleRows(i, m);
      y = b.middleRows(i, m);
      const auto run = [&](const auto& factor, Eigen::Index from, auto rows) {
        std::array<scalar, block> later;
        for (Eigen::Index k = 0; k < rows; ++k) later[static_cast<std::size_t>(k)] = y(k, steps - 1);
        for (Eigen::Index t = steps - 1; t-- > 0;)
          for (Eigen::Index k = 0; k < rows; ++k) {
            scalar& next = later[static_cast<std::size_t>(k)];
            y(k, t) = next = y(k, t) + factor.coeff(from + k, t) * next;
          }
      };
      const auto run_rows = [&](const auto& factor, Eigen::Index from) {
        if (m == block)
          run(factor, from, std::integral_constant<Eigen::Index, block>());  // unrolled
        else
          run(factor, from, m);
      };
      if constexpr (ready) {
        run_rows(a, i);
      } else {
        computed.topRows(m) = a.middleRows(i, m);
        run_rows(computed, 0);
      }
    }
  }
  template <class C> static value_type linear_recurrence(const D& b, const C& a) {
    value_type y(b.rows(), b.cols());
    linear_recurrence(b, a, y);
    return y;
  }

  template <class I> static eigen_array<scalar> gather(const D& x, const I& index) {
    eigen_array<scalar> y(index.rows(), index.cols());
    for (Eigen::Index i = 0; i < y.rows(); ++i)
      for (Eigen::Index j = 0; j < y.cols(); ++j) {
        if (index(i, j) < 0 || index(i, j) >= x.cols())
          throw std::invalid_argument("rto::gather: index must be in [0, " + std::to_string(x.cols()) + "), got " +
                                      std::to_string(index(i, j)));
        y(i, j) = x.coeff(i, static_cast<Eigen::Index>(index(i, j)));
      }
    return y;
  }
  template <class I> static eigen_array<scalar> take(const D& x, const I& index) {
    eigen_array<scalar> y(index.rows(), index.cols());
    for (Eigen::Index i = 0; i < y.rows(); ++i)
      for (Eigen::Index j = 0; j < y.cols(); ++j) {
        const std::int64_t k = index(i, j);
        if (k >= x.rows())
          throw std::invalid_argument("rto::take: index must be below " + std::to_string(x.rows()) + ", got " +
                                      std::to_string(k));
        y(i, j) = k < 0 ? scalar(0) : scalar(x.coeff(static_cast<Eigen::Index>(k), 0));
      }
    return y;
  }

  static eigen_array<scalar> full(const D&, std::int64_t n, std::int64_t m, double c) {
    return eigen_array<scalar>::Constant(n, m, static_cast<scalar>(c));
  }
  template <class X> static void assign_rows(D& out, std::int64_t from, const X& x) {
    out.middleRows(from, x.rows()) = x;
  }
  template <class Parts> static eigen_array<scalar> stack_rows(const D&, const Parts& parts) {
    Eigen::Index n = 0, m = 0;
    for (const auto& p : parts) n += p.rows(), m = p.cols();
    eigen_array<scalar> y(n, m);
    n = 0;
    for (const auto& p : parts) y.middleRows(n, p.rows()) = p, n += p.rows();
    return y;
  }
  static eigen_array<scalar> from_host(const D&, std::span<const double> data, std::int64_t n, std::int64_t m) {
    check_host_size(data.size(), n, m);
    return Eigen::Map<const eigen_array<double>>(data.data(), n, m).template cast<scalar>();
  }
  static index_type index_from_host(const D&, std::span<const std::int64_t> data, std::int64_t n, std::int64_t m) {
    check_host_size(data.size(), n, m);
    return Eigen::Map<const index_type>(data.data(), n, m);
  }
  static std::vector<double> to_host(const D& x) {
    std::vector<double> data;
    data.reserve(static_cast<std::size_t>(x.size()));
    for (Eigen::Index i = 0; i < x.rows(); ++i)
      for (Eigen::Index j = 0; j < x.cols(); ++j) data.push_back(of_scalar::item(x.coeff(i, j)));
    return data;
  }

 private:
  // A number becomes an array of it, an array stays as it is.
  template <class X> static decltype(auto) entries(const D& like, const X& x) {
    if constexpr (std::is_arithmetic_v<X>)
      return value_type::Constant(like.rows(), like.cols(), static_cast<scalar>(x));
    else
      return (x);
  }
  template <class M, class X, class Y> static auto choose(const M& mask, const X& x, const Y& y) {
    return Eigen::CwiseTernaryOp<detail::select_op<scalar>, const M, const X, const Y>(mask, x, y);
  }
  template <class X> static std::string shape(const X& x) {
    return "[" + std::to_string(x.rows()) + ", " + std::to_string(x.cols()) + "]";
  }
  static void check_host_size(std::size_t size, std::int64_t n, std::int64_t m) {
    if (n < 0 || m < 0 || size != static_cast<std::size_t>(n * m))
      throw std::invalid_argument("rto::from_host: need " + std::to_string(n) + " x " + std::to_string(m) +
                                  " entries, got " + std::to_string(size));
  }
};

}  // namespace rto
