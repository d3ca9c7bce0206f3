// array_traits of Eigen's forward-mode autodiff scalar, with exact derivatives of every verb (no 0/0 at the kinks).
#pragma once

#include <cmath>
#include <cstdint>

#include <Eigen/Core>
#include <unsupported/Eigen/AutoDiff>  // needs Eigen/Core before it

#include <rto/array/array.hpp>
#include <rto/array/scalar.hpp>

namespace rto {

/// A number that carries its gradient with respect to the inputs declared by the caller.
template <class Derivatives> struct array_traits<Eigen::AutoDiffScalar<Derivatives>> {
  using derivatives_type = typename std::remove_cvref_t<Derivatives>::PlainObject;
  using value_type = Eigen::AutoDiffScalar<derivatives_type>;
  using scalar_type = value_type;
  using number = typename value_type::Scalar;
  using family = value_type;
  using index_type = std::int64_t;

  // f(x) with derivative slope * dx; a zero slope gives an exact zero even where dx is not finite.
  static value_type chain(const value_type& x, number value, number slope) {
    if (slope == number(0)) return value_type(value, derivatives_type::Zero(x.derivatives().size()));
    return value_type(value, slope * x.derivatives());
  }
  using plain = array_traits<number>;

  static value_type exp(const value_type& x) { return chain(x, std::exp(x.value()), std::exp(x.value())); }
  static value_type expm1(const value_type& x) { return chain(x, std::expm1(x.value()), std::exp(x.value())); }
  static value_type log(const value_type& x) { return chain(x, std::log(x.value()), 1 / x.value()); }
  static value_type log1p(const value_type& x) { return chain(x, std::log1p(x.value()), 1 / (1 + x.value())); }
  static value_type sqrt(const value_type& x) {
    const number root = std::sqrt(x.value());
    return chain(x, root, 1 / (2 * root));
  }
  static value_type abs(const value_type& x) {
    return chain(x, std::abs(x.value()), x.value() < 0 ? number(-1) : number(x.value() > 0));
  }
  static value_type sigmoid(const value_type& x) {
    const number p = plain::sigmoid(x.value()), q = plain::sigmoid(-x.value());
    return chain(x, p, p * q);
  }
  static value_type log_sigmoid(const value_type& x) {
    return chain(x, plain::log_sigmoid(x.value()), plain::sigmoid(-x.value()));
  }
  // The gradient passes where low <= x <= high, as in tensor libraries.
  static value_type clamp(const value_type& x, double low, double high) {
    const bool inside = x.value() >= number(low) && x.value() <= number(high);
    return chain(x, plain::clamp(x.value(), low, high), inside ? number(1) : number(0));
  }
  static value_type where_le(const value_type& a, const value_type& b, const value_type& x, const value_type& y) {
    return a.value() <= b.value() ? x : y;
  }
  static value_type select(const value_type& mask, const value_type& x, const value_type& y) {
    return mask.value() > number(0.5) ? x : y;
  }
  static value_type stop_gradient(const value_type& x) { return chain(x, x.value(), number(0)); }
  static value_type full_like(const value_type& x, double c) { return chain(x, number(c), number(0)); }
  static void assign(value_type& out, const value_type& x) { out = x; }

  static std::int64_t rows(const value_type&) { return 1; }
  static std::int64_t cols(const value_type&) { return 1; }
  static value_type sum(const value_type& x) { return x; }
  static double item(const value_type& x) { return static_cast<double>(x.value()); }
  static bool all_finite(const value_type& x) { return std::isfinite(x.value()); }
  static value_type max_coeff(const value_type& x) { return x; }
  static value_type min_coeff(const value_type& x) { return x; }
};

}  // namespace rto
