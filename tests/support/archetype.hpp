#pragma once

// The least that the element-wise tier documents, and nothing else: no comparison, no conversion to a number, no
// std::exp, no stream. A formula that compiles on it asks for no more than its concept says.

#include <cstdint>

#include <rto/array/array.hpp>
#include <rto/array/scalar.hpp>

namespace rto::test {

class archetype {
 public:
  archetype() = default;
  explicit archetype(double value) : value_(value) {}

  friend archetype operator+(const archetype& x, const archetype& y) { return archetype(x.value_ + y.value_); }
  friend archetype operator-(const archetype& x, const archetype& y) { return archetype(x.value_ - y.value_); }
  friend archetype operator*(const archetype& x, const archetype& y) { return archetype(x.value_ * y.value_); }
  friend archetype operator/(const archetype& x, const archetype& y) { return archetype(x.value_ / y.value_); }
  friend archetype operator+(const archetype& x, double c) { return archetype(x.value_ + c); }
  friend archetype operator-(const archetype& x, double c) { return archetype(x.value_ - c); }
  friend archetype operator-(double c, const archetype& x) { return archetype(c - x.value_); }
  friend archetype operator*(double c, const archetype& x) { return archetype(c * x.value_); }
  friend archetype operator-(const archetype& x) { return archetype(-x.value_); }

 private:
  friend struct rto::array_traits<archetype>;
  double value_ = 0;
};

}  // namespace rto::test

namespace rto {

template <> struct array_traits<test::archetype> {
  using value_type = test::archetype;
  using scalar_type = test::archetype;
  using family = test::archetype;
  using plain = array_traits<double>;

  static value_type exp(const value_type& x) { return value_type(plain::exp(x.value_)); }
  static value_type expm1(const value_type& x) { return value_type(plain::expm1(x.value_)); }
  static value_type log(const value_type& x) { return value_type(plain::log(x.value_)); }
  static value_type log1p(const value_type& x) { return value_type(plain::log1p(x.value_)); }
  static value_type sqrt(const value_type& x) { return value_type(plain::sqrt(x.value_)); }
  static value_type abs(const value_type& x) { return value_type(plain::abs(x.value_)); }
  static value_type sigmoid(const value_type& x) { return value_type(plain::sigmoid(x.value_)); }
  static value_type log_sigmoid(const value_type& x) { return value_type(plain::log_sigmoid(x.value_)); }
  static value_type clamp(const value_type& x, double low, double high) {
    return value_type(plain::clamp(x.value_, low, high));
  }
  template <class B, class X, class Y>
  static value_type where_le(const value_type& a, const B& b, const X& x, const Y& y) {
    return value_type(plain::where_le(a.value_, entry(b), entry(x), entry(y)));
  }
  template <class X, class Y> static value_type select(const value_type& mask, const X& x, const Y& y) {
    return value_type(plain::select(mask.value_, entry(x), entry(y)));
  }
  static value_type stop_gradient(const value_type& x) { return x; }
  static value_type full_like(const value_type&, double c) { return value_type(c); }
  static void assign(value_type& out, const value_type& x) { out = x; }
  static std::int64_t rows(const value_type&) { return 1; }
  static std::int64_t cols(const value_type&) { return 1; }
  static value_type sum(const value_type& x) { return x; }
  static double item(const value_type& x) { return x.value_; }

 private:
  static double entry(const value_type& x) { return x.value_; }
  static double entry(double x) { return x; }
};

}  // namespace rto
