// The rank-2 verbs on every array type: shapes, rows, recurrences, gathers, buffers.
#include <cmath>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("arrays model the concepts, and so do their expressions and maps", "", RTO_ARRAY_TYPES) {
  using expression = decltype(std::declval<TestType>() + std::declval<TestType>());
  using slice = decltype(array::time_slice(std::declval<TestType&>(), 0, 1));
  STATIC_REQUIRE(Array<TestType>);
  STATIC_REQUIRE(Array<expression>);
  STATIC_REQUIRE(Array<slice>);
  STATIC_REQUIRE(Array<Eigen::Map<const TestType>>);
  STATIC_REQUIRE(GoesWith<expression, TestType>);
  STATIC_REQUIRE_FALSE(Elementwise<eigen_array<std::int64_t>>);
  STATIC_REQUIRE_FALSE(Elementwise<eigen_array<bool>>);
}

TEMPLATE_TEST_CASE("rows: sums, maxima, log-sum-exp and their broadcast", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(3, {1, 2, 3, -700, 700, 0, -infinity, -infinity, -infinity});
  const TestType finite = array::row_slice(x, 0, 2);
  const double tier = tolerance<TestType>::identity;
  CHECK(entries(array::row_sum(finite)) == std::vector{6.0, 0.0});
  CHECK(entries(array::row_max(x)) == std::vector{3.0, 700.0, -infinity});
  const std::vector<double> got = entries(array::log_sum_exp(x));
  CHECK(close(got[0], std::log(std::exp(1) + std::exp(2) + std::exp(3)), tier));
  CHECK(got[1] == 700);
  CHECK(got[2] == -infinity);  // a row that forbids everything stays -inf, not NaN
  const TestType wide = array::broadcast_columns(array::row_sum(finite), 2);
  CHECK(entries(wide) == std::vector{6.0, 6.0, 0.0, 0.0});
}

TEMPLATE_TEST_CASE("slices, shifts, reshapes and transposes move entries and nothing else", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(2, {1, 2, 3, 4, 5, 6});
  CHECK(array::rows(x) == 2);
  CHECK(array::cols(x) == 3);
  CHECK(entries(array::time_slice(x, 1, 3)) == std::vector{2.0, 3.0, 5.0, 6.0});
  CHECK(entries(array::row_slice(x, 1, 2)) == std::vector{4.0, 5.0, 6.0});
  CHECK(entries(array::next_step(x)) == std::vector{2.0, 3.0, 0.0, 5.0, 6.0, 0.0});
  CHECK(entries(array::next_step(x + x)) == std::vector{4.0, 6.0, 0.0, 10.0, 12.0, 0.0});
  CHECK(entries(array::reverse_time(x)) == std::vector{3.0, 2.0, 1.0, 6.0, 5.0, 4.0});
  CHECK(entries(array::reverse_time(array::next_step(x + x))) == std::vector{0.0, 6.0, 4.0, 0.0, 12.0, 10.0});
  CHECK(entries(array::reverse_time(TestType(array::reverse_time(x)))) == entries(x));
  CHECK(entries(array::reshape(x, 3, 2)) == std::vector{1.0, 2.0, 3.0, 4.0, 5.0, 6.0});  // row-major on every type
  const TestType t = array::transpose(x);
  CHECK(entries(t) == std::vector{1.0, 4.0, 2.0, 5.0, 3.0, 6.0});
  const std::vector<TestType> parts{x, TestType(array::row_slice(x, 0, 1))};
  CHECK(entries(array::stack_rows(x, parts)) == std::vector{1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1.0, 2.0, 3.0});
  CHECK(entries(array::full(x, 1, 2, 0.5)) == std::vector{0.5, 0.5});
}

