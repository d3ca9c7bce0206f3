#include <algorithm>
#include <cmath>
#include <optional>

#include <rto/loss/value_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

double printed_loss(double v, double old, double target, std::optional<double> c) {
  const double plain = (v - target) * (v - target);
  if (!c) return plain / 2;
  const double clipped = std::clamp(v, old - *c, old + *c) - target;
  return std::max(plain, clipped * clipped) / 2;
}
}  // namespace

TEMPLATE_TEST_CASE("the value loss is the printed formula, value and gradient", "", RTO_SCALAR_TYPES) {
  for (const double v : {-2.0, -0.1, 0.0, 0.1, 0.2, 0.7, 3.0})
    for (const double target : {-1.0, 0.05, 0.3, 2.0})
      for (const std::optional<double> c : {std::optional<double>(), std::optional(0.2), std::optional(5.0)}) {
        CAPTURE(v, target, c.has_value());
        const double old = 0.1, want = printed_loss(v, old, target, c);
        const TestType loss = value_token_loss(TestType(v), TestType(old), TestType(target), {.clip = c});
        CHECK(close(array::item(loss), want, tolerance<TestType>::identity));
        const bool unclipped = want == printed_loss(v, old, target, std::nullopt);
        const dual slope = value_token_loss(dual(v, 1, 0), dual(old), dual(target), {.clip = c});
        CHECK(close(slope.derivatives()(0), unclipped ? v - target : 0, tolerance<dual>::identity));
      }
}

TEST_CASE("inside the clip the gradient passes whatever the rounding of the bounds") {
  for (int i = 1; i < 2000; ++i) {
    const double old = 0.1 * i, v = old + 0.19 * std::sin(i), target = v + 1.0 / i;
    const dual loss = value_token_loss(dual(v, 1, 0), dual(old), dual(target), {.clip = 0.2});
    REQUIRE(loss.derivatives()(0) == v - target);
  }
}

TEST_CASE("an equidistant tie belongs to the unclipped term") {
  // V = 1 and the clipped 0.5 are both 0.25 from R = 0.75
  const dual loss = value_token_loss(dual(1, 1, 0), dual(0), dual(0.75), {.clip = 0.5});
  CHECK(loss.value() == 0.03125);
  CHECK(loss.derivatives()(0) == 0.25);
}

TEMPLATE_TEST_CASE("arrays give the value loss of their entries and ignore padding", "", RTO_ARRAY_TYPES) {
  const std::vector<double> v{0.5, -1, 2, 0.25}, old{0.25, 0, 1.9, not_a_number}, target{1, -0.5, 0, 3};
  const TestType value = make<TestType>(2, v), old_value = make<TestType>(2, old), r = make<TestType>(2, target);
  const TestType mask = make<TestType>(2, {1, 1, 1, 0});
  double total = 0;
  for (std::size_t i = 0; i < 3; ++i) total += printed_loss(v[i], old[i], target[i], 0.2);
  CHECK(close(array::item(value_loss(value, old_value, r, mask)), total / 3, tolerance<TestType>::identity));
  const TestType loss = value_token_loss(value, old_value, r);
  TestType out;
  value_token_loss(value, old_value, r, {}, out);
  const TestType got = array::select(mask, out, 0.0), want = array::select(mask, loss, 0.0);
  CHECK(entries(got) == entries(want));
}

TEMPLATE_TEST_CASE("the value gradient in closed form is that of autodiff", "", RTO_SCALAR_TYPES) {
  for (const double v : {-2.0, -0.25, 0.0, 0.125, 0.25, 0.375, 0.75, 3.0, 700.0})
    for (const double target : {-1.0, 0.0625, 0.375, 2.0, 700.0})
      for (const std::optional<double> c : {std::optional<double>(), std::optional(0.25), std::optional(5.0)}) {
        CAPTURE(v, target, c.has_value());
        const double old = 0.125;
        const TestType got = value_token_gradient(TestType(v), TestType(old), TestType(target), {.clip = c});
        const dual loss = value_token_loss(dual(v, 1, 0), dual(old), dual(target), {.clip = c});
        CHECK(close(array::item(got), loss.derivatives()(0), tolerance<TestType>::identity));
      }
}

