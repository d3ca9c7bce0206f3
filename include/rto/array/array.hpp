// The vocabulary of the library: what an array type must offer, and the verbs in which every formula of rto is written.
//
// `array_traits<A>` is the only customisation point: one specialisation per type family, in that back end's own header
// (scalar.hpp, autodiff.hpp, eigen.hpp; a tensor library adds its own without touching this folder). A verb is a
// function object that forwards to the traits, so an unqualified call inside rto can never meet Eigen::exp or at::exp
// by argument-dependent lookup. Verbs accept and may return lazy expressions; name a result as `const value_t<A>`.
//
// Three tiers:
//   Elementwise    double, an autodiff scalar, an Eigen array or expression, a tensor;
//   Array          rank 2, row-major by default: [batch, time], [states, actions], [rows, vocabulary];
//   LinearAlgebra  matrices for maximum likelihood and pessimism (linear_algebra.hpp).
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace rto {

/// The customisation point; the primary template is undefined. Members are listed by the verbs below.
template <class A> struct array_traits;

template <class A> using traits_of = array_traits<std::remove_cvref_t<A>>;

/// The owning type of an array or expression: what a formula names its intermediate results with.
template <class A> using value_t = typename traits_of<A>::value_type;

/// What a full reduction gives: a number for scalars and Eigen, a rank-0 tensor (differentiable) for a tensor library.
template <class A> using scalar_t = typename traits_of<A>::scalar_type;

/// Integer array of the same library: successor indices, token ids.
template <class A> using index_t = typename traits_of<A>::index_type;

namespace array {

// Declares the function object `name`, which forwards all its arguments to the traits of the first one.
#define RTO_ARRAY_VERB(name)                                                             \
  struct name##_fn {                                                                     \
    template <class A, class... Rest>                                                    \
    constexpr decltype(auto) operator()(A&& x, Rest&&... rest) const requires requires { \
      traits_of<A>::name(std::forward<A>(x), std::forward<Rest>(rest)...);               \
    }                                                                                    \
    { return traits_of<A>::name(std::forward<A>(x), std::forward<Rest>(rest)...); }      \
  };                                                                                     \
  inline constexpr name##_fn name {}

// --- Elementwise ---------------------------------------------------------------------------------------------------
RTO_ARRAY_VERB(exp);  ///< e^x; of -inf at most the smallest normal number (a vectorised exp need not reach 0)
RTO_ARRAY_VERB(expm1);
RTO_ARRAY_VERB(log);
RTO_ARRAY_VERB(log1p);
RTO_ARRAY_VERB(sqrt);
RTO_ARRAY_VERB(abs);
RTO_ARRAY_VERB(sigmoid);        ///< 1 / (1 + e^-x), no overflow at either end
RTO_ARRAY_VERB(log_sigmoid);    ///< log sigmoid(x) = min(x, 0) - log1p(e^-|x|)
RTO_ARRAY_VERB(clamp);          ///< clamp(x, low, high), low and high numbers
RTO_ARRAY_VERB(where_le);       ///< where_le(a, b, x, y): x where a <= b, else y; b may be a number, so may one of x, y
RTO_ARRAY_VERB(select);         ///< select(mask, x, y): x where mask is 1, y where it is 0; never reads as mask * x
RTO_ARRAY_VERB(stop_gradient);  ///< the same values, a constant for differentiation
RTO_ARRAY_VERB(full_like);      ///< full_like(x, c): the shape of x filled with the number c
RTO_ARRAY_VERB(assign);         ///< assign(out, expression): evaluates into out (resized where it owns its memory)

// --- Shape and reductions ------------------------------------------------------------------------------------------
RTO_ARRAY_VERB(rows);        ///< number of rows (1 for a scalar)
RTO_ARRAY_VERB(cols);        ///< number of columns: time steps, actions, vocabulary (1 for a scalar)
RTO_ARRAY_VERB(sum);         ///< sum of all entries, a scalar_t
RTO_ARRAY_VERB(item);        ///< a scalar_t as a C++ double; the one synchronisation point with a device
RTO_ARRAY_VERB(all_finite);  ///< bool: no NaN and no infinity; synchronises with a device
RTO_ARRAY_VERB(max_coeff);   ///< largest entry, a scalar_t
RTO_ARRAY_VERB(min_coeff);   ///< smallest entry, a scalar_t; of a sparse matrix 0 where nothing stored is smaller

// --- Array (rank 2) ------------------------------------------------------------------------------------------------
RTO_ARRAY_VERB(row_sum);      ///< [rows, 1]
RTO_ARRAY_VERB(row_max);      ///< [rows, 1]
RTO_ARRAY_VERB(log_sum_exp);  ///< [rows, 1]: log sum_j e^x_ij with the maximum removed; -inf where a row is all -inf
RTO_ARRAY_VERB(broadcast_columns);  ///< broadcast_columns(v, n): [rows, 1] -> [rows, n]
RTO_ARRAY_VERB(time_slice);         ///< time_slice(x, from, to): columns from .. to-1
RTO_ARRAY_VERB(next_step);          ///< y_t = x_{t+1} along a row, 0 in the last column
RTO_ARRAY_VERB(reverse_time);       ///< the columns in reverse order
RTO_ARRAY_VERB(row_slice);          ///< row_slice(x, from, to): rows from .. to-1
RTO_ARRAY_VERB(reshape);            ///< reshape(x, rows, cols): same entries in row-major order
RTO_ARRAY_VERB(transpose);          ///< [cols, rows]
RTO_ARRAY_VERB(linear_recurrence);  ///< (b, a[, out]): y_t = b_t + a_t y_{t+1}, y beyond the last column = 0
RTO_ARRAY_VERB(gather);             ///< gather(x, index): [rows, k] entries x(i, index(i, j))
RTO_ARRAY_VERB(take);               ///< take(x, index): x [n, 1] at index [r, c] -> [r, c]; a negative index gives 0
RTO_ARRAY_VERB(full);               ///< full(like, rows, cols, c): a new array of the kind (library, device) of `like`
RTO_ARRAY_VERB(assign_rows);        ///< assign_rows(out, from, x): writes x into the rows of out from `from` on
RTO_ARRAY_VERB(stack_rows);         ///< stack_rows(like, span of arrays): one below the other
RTO_ARRAY_VERB(from_host);          ///< from_host(like, span<const double>, rows, cols), row-major
RTO_ARRAY_VERB(index_from_host);    ///< index_from_host(like, span<const int64>, rows, cols) -> index_t
RTO_ARRAY_VERB(to_host);            ///< std::vector<double>, row-major; synchronises with a device

// --- LinearAlgebra (matrices; linear_algebra.hpp says what each returns) ---------------------------------------------
RTO_ARRAY_VERB(product);             ///< product(a, b): a b
RTO_ARRAY_VERB(transposed_product);  ///< transposed_product(a, b): a^T b
RTO_ARRAY_VERB(gram);                ///< gram(x): x^T x, symmetric
RTO_ARRAY_VERB(weighted_gram);       ///< weighted_gram(x, w): x^T diag(w) x, w [rows, 1]
RTO_ARRAY_VERB(row_squared_norms);   ///< row_squared_norms(x): ||x_i||^2 of every row, [rows, 1]
RTO_ARRAY_VERB(scale_rows);          ///< scale_rows(x, s): diag(s) x, s [rows, 1]; dense stays dense, sparse sparse
RTO_ARRAY_VERB(
    triangular_factor);    ///< triangular_factor(x): R [cols, cols] of x = Q R (zero rows below where rows < cols)
RTO_ARRAY_VERB(diagonal);  ///< diagonal(s): [n, 1]
RTO_ARRAY_VERB(add_to_diagonal);         ///< add_to_diagonal(s, c): s + c I
RTO_ARRAY_VERB(cholesky);                ///< cholesky(s) -> cholesky_factor: s = L L^T
RTO_ARRAY_VERB(solve_lower);             ///< solve_lower(l, b): l^-1 b
RTO_ARRAY_VERB(solve_lower_transposed);  ///< solve_lower_transposed(l, b): l^-T b
RTO_ARRAY_VERB(symmetric_eigen);         ///< symmetric_eigen(s) -> eigen_decomposition, values ascending
RTO_ARRAY_VERB(elementwise);             ///< the same entries as an array of the Array tier
RTO_ARRAY_VERB(matrix);                  ///< the same entries as a matrix of the LinearAlgebra tier
RTO_ARRAY_VERB(dense);                   ///< an owning dense matrix of the rows given (identity for a dense one)

#undef RTO_ARRAY_VERB

}  // namespace array

