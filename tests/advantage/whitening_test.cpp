#include <cmath>
#include <random>

#include <rto/advantage/whitening.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("whitening by hand, biased and unbiased", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(2, {1, 1, 0, 1, 0, 0}),
                 x = make<TestType>(2, {1, 2, not_a_number, 6, not_a_number, not_a_number});
  // mean 3, squared deviations 4 + 1 + 9 = 14
  const double biased = std::sqrt(14.0 / 3), unbiased = std::sqrt(7.0);
  const auto expected = [](double d) { return std::vector{-2 / d, -1 / d, 0.0, 3 / d, 0.0, 0.0}; };
  CHECK(distance(entries(whiten(x, mask, {.epsilon = 0})), expected(biased)) <= tolerance<TestType>::identity);
  CHECK(distance(entries(whiten(x, mask, {.unbiased = true, .epsilon = 0})), expected(unbiased)) <=
        tolerance<TestType>::identity);
  CHECK(distance(entries(whiten(x, mask, {.epsilon = 2})), expected(std::sqrt(14.0 / 3 + 2))) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("whitened values have mean 0 and variance 1", "", RTO_NUMBER_ARRAY_TYPES) {
  std::mt19937_64 rng(5);
  std::normal_distribution<double> normal(3, 0.5);
  std::vector<double> data(64 * 33);
  for (double& v : data) v = normal(rng);
  const TestType mask = TestType::Ones(64, 33), y = whiten(make<TestType>(64, data), mask, {.epsilon = 0});
  const auto m = moments(y, mask);
  CHECK(std::abs(array::item(m.mean)) <= tolerance<TestType>::cross_backend);
  CHECK(close(array::item(m.squared_deviations), 64 * 33, tolerance<TestType>::cross_backend));
}

TEMPLATE_TEST_CASE("a single valid token is whitened to 0", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(2, {1, 0, 0, 0}),
                 x = make<TestType>(2, {5, not_a_number, not_a_number, not_a_number});
  for (const bool unbiased : {false, true})
    for (const double epsilon : {0.0, 1e-8}) {
      const TestType y = whiten(x, mask, {.unbiased = unbiased, .epsilon = epsilon});
      CHECK(entries(y) == std::vector{0.0, 0.0, 0.0, 0.0});
    }
}

TEMPLATE_TEST_CASE("without centring whitening only scales", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(1, {1, 1, 0}), x = make<TestType>(1, {1, 3, not_a_number});
  CHECK(distance(entries(whiten(x, mask, {.center = false, .epsilon = 0})), {1, 3, 0}) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("whitening does not see a shift or a scale", "", RTO_NUMBER_ARRAY_TYPES) {
  const TestType mask = make<TestType>(2, {1, 1, 1, 1, 1, 0}), x = make<TestType>(2, {1, -2, 0.5, 4, 3, not_a_number});
  const TestType y = whiten(x, mask, {.epsilon = 0}), z = whiten(8 * x + 2, mask, {.epsilon = 0});
  CHECK(distance(entries(y), entries(z)) <= tolerance<TestType>::cross_backend);
}

TEMPLATE_TEST_CASE("parts of a batch whitened with their merged moments are the whole batch whitened", "",
                   RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(2, {1, 1, 1, 1, 1, 0}), x = make<TestType>(2, {1, -2, 0.5, 4, 3, not_a_number});
  const TestType first = x.topRows(1), second = x.bottomRows(1), none = TestType::Zero(1, 3);
  const TestType first_mask = mask.topRows(1), second_mask = mask.bottomRows(1);
  const auto m = merge(merge(moments(first, first_mask), moments(none, none)), moments(second, second_mask));
  TestType part;
  whiten(second, second_mask, m, {}, part);
  const TestType whole = whiten(x, mask);
  const TestType want = whole.bottomRows(1);
  CHECK(distance(entries(part), entries(want)) <= tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("whitening in place is allowed", "", RTO_NUMBER_ARRAY_TYPES) {
  const TestType mask = make<TestType>(1, {1, 1, 1, 0});
  TestType x = make<TestType>(1, {1, 2, 4, not_a_number});
  const TestType want = whiten(x, mask);
  whiten(x, mask, moments(x, mask), {}, x);
  CHECK(distance(entries(x), entries(want)) == 0);
}

TEMPLATE_TEST_CASE("whitening refuses another shape and a negative epsilon", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(1, {1, 1}), x = make<TestType>(1, {1, 2, 3});
  CHECK_THROWS_AS(whiten(x, mask), std::invalid_argument);
  CHECK_THROWS_AS(whiten(mask, mask, {.epsilon = -1}), std::domain_error);
}
