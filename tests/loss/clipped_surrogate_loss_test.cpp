#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include <rto/loss/clipped_surrogate_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// As printed: -min(rho A, clip(rho) A), and d/d log pi = -rho A on the unclipped branch (ties included), else 0.
double printed_loss(double d, double advantage, double clip) {
  const double rho = std::exp(d);
  return -std::min(rho * advantage, std::clamp(rho, 1 - clip, 1 + clip) * advantage);
}
double printed_slope(double d, double advantage, double clip) {
  const double rho = std::exp(d);
  return rho * advantage <= std::clamp(rho, 1 - clip, 1 + clip) * advantage ? -rho * advantage : 0;
}

const std::vector<double> log_ratios{-40, -2, -0.3, -0.1, 0, 0.1, 0.15, 0.3, 2, 40};
const std::vector<double> advantages{-3, -1e-3, 0, 1e-3, 2};

}  // namespace

TEMPLATE_TEST_CASE("the token loss is the printed formula, value and gradient", "", RTO_SCALAR_TYPES) {
  for (const double d : log_ratios)
    for (const double a : advantages)
      for (const double clip : {0.1, 0.2, 0.9, 3.0}) {
        CAPTURE(d, a, clip);
        const TestType loss = clipped_surrogate_token_loss(TestType(d), TestType(0), TestType(a), {.clip = clip});
        const double want = printed_loss(d, a, clip);
        CHECK(std::abs(array::item(loss) - want) <= tolerance<TestType>::identity * std::max(1e-3, std::abs(want)));
        const dual slope = clipped_surrogate_token_loss(dual(d, 1, 0), dual(0), dual(a), {.clip = clip});
        CHECK(std::abs(slope.derivatives()(0) - printed_slope(d, a, clip)) <=
              tolerance<dual>::identity * std::max(1.0, std::abs(want)));
      }
}

TEMPLATE_TEST_CASE("arrays give the surrogate loss of their entries", "", RTO_ARRAY_TYPES) {
  std::vector<double> lp, a;
  for (const double d : log_ratios)
    for (const double x : advantages) lp.push_back(d - 1), a.push_back(x);
  const std::int64_t rows = 10;
  const TestType log_prob = make<TestType>(rows, lp), advantage = make<TestType>(rows, a);
  const TestType old = array::full_like(log_prob, -1.0);
  const std::vector<double> got = entries(clipped_surrogate_token_loss(log_prob, old, advantage));
  for (std::size_t i = 0; i < got.size(); ++i) {
    using number = typename number_of<TestType>::type;
    const number want = clipped_surrogate_token_loss(number(lp[i]), number(-1), number(a[i]));
    CHECK(std::abs(got[i] - want) <= tolerance<TestType>::cross_backend * std::max(1.0, std::abs(double(want))));
  }
  TestType out;
  clipped_surrogate_token_loss(log_prob, old, advantage, {}, out);
  CHECK(entries(out) == got);
}

TEMPLATE_TEST_CASE("an infinite ratio costs (1 + eps) A, nothing, or infinity", "", RTO_SCALAR_TYPES) {
  const auto loss = [](double a) {
    return array::item(clipped_surrogate_token_loss(TestType(0), TestType(-2000), TestType(a), {.clip = 0.2}));
  };
  CHECK(close(loss(2), -1.2 * 2, tolerance<TestType>::identity));
  CHECK(loss(0) == 0);
  CHECK(loss(-2) == infinity);  // non-finite: for the caller to report
  for (const double a : {2.0, 0.0}) {
    const dual slope = clipped_surrogate_token_loss(dual(0, 1, 0), dual(-2000), dual(a), {.clip = 0.2});
    CHECK(slope.derivatives()(0) == 0);
  }
}

TEST_CASE("a vanishing ratio is harmless on both sides") {
  CHECK(clipped_surrogate_token_loss(-2000.0, 0.0, 1.0) == 0);
  CHECK(close(clipped_surrogate_token_loss(-2000.0, 0.0, -1.0, {.clip = 0.2}), 0.8, tolerance<double>::identity));
  CHECK(clipped_surrogate_token_loss(-2000.0, 0.0, -1.0, {.clip = 1.5}) == 0);  // no lower clip is left
}