/// The owning rank-2 array of the same library, scalar and device as A: what algorithms return.
template <class A>
using array_t = std::remove_cvref_t<decltype(array::full(std::declval<const std::remove_cvref_t<A>&>(), 0, 0, 0.0))>;

/// A type on which every element-wise formula runs. Operators + - * / with itself and with numbers, and the verbs
/// above.
template <class A>
concept Elementwise = requires {
  typename value_t<A>;
  typename scalar_t<A>;
  typename traits_of<A>::family;
}
&&requires(const std::remove_cvref_t<A>& x, const value_t<A>& y, double c) {
  { x + y } -> std::convertible_to<value_t<A>>;
  { x - y } -> std::convertible_to<value_t<A>>;
  { x* y } -> std::convertible_to<value_t<A>>;
  { -x } -> std::convertible_to<value_t<A>>;
  { array::exp(x) } -> std::convertible_to<value_t<A>>;
  { array::log_sigmoid(x) } -> std::convertible_to<value_t<A>>;
  { array::clamp(x, c, c) } -> std::convertible_to<value_t<A>>;
  { array::where_le(x, y, x, y) } -> std::convertible_to<value_t<A>>;
  { array::select(y, x, y) } -> std::convertible_to<value_t<A>>;
  { array::stop_gradient(x) } -> std::convertible_to<value_t<A>>;
  { array::sum(x) } -> std::convertible_to<scalar_t<A>>;
};

/// A rank-2 array: [batch, time], [states, actions] or [rows, vocabulary].
template <class A>
concept Array = Elementwise<A> && requires(const std::remove_cvref_t<A>& x, const value_t<A>& y, std::int64_t n) {
  typename index_t<A>;
  { array::rows(x) } -> std::convertible_to<std::int64_t>;
  { array::cols(x) } -> std::convertible_to<std::int64_t>;
  { array::time_slice(y, n, n) } -> std::convertible_to<value_t<A>>;
  { array::next_step(y) } -> std::convertible_to<value_t<A>>;
  { array::reverse_time(y) } -> std::convertible_to<value_t<A>>;
  { array::linear_recurrence(x, y) } -> std::convertible_to<value_t<A>>;
  { array::broadcast_columns(array::row_sum(y), n) } -> std::convertible_to<value_t<A>>;
};

/// Two arrays go together when library and scalar agree; shapes are checked at run time.
template <class B, class A>
concept GoesWith = Elementwise<B> && std::same_as < typename traits_of<B>::family,
typename traits_of<A>::family > ;

}  // namespace rto
