#include <cmath>

#include <rto/loss/sft_loss.hpp>
#include <rto/loss/token_log_probability.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {
template <class A> A answers_mask() { return make<A>(2, {1, 1, 1, 1, 0, 0}); }
template <class A> A answers() { return make<A>(2, {-1, -2, -3, -6, not_a_number, not_a_number}); }
}  // namespace

TEMPLATE_TEST_CASE("sft_loss by hand, in every aggregation", "", RTO_ARRAY_TYPES) {
  const TestType log_prob = answers<TestType>(), mask = answers_mask<TestType>();
  const auto value = [&](aggregation_options options) { return array::item(sft_loss(log_prob, mask, options)); };
  const double tier = tolerance<TestType>::identity;
  CHECK(close(array::item(sft_loss(log_prob, mask)), 3, tier));
  CHECK(close(value({.mode = aggregation::seq_mean_token_mean}), 4, tier));
  CHECK(close(value({.mode = aggregation::seq_mean_token_sum}), 6, tier));
  CHECK(close(value({.global_count = 24}), 0.5, tier));
}

TEMPLATE_TEST_CASE("a uniform model has the loss log vocabulary, so a perplexity of the vocabulary's size", "",
                   RTO_ARRAY_TYPES) {
  const TestType logits = make<TestType>(3, std::vector<double>(15, 2.5));
  const auto tokens = array::index_from_host(logits, std::vector<std::int64_t>{0, 4, 2}, 3, 1);
  const TestType log_prob = token_log_probability(logits, tokens);
  const double loss = array::item(sft_loss(log_prob, column<TestType>({1, 1, 1})));
  CHECK(close(std::exp(loss), 5, tolerance<TestType>::identity));
}

TEST_CASE("the gradient of sft_loss is minus the weights") {
  using A = eigen_array<double>;
  const A mask = answers_mask<A>(), log_prob = answers<A>();
  for (const aggregation mode :
       {aggregation::token_mean, aggregation::seq_mean_token_mean, aggregation::seq_mean_token_sum}) {
    const dual6 loss = sft_loss(variables<dual6>(log_prob), constants<dual6>(mask), {.mode = mode});
    const A weights = aggregation_weights(mask, {.mode = mode});
    for (int k = 0; k < 6; ++k) CHECK(close(loss.derivatives()(k), -weights.data()[k], tolerance<double>::identity));
  }
}

TEMPLATE_TEST_CASE("sft_loss refuses another shape and counts that are not positive", "", RTO_ARRAY_TYPES) {
  const TestType log_prob = answers<TestType>(), mask = answers_mask<TestType>();
  CHECK_THROWS_AS(sft_loss(log_prob, make<TestType>(1, {1, 1})), std::invalid_argument);
  CHECK_THROWS_AS(sft_loss(log_prob, mask, {.global_count = 0}), std::domain_error);
}