TEST_CASE("no rounding of a bound parts the value gradient from that of autodiff") {
  for (int i = 1; i < 2000; ++i) {
    const double old = 0.1 * i * std::sin(i), target = old + (i % 2 == 0 ? 1.0 : -1.0) / i;
    for (const double bound : {old - 0.2, old + 0.2, 2 * target - (old - 0.2), 2 * target - (old + 0.2)})
      for (const double v : {bound, std::nextafter(bound, -infinity), std::nextafter(bound, infinity)}) {
        const dual loss = value_token_loss(dual(v, 1, 0), dual(old), dual(target), {.clip = 0.2});
        REQUIRE(value_token_gradient(v, old, target, {.clip = 0.2}) == loss.derivatives()(0));
      }
  }
}

TEST_CASE("the value gradient keeps equidistant ties, and NaN where the loss is NaN") {
  CHECK(value_token_gradient(1.0, 0.0, 0.75, {.clip = 0.5}) == 0.25);
  CHECK(value_token_gradient(-1.0, 0.0, -0.75, {.clip = 0.5}) == -0.25);
  CHECK(value_token_gradient(0.875, 0.0, 0.75, {.clip = 0.5}) == 0);  // the clipped value is further off
  for (const double v : {-3.0, 0.0, 3.0, not_a_number})
    for (const std::optional<double> c : {std::optional<double>(), std::optional(0.5)}) {
      CHECK(std::isnan(value_token_loss(v, 0.0, not_a_number, {.clip = c})));
      CHECK(std::isnan(value_token_gradient(v, 0.0, not_a_number, {.clip = c})));
      CHECK(std::isnan(value_token_gradient(not_a_number, 0.0, v, {.clip = c})));
    }
}

TEMPLATE_TEST_CASE("arrays give the value gradients of their entries", "", RTO_ARRAY_TYPES) {
  const std::vector<double> v{0.5, -1, 2, 0.25}, old{0.25, 0, 1.875, 0.25}, target{1, -0.5, 0, 3};
  const std::vector<double> got = entries(
      value_token_gradient(make<TestType>(2, v), make<TestType>(2, old), make<TestType>(2, target), {.clip = 0.25}));
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(got[i] == value_token_gradient(v[i], old[i], target[i], {.clip = 0.25}));
  for (const std::optional<double> c : {std::optional<double>(), std::optional(0.25)}) {
    TestType out = make<TestType>(2, old);  // what was there before does not count
    value_token_gradient(make<TestType>(2, v), make<TestType>(2, old), make<TestType>(2, target), {.clip = c}, out);
    for (std::size_t i = 0; i < v.size(); ++i)
      CHECK(entries(out)[i] == value_token_gradient(v[i], old[i], target[i], {.clip = c}));
  }
}

TEMPLATE_TEST_CASE("the value loss refuses wrong shapes and clips", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(1, {1, 2}), y = make<TestType>(1, {1, 2, 3});
  CHECK_THROWS_AS(value_token_loss(x, y, x), std::invalid_argument);
  CHECK_THROWS_AS(value_token_loss(x, x, y), std::invalid_argument);
  CHECK_THROWS_AS(value_token_gradient(x, y, x), std::invalid_argument);
  CHECK_THROWS_AS(value_token_gradient(x, x, y), std::invalid_argument);
  CHECK_THROWS_AS(value_loss(x, x, x, y), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number}) {
    CHECK_THROWS_AS(value_token_loss(x, x, x, {.clip = bad}), std::domain_error);
    CHECK_THROWS_AS(value_token_gradient(x, x, x, {.clip = bad}), std::domain_error);
  }
}