TEST_CASE("the policy gradient of a batch agrees with central differences") {
  using A = eigen_array<double>;
  const A log_prob = make<A>(2, {-1, -2.2, -0.4, -3, -0.9, -1}), old = make<A>(2, {-1.1, -2, -1, -3.05, -0.5, -1});
  const A advantage = make<A>(2, {1, -0.5, 2, -1.5, 0.7, 0.3}), mask = make<A>(2, {1, 1, 1, 1, 1, 0});
  for (const aggregation mode :
       {aggregation::token_mean, aggregation::seq_mean_token_mean, aggregation::seq_mean_token_sum}) {
    const dual6 loss = clipped_surrogate_loss(variables<dual6>(log_prob), constants<dual6>(old),
                                              constants<dual6>(advantage), constants<dual6>(mask), {}, {.mode = mode});
    for (int k = 0; k < 6; ++k) {
      constexpr double h = tolerance<double>::step;
      A up = log_prob, down = log_prob;
      up.data()[k] += h, down.data()[k] -= h;
      const double difference = (clipped_surrogate_loss(up, old, advantage, mask, {}, {.mode = mode}) -
                                 clipped_surrogate_loss(down, old, advantage, mask, {}, {.mode = mode})) /
                                (2 * h);
      CHECK(close(loss.derivatives()(k), difference, tolerance<double>::gradient));
    }
  }
}

TEST_CASE("old log-probabilities and advantages are constants for differentiation") {
  const dual loss = clipped_surrogate_token_loss(dual(0.1), dual(0.05, 1, 0), dual(1.0, 1, 0));
  CHECK(loss.derivatives()(0) == 0);
}

TEMPLATE_TEST_CASE("padding never reaches the loss", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(2, {1, 0, 1, 1}), x = make<TestType>(2, {-1, not_a_number, -2, -0.5});
  const TestType advantage = make<TestType>(2, {1, not_a_number, -1, 2});
  CHECK(close(array::item(clipped_surrogate_loss(x, x, advantage, mask)), -2.0 / 3, tolerance<TestType>::identity));
  CHECK(array::item(clip_fraction(x, x, advantage, mask)) == 0);
}

TEMPLATE_TEST_CASE("the clip fraction counts tokens whose clipped branch is strictly smaller", "", RTO_ARRAY_TYPES) {
  // ratio up / down with A > 0 / < 0 / = 0, and a token in the padding that would count
  const TestType d = make<TestType>(1, {1, 1, 1, -1, -1, -1, 0, 1});
  const TestType advantage = make<TestType>(1, {1, -1, 0, 1, -1, 0, 1, 1});
  const TestType mask = make<TestType>(1, {1, 1, 1, 1, 1, 1, 1, 0}), old = array::full_like(d, 0.0);
  CHECK(close(array::item(clip_fraction(d, old, advantage, mask)), 2.0 / 7, tolerance<TestType>::identity));
  CHECK(close(array::item(clip_fraction(d, old, advantage, mask, {.clip = 1.0})), 1.0 / 7,
              tolerance<TestType>::identity));  // 1 - eps = 0 is never passed
}

TEST_CASE("at equal policies the gradient is the plain policy gradient") {
  std::mt19937_64 rng(3);
  std::normal_distribution<double> normal;
  for (int i = 0; i < 100; ++i) {
    const double lp = normal(rng), a = normal(rng);
    const dual loss = clipped_surrogate_token_loss(dual(lp, 1, 0), dual(lp), dual(a));
    CHECK(loss.value() == -a);
    CHECK(loss.derivatives()(0) == -a);
  }
}

TEMPLATE_TEST_CASE("the gradient in closed form is that of autodiff", "", RTO_SCALAR_TYPES) {
  using number = typename number_of<TestType>::type;
  for (const double clip : {0.1, 0.2, 0.9, 1.0, 3.0}) {
    for (const double d : log_ratios)
      for (const double a : advantages) {
        CAPTURE(d, a, clip);
        const double got = array::item(
            clipped_surrogate_token_gradient(TestType(number(d)), TestType(0), TestType(number(a)), {.clip = clip}));
        const dual loss = clipped_surrogate_token_loss(dual(d, 1, 0), dual(0), dual(a), {.clip = clip});
        const double want = loss.derivatives()(0);
        CHECK(std::abs(want - printed_slope(d, a, clip)) <= tolerance<dual>::identity * std::max(1.0, std::abs(want)));
        CHECK(std::abs(got - want) <= tolerance<TestType>::identity * std::max(1.0, std::abs(want)));
      }
  }
}

TEST_CASE("at a tie the gradient in closed form is that of the unclipped branch, a rounding further it is 0") {
  for (const volatile double when_run : {0.1, 0.2, 0.9}) {
    const double clip = when_run;  // unknown to the compiler, whose own log1p may round elsewhere than the library's
    const auto [low, high] = detail::log_clip("test", clip);
    const auto slope = [clip](double d, double a) {
      return clipped_surrogate_token_gradient(d, 0.0, a, {.clip = clip});
    };
    CHECK(close(slope(high, 2), -(1 + clip) * 2, tolerance<double>::identity));
    CHECK(close(slope(low, -2), (1 - clip) * 2, tolerance<double>::identity));
    CHECK(slope(std::nextafter(high, infinity), 2) == 0);
    CHECK(slope(std::nextafter(low, -infinity), -2) == 0);
    for (const double tie : {low, high})
      for (const double d : {tie, std::nextafter(tie, -infinity), std::nextafter(tie, infinity)})
        for (const double a : advantages) {
          const dual loss = clipped_surrogate_token_loss(dual(d, 1, 0), dual(0), dual(a), {.clip = clip});
          CHECK(close(slope(d, a), loss.derivatives()(0), tolerance<double>::identity));
        }
  }
}

