#pragma once

// A whole back end, a line a verb: an owning row-major array of doubles that serves all three tiers. It has the verbs
// of the seam and the operators, and nothing else: what compiles on it asks an array type for no more. Its kernels are
// those of the Eigen traits; another library's would stand in their place.

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

namespace rto::test {

struct small_array {
  std::int64_t rows = 0, cols = 0;
  std::vector<double> entries = {};
};

/// The entries as the library of the kernels sees them; a number stays one.
inline auto view(const small_array& x) {
  return Eigen::Map<const eigen_array<double>>(x.entries.data(), x.rows, x.cols);
}
inline double view(double x) { return x; }
/// What a kernel computed, as an array of its own.
template <class X> small_array own(const X& x) { return {x.rows(), x.cols(), array::to_host(value_t<X>(x))}; }

template <class X>
concept SmallOperand = std::is_same_v<X, small_array> || std::is_arithmetic_v<X>;
#define RTO_SMALL_OPERATOR(op)                                                          \
  template <SmallOperand Y> small_array operator op(const small_array& x, const Y& y) { \
    return own((view(x) op view(y)).eval());                                            \
  }                                                                                     \
  inline small_array operator op(double x, const small_array& y) { return own((x op view(y)).eval()); }
RTO_SMALL_OPERATOR(+)
RTO_SMALL_OPERATOR(-)
RTO_SMALL_OPERATOR(*)
RTO_SMALL_OPERATOR(/)
#undef RTO_SMALL_OPERATOR
inline small_array operator-(const small_array& x) { return own((-view(x)).eval()); }

}  // namespace rto::test

namespace rto {

template <> struct array_traits<test::small_array> {
  using A = test::small_array;
  using value_type = A;
  using dense_type = A;
  using family = A;
  using scalar_type = double;
  using index_type = eigen_array<std::int64_t>;

 private:
  template <class X> static auto plain(const X& x) { return value_t<X>(x); }
  template <class X> static decltype(auto) argument(const X& x) {
    if constexpr (std::is_same_v<X, A>)
      return test::view(x);
    else
      return (x);
  }
  template <class X> static decltype(auto) matrix_argument(const X& x) {
    if constexpr (std::is_same_v<X, A>)
      return plain(test::view(x).matrix());
    else
      return (x);
  }
  template <class X> static auto result(const X& x) {
    if constexpr (std::is_arithmetic_v<X>)
      return x;
    else
      return test::own(x);
  }

 public:
// A verb of the arrays, and one of the matrices, of the library of the kernels.
#define RTO_SMALL_VERB(name)                                          \
  template <class... Y> static auto name(const A& x, const Y&... y) { \
    return result(array::name(test::view(x), argument(y)...));        \
  }
#define RTO_SMALL_MATRIX_VERB(name)                                                   \
  template <class... Y> static auto name(const A& x, const Y&... y) {                 \
    return result(array::name(plain(test::view(x).matrix()), matrix_argument(y)...)); \
  }
  RTO_SMALL_VERB(exp);
  RTO_SMALL_VERB(expm1);
  RTO_SMALL_VERB(log);
  RTO_SMALL_VERB(log1p);
  RTO_SMALL_VERB(sqrt);
  RTO_SMALL_VERB(abs);
  RTO_SMALL_VERB(sigmoid);
  RTO_SMALL_VERB(log_sigmoid);
  RTO_SMALL_VERB(clamp);
  RTO_SMALL_VERB(where_le);
  RTO_SMALL_VERB(select);
  RTO_SMALL_VERB(stop_gradient);
  RTO_SMALL_VERB(full_like);
  RTO_SMALL_VERB(sum);
  RTO_SMALL_VERB(item);
  RTO_SMALL_VERB(all_finite);
  RTO_SMALL_VERB(max_coeff);
  RTO_SMALL_VERB(min_coeff);
  RTO_SMALL_VERB(row_sum);
  RTO_SMALL_VERB(row_max);
  RTO_SMALL_VERB(log_sum_exp);
  RTO_SMALL_VERB(broadcast_columns);
  RTO_SMALL_VERB(time_slice);
  RTO_SMALL_VERB(next_step);
  RTO_SMALL_VERB(reverse_time);
  RTO_SMALL_VERB(row_slice);
  RTO_SMALL_VERB(reshape);
  RTO_SMALL_VERB(transpose);
  RTO_SMALL_VERB(gather);
  RTO_SMALL_VERB(take);
  RTO_SMALL_VERB(full);
  RTO_SMALL_VERB(from_host);
  RTO_SMALL_MATRIX_VERB(product);
  RTO_SMALL_MATRIX_VERB(transposed_product);
  RTO_SMALL_MATRIX_VERB(gram);
  RTO_SMALL_MATRIX_VERB(weighted_gram);
  RTO_SMALL_MATRIX_VERB(row_squared_norms);
  RTO_SMALL_MATRIX_VERB(scale_rows);
  RTO_SMALL_MATRIX_VERB(triangular_factor);
  RTO_SMALL_MATRIX_VERB(diagonal);
  RTO_SMALL_MATRIX_VERB(add_to_diagonal);
  RTO_SMALL_MATRIX_VERB(solve_lower);
  RTO_SMALL_MATRIX_VERB(solve_lower_transposed);
#undef RTO_SMALL_VERB
#undef RTO_SMALL_MATRIX_VERB

  static std::int64_t rows(const A& x) { return x.rows; }
  static std::int64_t cols(const A& x) { return x.cols; }
  static void assign(A& out, const A& x) { out = x; }
  static A linear_recurrence(const A& b, const A& a) {
    return result(array::linear_recurrence(test::view(b), test::view(a)));
  }
  static void linear_recurrence(const A& b, const A& a, A& out) { out = linear_recurrence(b, a); }
  static void assign_rows(A& out, std::int64_t from, const A& x) {
    std::copy(x.entries.begin(), x.entries.end(), out.entries.begin() + from * out.cols);
  }
  template <class Parts> static A stack_rows(const A&, const Parts& parts) {
    A all;
    for (const A& x : parts) {
      all.rows += x.rows, all.cols = x.cols;
      all.entries.insert(all.entries.end(), x.entries.begin(), x.entries.end());
    }
    return all;
  }
  static index_type index_from_host(const A& like, std::span<const std::int64_t> x, std::int64_t n, std::int64_t m) {
    return array::index_from_host(plain(test::view(like)), x, n, m);
  }
  static std::vector<double> to_host(const A& x) { return x.entries; }
  static cholesky_factor<A> cholesky(const A& s) {
    const auto factor = array::cholesky(plain(test::view(s).matrix()));
    return {test::own(factor.lower), factor.positive_definite};
  }
  static eigen_decomposition<A> symmetric_eigen(const A& s) {
    const auto found = array::symmetric_eigen(plain(test::view(s).matrix()));
    return {test::own(found.values), test::own(found.vectors)};
  }
  static const A& elementwise(const A& x) { return x; }  // one type serves all tiers
  static const A& matrix(const A& x) { return x; }
  static const A& dense(const A& x) { return x; }
};

}  // namespace rto
