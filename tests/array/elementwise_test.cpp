// Every element-wise verb, on every array type, against the scalar definition; and the scalar one against the
// mathematics.
#include <cmath>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

const std::vector<double> ordinary{-3, -1, -0.25, 0, 0.25, 1, 2.5, 7};
const std::vector<double> extreme{-700, -90, 90, 700, -infinity, infinity};

template <class A> double worst(const A& got, const A& x, double (*scalar)(double)) {
  std::vector<double> want = entries(x);
  for (double& v : want) v = scalar(v);
  return distance(entries(got), want);
}

}  // namespace

TEMPLATE_TEST_CASE("element-wise verbs of arrays are the verbs of their entries", "", RTO_ARRAY_TYPES) {
  const double tier = tolerance<TestType>::cross_backend;
  const TestType x = make<TestType>(2, ordinary), p = TestType(array::abs(x));
  CHECK(worst<TestType>(array::exp(x), x, [](double v) { return std::exp(v); }) <= tier);
  CHECK(worst<TestType>(array::expm1(x), x, [](double v) { return std::expm1(v); }) <= tier);
  CHECK(worst<TestType>(array::log1p(p), p, [](double v) { return std::log1p(v); }) <= tier);
  CHECK(worst<TestType>(array::log(p), p, [](double v) { return std::log(v); }) <= tier);  // log 0 = -inf
  CHECK(worst<TestType>(array::sqrt(p), p, [](double v) { return std::sqrt(v); }) <= tier);
  CHECK(worst<TestType>(array::abs(x), x, [](double v) { return std::abs(v); }) <= tier);
  CHECK(worst<TestType>(array::sigmoid(x), x, [](double v) { return 1 / (1 + std::exp(-v)); }) <= tier);
  CHECK(worst<TestType>(array::log_sigmoid(x), x, [](double v) { return -std::log1p(std::exp(-v)); }) <= tier);
  CHECK(worst<TestType>(array::clamp(x, -1, 2), x, [](double v) { return std::min(std::max(v, -1.0), 2.0); }) == 0);
  CHECK(worst<TestType>(array::stop_gradient(x), x, [](double v) { return v; }) == 0);
  CHECK(worst<TestType>(array::full_like(x, 0.5), x, [](double) { return 0.5; }) == 0);
}

TEMPLATE_TEST_CASE("sigmoid and log_sigmoid reach their limits without overflow or NaN", "", RTO_ARRAY_TYPES) {
  using number = typename number_of<TestType>::type;
  const TestType x = make<TestType>(1, extreme);
  const std::vector<double> p = entries(array::sigmoid(x)), l = entries(array::log_sigmoid(x));
  for (std::size_t i = 0; i < extreme.size(); ++i) {
    const double v = extreme[i];
    CAPTURE(v);
    const double probability = v < 0 ? double(std::exp(number(v))) : 1.0;  // e^-700 is 0 in single precision
    CHECK(std::abs(p[i] - probability) <=
          4 * tolerance<TestType>::cross_backend * probability + std::numeric_limits<number>::min());
    CHECK(close(l[i], v < 0 ? v : -double(std::exp(number(-v))), tolerance<TestType>::cross_backend));
  }
}

TEMPLATE_TEST_CASE("a choice takes the side it says, at ties the first, and never reads the other", "",
                   RTO_ARRAY_TYPES) {
  const TestType a = make<TestType>(1, {1, 2, 3, -infinity}), b = make<TestType>(1, {2, 2, 2, -infinity});
  const TestType x = make<TestType>(1, {10, 20, not_a_number, 40}), y = make<TestType>(1, {not_a_number, 2, 3, 4});
  CHECK(entries(array::where_le(a, b, x, y)) == std::vector{10.0, 20.0, 3.0, 40.0});
  CHECK(entries(array::where_le(a, 2, x, 0)) == std::vector{10.0, 20.0, 0.0, 40.0});
  CHECK(entries(array::where_le(a, 2.0, 7.0, y)) == std::vector{7.0, 7.0, 3.0, 7.0});
  const TestType mask = make<TestType>(1, {1, 1, 0, 1});
  CHECK(entries(array::select(mask, x, 0.0)) == std::vector{10.0, 20.0, 0.0, 40.0});
  CHECK(entries(array::select(mask, 1.0, y)) == std::vector{1.0, 1.0, 3.0, 1.0});
}

