
#include <rto/loss/aggregation.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {
constexpr aggregation all_modes[] = {aggregation::token_mean, aggregation::seq_mean_token_mean,
                                     aggregation::seq_mean_token_sum};
template <class A> A ragged_mask() { return make<A>(3, {1, 1, 1, 0, 0, 0, 1, 0, 0}); }
template <class A> A ragged_loss() {
  return make<A>(3, {1, 2, 6, not_a_number, not_a_number, not_a_number, 5, not_a_number, not_a_number});
}
}  // namespace

TEMPLATE_TEST_CASE("the three aggregations by hand", "", RTO_ARRAY_TYPES) {
  const TestType mask = ragged_mask<TestType>(), loss = ragged_loss<TestType>();
  const auto value = [&](aggregation mode) { return array::item(aggregate(loss, mask, {.mode = mode})); };
  const double tier = tolerance<TestType>::identity;
  CHECK(close(value(aggregation::token_mean), 14.0 / 4, tier));
  CHECK(close(value(aggregation::seq_mean_token_mean), (3.0 + 5.0) / 2, tier));  // the empty row does not count
  CHECK(close(value(aggregation::seq_mean_token_sum), (9.0 + 5.0) / 2, tier));
}

TEMPLATE_TEST_CASE("an aggregate is the sum of weighted token losses, and its weights are its gradient", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  const TestType mask = ragged_mask<TestType>(), loss = ragged_loss<TestType>();
  for (const aggregation mode : all_modes) {
    const std::vector<double> w = entries(aggregation_weights(mask, {.mode = mode})), l = entries(loss);
    double sum = 0;
    for (std::size_t i = 0; i < w.size(); ++i)
      if (w[i] != 0) sum += w[i] * l[i];
    CHECK(close(array::item(aggregate(loss, mask, {.mode = mode})), sum, tolerance<TestType>::identity));
  }
  const eigen_array<double> small_mask = make<eigen_array<double>>(2, {1, 1, 1, 1, 0, 0});
  const eigen_array<double> x = make<eigen_array<double>>(2, {1, -2, 3, 0.5, 0, 0});
  for (const aggregation mode : all_modes) {
    const dual6 total = aggregate(variables<dual6>(x), constants<dual6>(small_mask), {.mode = mode});
    const eigen_array<double> w = aggregation_weights(small_mask, {.mode = mode});
    for (int k = 0; k < 6; ++k) CHECK(close(total.derivatives()(k), w.data()[k], tolerance<double>::identity));
  }
}

TEMPLATE_TEST_CASE("with global counts the losses of micro-batches add up to the loss of the batch", "",
                   RTO_ARRAY_TYPES) {
  const TestType mask = ragged_mask<TestType>(), loss = ragged_loss<TestType>();
  const TestType first = loss.topRows(1), rest = loss.bottomRows(2);
  const TestType first_mask = mask.topRows(1), rest_mask = mask.bottomRows(2);
  for (const aggregation mode : all_modes) {
    const double count = mode == aggregation::token_mean ? 4 : 2;
    const aggregation_options options{.mode = mode, .global_count = count};
    CHECK(close(array::item(aggregate(first, first_mask, options)) + array::item(aggregate(rest, rest_mask, options)),
                array::item(aggregate(loss, mask, {.mode = mode})), tolerance<TestType>::identity));
  }
}

TEMPLATE_TEST_CASE("aggregation refuses another shape and counts that are not positive", "", RTO_ARRAY_TYPES) {
  const TestType mask = ragged_mask<TestType>(), loss = ragged_loss<TestType>();
  CHECK_THROWS_AS(aggregate(make<TestType>(1, {1, 2}), mask), std::invalid_argument);
  for (const aggregation mode : all_modes)
    for (const double bad : {0.0, -1.0, not_a_number}) {
      CHECK_THROWS_AS(aggregate(loss, mask, {.mode = mode, .global_count = bad}), std::domain_error);
      CHECK_THROWS_AS(aggregation_weights(mask, {.mode = mode, .global_count = bad}), std::domain_error);
    }
}
