#include <rto/array/running_sum.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {
// Rows of 5, 3, 0 and 1 valid tokens; NaN in the padding.
template <class A> A ragged_mask() { return make<A>(4, {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}); }
template <class A> A ragged_values() {
  const double x = not_a_number;
  return make<A>(4, {1, 2, 4, 8, 16, -1, 3, 5, x, x, x, x, x, x, x, 7, x, x, x, x});
}
// Segments (1 2) (3 4) (5) and (1) (2 3); the ends of the last ones are not marked.
template <class A> A ragged_ends() {
  const double x = not_a_number;
  return make<A>(4, {0, 1, 0, 1, 0, 1, 0, 0, x, 1, x, x, x, x, x, 0, 1, x, x, x});
}
}  // namespace

TEMPLATE_TEST_CASE("running sums, sums before a token and previous steps by hand; padding is 0 and never read", "",
                   RTO_ARRAY_TYPES) {
  const TestType x = ragged_values<TestType>(), mask = ragged_mask<TestType>();
  CHECK(entries(previous_step(make<TestType>(2, {1, 2, 3, 4, 5, 6}))) == std::vector{0.0, 1.0, 2.0, 0.0, 4.0, 5.0});
  CHECK(entries(running_sum(x, mask)) ==
        std::vector<double>{1, 3, 7, 15, 31, -1, 2, 7, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0});
  CHECK(entries(sum_before(x, mask)) ==
        std::vector<double>{0, 1, 3, 7, 15, 0, -1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEMPLATE_TEST_CASE("segment sums by hand; the last valid token always ends a segment", "", RTO_ARRAY_TYPES) {
  const TestType x = ragged_values<TestType>(), mask = ragged_mask<TestType>(), ends = ragged_ends<TestType>();
  CHECK(entries(segment_ends(ends, mask)) ==
        std::vector<double>{0, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0});
  CHECK(entries(segment_sum(x, ends, mask)) ==
        std::vector<double>{0, 3, 0, 12, 16, -1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0});
}

TEMPLATE_TEST_CASE("a segment's sum has the digits of its own entries, however large the ones before it", "",
                   RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(1, {1e8, 1, 2, 1e-3}), ends = make<TestType>(1, {1, 0, 1, 0});
  const std::vector<double> got = entries(segment_sum(x, ends, make<TestType>(1, {1, 1, 1, 1})));
  CHECK(got == std::vector<double>{1e8, 0, 3, entries(x)[3]});
}

TEMPLATE_TEST_CASE("rows of one token and arrays without rows or columns are no trouble", "", RTO_ARRAY_TYPES) {
  const TestType one = column<TestType>({3, -2}), mask = column<TestType>({1, 1}), none = TestType(0, 3);
  CHECK(entries(running_sum(one, mask)) == std::vector{3.0, -2.0});
  CHECK(entries(sum_before(one, mask)) == std::vector{0.0, 0.0});
  CHECK(entries(segment_sum(one, TestType(0.0 * one), mask)) == std::vector{3.0, -2.0});
  CHECK(entries(segment_sum(none, none, none)).empty());
  const TestType no_time = TestType(2, 0);
  CHECK(entries(running_sum(no_time, no_time)).empty());
}

TEMPLATE_TEST_CASE("sums along a row refuse another shape", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(1, {1, 2}), mask = make<TestType>(1, {1, 1, 1});
  CHECK_THROWS_AS(running_sum(x, mask), std::invalid_argument);
  CHECK_THROWS_AS(sum_before(x, mask), std::invalid_argument);
  CHECK_THROWS_AS(segment_ends(x, mask), std::invalid_argument);
  CHECK_THROWS_AS(segment_sum(mask, x, mask), std::invalid_argument);
  CHECK_THROWS_AS(segment_sum(x, mask, mask), std::invalid_argument);
}
