
#include <rto/array/mask.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("a mask knows lengths, last steps and means", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(3, {1, 1, 0, 0, 0, 0, 1, 1, 1});
  const TestType lengths = row_lengths(mask), last = last_valid_step(mask);
  CHECK(entries(lengths) == std::vector{2.0, 0.0, 3.0});
  CHECK(entries(last) == std::vector{0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0});
  const TestType x = make<TestType>(3, {1, 2, not_a_number, not_a_number, not_a_number, not_a_number, 3, 4, 5});
  CHECK(array::item(masked_mean(x, mask)) == 3);
}

TEMPLATE_TEST_CASE("a mask is accepted exactly when it is 0/1, a prefix in each row, and not empty", "",
                   RTO_ARRAY_TYPES) {
  const auto check = [](std::int64_t rows, const std::vector<double>& data) {
    validate_mask("test", make<TestType>(rows, data));
  };
  CHECK_NOTHROW(check(2, {1, 1, 0, 1, 0, 0}));
  CHECK_NOTHROW(check(2, {0, 0, 0, 1, 1, 1}));
  CHECK_THROWS_AS(check(1, {0, 1, 1}), std::invalid_argument);
  CHECK_THROWS_AS(check(2, {1, 0, 1, 1, 1, 1}), std::invalid_argument);
  CHECK_THROWS_AS(check(2, {0, 0, 0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(check(1, {1, 0.5}), std::invalid_argument);
  CHECK_THROWS_AS(check(1, {2, 1}), std::invalid_argument);
  CHECK_THROWS_AS(check(1, {-1, 0}), std::invalid_argument);
  CHECK_THROWS_AS(check(1, {1, not_a_number}), std::invalid_argument);
  CHECK_THROWS_AS(check(0, {}), std::invalid_argument);
  CHECK_THROWS_AS(validate_mask("test", TestType(3, 0)), std::invalid_argument);
}

TEMPLATE_TEST_CASE("finiteness is asked of valid tokens only", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(1, {1, 1, 0});
  CHECK_NOTHROW(require_finite("test", "x", make<TestType>(1, {1, -2, not_a_number}), mask));
  CHECK_THROWS_AS(require_finite("test", "x", make<TestType>(1, {1, not_a_number, 0}), mask), std::invalid_argument);
  CHECK_THROWS_AS(require_finite("test", "x", make<TestType>(1, {-infinity, 1, 0}), mask), std::invalid_argument);
  CHECK_THROWS_WITH(require_finite("test", "logp", make<TestType>(1, {infinity, 1, 0}), mask),
                    Catch::Matchers::ContainsSubstring("rto::test: logp must be finite"));
}
