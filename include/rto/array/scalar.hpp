// array_traits of float and double: the scalar instantiation is the oracle for every other back end.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>

#include <rto/array/array.hpp>

namespace rto {

/// Plain numbers. Element-wise tier and the reductions that are trivial on one number.
template <std::floating_point S> struct array_traits<S> {
  using value_type = S;
  using scalar_type = S;
  using family = S;
  using index_type = std::int64_t;

  static S exp(S x) { return std::exp(x); }
  static S expm1(S x) { return std::expm1(x); }
  static S log(S x) { return std::log(x); }
  static S log1p(S x) { return std::log1p(x); }
  static S sqrt(S x) { return std::sqrt(x); }
  static S abs(S x) { return std::abs(x); }
  static S sigmoid(S x) {
    const S e = std::exp(-std::abs(x));
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
  }
  static S log_sigmoid(S x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }
  static S clamp(S x, double low, double high) {
    return x < static_cast<S>(low) ? static_cast<S>(low) : (x > static_cast<S>(high) ? static_cast<S>(high) : x);
  }
  template <class B, class X, class Y> static S where_le(S a, B b, X x, Y y) {
    return a <= static_cast<S>(b) ? static_cast<S>(x) : static_cast<S>(y);
  }
  template <class X, class Y> static S select(S mask, X x, Y y) {
    return mask > S(0.5) ? static_cast<S>(x) : static_cast<S>(y);
  }
  static S stop_gradient(S x) { return x; }
  static S full_like(S, double c) { return static_cast<S>(c); }
  template <class X> static void assign(S& out, X x) { out = static_cast<S>(x); }

  static std::int64_t rows(S) { return 1; }
  static std::int64_t cols(S) { return 1; }
  static S sum(S x) { return x; }
  static double item(S x) { return static_cast<double>(x); }
  static bool all_finite(S x) { return std::isfinite(x); }
  static S max_coeff(S x) { return x; }
  static S min_coeff(S x) { return x; }
};

}  // namespace rto