TEST_CASE("the gradient in closed form holds at the ends of the range") {
  const auto slope = [](double d, double a, double clip = 0.2) {
    return clipped_surrogate_token_gradient(d, 0.0, a, {.clip = clip});
  };
  for (const double d : {700.0, 2000.0, infinity}) {
    CHECK(slope(d, 2) == 0);
    CHECK(slope(d, 0) == 0);
    CHECK(slope(-d, -2) == 0);
    CHECK(slope(-d, 0) == 0);
  }
  CHECK(slope(700, -2) / (2 * std::exp(700.0)) == Approx(1).epsilon(1e-13));
  CHECK(slope(-700, 2) / (-2 * std::exp(-700.0)) == Approx(1).epsilon(1e-13));
  CHECK(slope(-700, -2, 1.5) / (2 * std::exp(-700.0)) == Approx(1).epsilon(1e-13));  // no lower clip is left
  CHECK(slope(2000, -2) == infinity);                                                // as the loss: for the caller
  CHECK(slope(-2000, 2) == 0);
}

TEMPLATE_TEST_CASE("where the surrogate loss is NaN its gradient is not finite", "", RTO_SCALAR_TYPES) {
  for (const auto& [d, a] : {std::pair(not_a_number, 1.0),
                             {not_a_number, -1.0},
                             {not_a_number, 0.0},
                             {1.0, not_a_number},
                             {-1.0, not_a_number},
                             {0.0, not_a_number}}) {
    CAPTURE(d, a);
    CHECK(std::isnan(array::item(clipped_surrogate_token_loss(TestType(d), TestType(0), TestType(a)))));
    CHECK(std::isnan(array::item(clipped_surrogate_token_gradient(TestType(d), TestType(0), TestType(a)))));
  }
}

TEMPLATE_TEST_CASE("arrays give the closed-form gradients of their entries", "", RTO_ARRAY_TYPES) {
  std::vector<double> lp, a;
  for (const double d : log_ratios)
    for (const double x : advantages) lp.push_back(d - 1), a.push_back(x);
  const TestType log_prob = make<TestType>(10, lp), advantage = make<TestType>(10, a);
  const std::vector<double> got =
      entries(clipped_surrogate_token_gradient(log_prob, array::full_like(log_prob, -1.0), advantage));
  for (std::size_t i = 0; i < got.size(); ++i) {
    using number = typename number_of<TestType>::type;
    const number want = clipped_surrogate_token_gradient(number(lp[i]), number(-1), number(a[i]));
    CHECK(std::abs(got[i] - want) <= tolerance<TestType>::cross_backend * std::max(1.0, std::abs(double(want))));
  }
  TestType out = advantage;  // what was there before does not count
  clipped_surrogate_token_gradient(log_prob, array::full_like(log_prob, -1.0), advantage, {}, out);
  CHECK(entries(out) == got);
}

TEMPLATE_TEST_CASE("the surrogate refuses wrong shapes and clips", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(1, {1, 2}), y = make<TestType>(1, {1, 2, 3});
  CHECK_THROWS_AS(clipped_surrogate_token_loss(x, y, x), std::invalid_argument);
  CHECK_THROWS_AS(clipped_surrogate_token_loss(x, x, y), std::invalid_argument);
  CHECK_THROWS_AS(clipped_surrogate_token_gradient(x, y, x), std::invalid_argument);
  CHECK_THROWS_AS(clipped_surrogate_token_gradient(x, x, y), std::invalid_argument);
  CHECK_THROWS_AS(clipped_surrogate_loss(x, x, x, y), std::invalid_argument);
  CHECK_THROWS_AS(clip_fraction(x, x, x, y), std::invalid_argument);
  for (const double bad : {0.0, -0.2, infinity, not_a_number}) {
    CHECK_THROWS_AS(clipped_surrogate_token_loss(x, x, x, {.clip = bad}), std::domain_error);
    CHECK_THROWS_AS(clipped_surrogate_token_gradient(x, x, x, {.clip = bad}), std::domain_error);
    CHECK_THROWS_AS(clip_fraction(x, x, x, x, {.clip = bad}), std::domain_error);
  }
}