TEMPLATE_TEST_CASE("the linear recurrence is its definition, also past a block of rows and into any buffer", "",
                   RTO_ARRAY_TYPES) {
  constexpr std::int64_t n = 19, steps = 7;
  std::vector<double> b, a;
  for (std::int64_t k = 0; k < n * steps; ++k) b.push_back(std::sin(double(k))), a.push_back(std::cos(3.0 * double(k)));
  std::vector<double> want(b);
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t t = steps - 1; t-- > 0;) {
      const std::size_t k = static_cast<std::size_t>(i * steps + t);
      want[k] += a[k] * want[k + 1];
    }
  const TestType x = make<TestType>(n, b), y = make<TestType>(n, a);
  CHECK(distance(entries(array::linear_recurrence(x, y)), want) <= tolerance<TestType>::identity);
  TestType out(2, 2);  // resized
  array::linear_recurrence(x + 0.0 * x, y, out);
  CHECK(distance(entries(out), want) <= tolerance<TestType>::identity);
  TestType wide = TestType(n, steps + 2);
  array::linear_recurrence(x, y, wide.middleCols(1, steps));  // into a part of a larger buffer
  const TestType part = wide.middleCols(1, steps);
  CHECK(distance(entries(part), want) <= tolerance<TestType>::identity);
  TestType in_place = x;
  array::linear_recurrence(in_place, y, in_place);
  CHECK(distance(entries(in_place), want) <= tolerance<TestType>::identity);
  CHECK_THROWS_AS(array::linear_recurrence(x, TestType(n, steps - 1)), std::invalid_argument);
}

TEMPLATE_TEST_CASE("gather and take read by index and refuse what is out of range", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(2, {1, 2, 3, 4, 5, 6});
  const auto index = [&](std::vector<std::int64_t> k, std::int64_t rows) {
    return array::index_from_host(x, k, rows, static_cast<std::int64_t>(k.size()) / rows);
  };
  CHECK(entries(array::gather(x, index({2, 0, 1, 1}, 2))) == std::vector{3.0, 1.0, 5.0, 5.0});
  CHECK_THROWS_AS(array::gather(x, index({3, 0}, 2)), std::invalid_argument);
  CHECK_THROWS_AS(array::gather(x, index({0, -1}, 2)), std::invalid_argument);
  const TestType v = column<TestType>({10, 20, 30});
  CHECK(entries(array::take(v, index({2, -1, 0, 1}, 2))) == std::vector{30.0, 0.0, 10.0, 20.0});
  CHECK_THROWS_AS(array::take(v, index({3}, 1)), std::invalid_argument);
}

TEMPLATE_TEST_CASE("host buffers are row-major whatever the array's own order, and sizes are checked", "",
                   RTO_ARRAY_TYPES) {
  const std::vector<double> data{1, 2, 3, 4, 5, 6};
  const TestType x = make<TestType>(2, data);
  CHECK(array::item(array::sum(array::time_slice(array::row_slice(x, 0, 1), 1, 2))) == 2);
  CHECK(array::to_host(x) == data);
  CHECK_THROWS_AS(array::from_host(x, data, 2, 2), std::invalid_argument);
  CHECK_THROWS_AS(array::index_from_host(x, std::vector<std::int64_t>{1}, 1, 2), std::invalid_argument);
}

TEMPLATE_TEST_CASE("row- and column-major arrays mix in one formula", "", float, double) {
  using rows_first = eigen_array<TestType>;
  using columns_first = Eigen::Array<TestType, Eigen::Dynamic, Eigen::Dynamic>;
  const rows_first x = make<rows_first>(2, {1, 2, 3, 4, 5, 6});
  const columns_first y = make<columns_first>(2, {6, 5, 4, 3, 2, 1});
  STATIC_REQUIRE(GoesWith<columns_first, rows_first>);
  const rows_first z = array::select(array::where_le(x, y, 0.0, x), x - y, 0.0);
  CHECK(entries(rows_first(x + y)) == std::vector(6, 7.0));
  CHECK(array::rows(z) == 2);
}
