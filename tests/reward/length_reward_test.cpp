#include <rto/reward/length_reward.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {
// Answers of 3, 1, 0 and 4 tokens.
template <class A> A mask() { return make<A>(4, {1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}); }
}  // namespace

TEMPLATE_TEST_CASE("every token pays the price of length", "", RTO_ARRAY_TYPES) {
  const std::vector<double> want{-0.5, -0.5, -0.5, 0, -0.5, 0, 0, 0, 0, 0, 0, 0, -0.5, -0.5, -0.5, -0.5};
  CHECK(distance(entries(length_price(mask<TestType>(), 0.5)), want) == 0);
  CHECK_THROWS_AS(length_price(mask<TestType>(), -1), std::domain_error);
}

TEMPLATE_TEST_CASE("answers that were cut pay at their last token", "", RTO_ARRAY_TYPES) {
  const auto penalty = missing_end_penalty(mask<TestType>(), column<TestType>({0, 1, 0, 0}), 2);
  const std::vector<double> want{0, 0, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -2};
  CHECK(distance(entries(penalty), want) == 0);
  CHECK_THROWS_AS(missing_end_penalty(mask<TestType>(), column<TestType>({0, 1}), 2), std::invalid_argument);
  CHECK_THROWS_AS(missing_end_penalty(mask<TestType>(), column<TestType>({0, 1, 0, 0}), -2), std::domain_error);
}

TEMPLATE_TEST_CASE("the soft bound of length falls from 0 to -1 over its buffer", "", RTO_ARRAY_TYPES) {
  const double tier = tolerance<TestType>::identity;
  const std::vector<double> want{0, 0, -0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1};
  CHECK(distance(entries(soft_overlong_penalty(mask<TestType>(), 4, 2)), want) <= tier);
  const std::vector<double> beyond{0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1};
  CHECK(distance(entries(soft_overlong_penalty(mask<TestType>(), 3, 1)), beyond) <= tier);
  CHECK_THROWS_AS(soft_overlong_penalty(mask<TestType>(), 3, 4), std::domain_error);
  CHECK_THROWS_AS(soft_overlong_penalty(mask<TestType>(), 3, 0), std::domain_error);
}