TEMPLATE_TEST_CASE("NaN stays NaN through every verb that could swallow it", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(1, std::vector<double>(19, not_a_number));  // whole packets and a remainder
  for (const TestType& y : {TestType(array::clamp(x, -1, 1)), TestType(array::log_sigmoid(x)),
                            TestType(array::sigmoid(x)), TestType(array::abs(x)), TestType(array::exp(x))})
    for (const double v : entries(y)) CHECK(std::isnan(v));
}

TEMPLATE_TEST_CASE("reductions to a number", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(2, {1, -2, 3, 0.5});
  CHECK(array::item(array::sum(x)) == 2.5);
  CHECK(array::item(array::max_coeff(x)) == 3);
  CHECK(array::item(array::min_coeff(x)) == -2);
  CHECK(array::all_finite(x));
  CHECK_FALSE(array::all_finite(make<TestType>(1, {1, not_a_number})));
  CHECK_FALSE(array::all_finite(make<TestType>(1, {1, -infinity})));
}

TEMPLATE_TEST_CASE("single numbers have the element-wise tier", "", RTO_SCALAR_TYPES) {
  STATIC_REQUIRE(Elementwise<TestType>);
  STATIC_REQUIRE_FALSE(Array<TestType>);
  const auto value = [](const TestType& x) { return array::item(x); };
  CHECK(value(array::log_sigmoid(TestType(-700))) == -700);
  CHECK(close(value(array::log_sigmoid(TestType(0))), -std::log(2.0), tolerance<TestType>::identity));
  CHECK(value(array::sigmoid(TestType(0))) == 0.5);
  CHECK(value(array::clamp(TestType(3), -1, 2)) == 2);
  CHECK(value(array::where_le(TestType(1), TestType(1), TestType(5), TestType(6))) == 5);
  CHECK(value(array::select(TestType(0), TestType(5), TestType(6))) == 6);
  CHECK(array::rows(TestType(1)) == 1);
  CHECK(array::cols(TestType(1)) == 1);
  TestType out(0);
  array::assign(out, TestType(4));
  CHECK(value(out) == 4);
}

TEST_CASE("derivatives of the verbs are exact, at the kinks and at the ends too") {
  const auto slope = [](const dual& y) { return y.derivatives()(0); };
  const auto at = [](double x) { return dual(x, 1, 0); };
  for (const double x : {-2.0, 0.3, 4.0}) {
    CHECK(slope(array::exp(at(x))) == std::exp(x));
    CHECK(slope(array::expm1(at(x))) == std::exp(x));
    CHECK(close(slope(array::sigmoid(at(x))), std::exp(-x) / std::pow(1 + std::exp(-x), 2), tolerance<dual>::identity));
    CHECK(close(slope(array::log_sigmoid(at(x))), 1 / (1 + std::exp(x)), tolerance<dual>::identity));
    if (x > 0) {
      CHECK(slope(array::log(at(x))) == 1 / x);
      CHECK(slope(array::log1p(at(x))) == 1 / (1 + x));
      CHECK(slope(array::sqrt(at(x))) == 1 / (2 * std::sqrt(x)));
    }
  }
  CHECK(slope(array::log_sigmoid(at(700))) > 0);  // e^-700, not rounded to 0
  CHECK(slope(array::log_sigmoid(at(-700))) == 1);
  CHECK(slope(array::exp(at(-infinity))) == 0);
  CHECK(slope(array::abs(at(0))) == 0);
  CHECK(slope(array::abs(at(-2))) == -1);
  CHECK(slope(array::clamp(at(2), -1, 2)) == 1);  // at the bound the gradient passes
  CHECK(slope(array::clamp(at(2.1), -1, 2)) == 0);
  CHECK(slope(array::where_le(at(1), dual(1), at(3) * 2.0, dual(0))) == 2);
  CHECK(slope(array::stop_gradient(at(3))) == 0);
  CHECK(slope(array::full_like(at(3), 2)) == 0);
}
