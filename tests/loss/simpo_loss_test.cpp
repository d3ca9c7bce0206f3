#include <cmath>

#include <rto/loss/simpo_loss.hpp>
#include <rto/loss/token_log_probability.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/derivative.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("SimPO by hand, from token log-probabilities", "", RTO_ARRAY_TYPES) {
  const double x = not_a_number;
  const TestType mask_w = make<TestType>(1, {1, 1, 0}), mask_l = make<TestType>(1, {1, 1, 1});
  const TestType w = make<TestType>(1, {-1, -2, x}), l = make<TestType>(1, {-4, -1, -1});
  const TestType mean_w = mean_log_probability(w, mask_w), mean_l = mean_log_probability(l, mask_l);  // -1.5, -2
  const auto loss = [](double m) { return std::log1p(std::exp(-m)); };
  const double tier = tolerance<TestType>::identity;
  CHECK(close(entries(simpo_loss(mean_w, mean_l, {.beta = 3, .gamma = 1}))[0], loss(0.5), tier));
  CHECK(close(entries(simpo_loss(mean_w, mean_l, {.beta = 3, .gamma = 1, .label_smoothing = 0.25}))[0],
              0.75 * loss(0.5) + 0.25 * loss(-0.5), tier));
}

TEMPLATE_TEST_CASE("SimPO does not change when an answer is repeated, and needs a lead of gamma / beta for log 2", "",
                   RTO_ARRAY_TYPES) {
  const TestType once = make<TestType>(1, {-1, -2}), twice = make<TestType>(1, {-1, -2, -1, -2});
  const TestType a = mean_log_probability(once, TestType(0.0 * once + 1.0));
  const TestType b = mean_log_probability(twice, TestType(0.0 * twice + 1.0));
  CHECK(distance(entries(a), entries(b)) <= tolerance<TestType>::identity);
  const TestType ahead = a + 0.5;
  CHECK(distance(entries(simpo_loss(ahead, b, {.beta = 2, .gamma = 1})), {std::log(2.0)}) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("SimPO has its limits at extreme log-probabilities", "", RTO_ARRAY_TYPES) {
  const TestType w = column<TestType>({0, -700}), l = column<TestType>({-700, 0});
  CHECK(distance(entries(simpo_loss(w, l, {.beta = 1, .gamma = 0})), {std::exp(-700.0), 700}) <=
        tolerance<TestType>::identity);
}

TEST_CASE("SimPO's gradient pulls the two answers apart with equal force") {
  const simpo_options options{.beta = 2, .gamma = 0.5, .label_smoothing = 0.1};
  for (const double w : {-20.0, -1.0, -0.2})
    for (const double l : {-15.0, -1.1, -0.3}) {
      const double m = 2 * (w - l) - 0.5, force = 2 * (-0.9 * array::sigmoid(-m) + 0.1 * array::sigmoid(m));
      CHECK(close(simpo_loss(dual(w, 1, 0), dual(l), options).derivatives()(0), force, tolerance<double>::identity));
      CHECK(close(simpo_loss(dual(w), dual(l, 1, 0), options).derivatives()(0), -force, tolerance<double>::identity));
      CHECK(close(force, central_difference([&](double v) { return simpo_loss(v, l, options); }, w),
                  tolerance<double>::gradient));
    }
}

TEMPLATE_TEST_CASE("simpo_loss refuses wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({-1, -2}), y = column<TestType>({-1, -2, -3});
  CHECK_THROWS_AS(simpo_loss(x, y), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number})
    CHECK_THROWS_AS(simpo_loss(x, x, {.beta = bad}), std::domain_error);
  for (const double bad : {-0.1, infinity, not_a_number})
    CHECK_THROWS_AS(simpo_loss(x, x, {.gamma = bad}), std::domain_error);
  CHECK_THROWS_AS(simpo_loss(x, x, {.label_smoothing = -0.1}), std::domain_error);
}
