#include <rto/algorithm/group_policy_step.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// Two prompts with two answers each; lengths 2, 1, 2, 2. Returns (rewards 3, 1, 2, -2 at the last token, less 0.5 times
// the log-ratios' sums 1, 0, 2, 0): 2.5, 1, 1, -2.
template <class A> token_reward_inputs<A> four_answers() {
  const double x = not_a_number;
  token_reward_inputs<A> in{};
  in.mask = make<A>(4, {1, 1, 1, 0, 1, 1, 1, 1});
  in.log_policy = make<A>(4, {-1, -1, -2, x, -1, -2, -3, -1});
  in.log_reference = make<A>(4, {-1.5, -1.5, -2, x, -2, -3, -2, -2});
  in.sequence_reward = column<A>({3, 1, 2, -2});
  return in;
}

token_policy_options unwhitened() {
  token_policy_options options;
  options.reward = ppo_reward(0.5);
  options.whitening.reset();
  return options;
}

}  // namespace

TEMPLATE_TEST_CASE("group advantages of answers by hand: leave-one-out, mean, greedy", "", RTO_ARRAY_TYPES) {
  using A = TestType;
  const auto in = four_answers<A>();
  const double tier = tolerance<A>::identity;
  const auto rloo = estimate_group_advantages(in, unwhitened(), 2);
  CHECK(distance(entries(rloo.targets.advantage), {1.5, 1.5, -1.5, 0, 3, 3, -3, -3}) <= tier);
  CHECK(entries(rloo.targets.value_target) == std::vector<double>(8, 0.0));
  CHECK(entries(rloo.targets.old_value) == std::vector<double>(8, 0.0));
  CHECK(distance(entries(array::row_sum(rloo.reward)), {2.5, 1, 1, -2}) <= tier);

  const auto grpo =
      estimate_group_advantages(in, unwhitened(), 2, {.baseline = group_baseline::mean, .divide_by_deviation = false});
  CHECK(distance(entries(grpo.targets.advantage), {0.75, 0.75, -0.75, 0, 1.5, 1.5, -1.5, -1.5}) <= tier);

  const auto remax = estimate_greedy_baseline_advantages(in, unwhitened(), 2, column<A>({2, -1}));
  CHECK(distance(entries(remax.targets.advantage), {0.5, 0.5, -1, 0, 2, 2, -1, -1}) <= tier);
}

TEMPLATE_TEST_CASE("group advantages are whitened over tokens where asked for", "", RTO_ARRAY_TYPES) {
  token_policy_options options = unwhitened();
  options.whitening = whitening_options{};
  const auto whitened = estimate_group_advantages(four_answers<TestType>(), options, 2);
  const auto raw = estimate_group_advantages(four_answers<TestType>(), unwhitened(), 2);
  const TestType mask = raw.targets.mask;
  CHECK(distance(entries(whitened.targets.advantage), entries(whiten(raw.targets.advantage, mask))) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("answers that are no multiple of a group are refused", "", RTO_NUMBER_ARRAY_TYPES) {
  const auto in = four_answers<TestType>();
  for (const std::int64_t k : {0, 3, 8, -1})
    CHECK_THROWS_AS(estimate_group_advantages(in, unwhitened(), k), std::invalid_argument);
  CHECK_THROWS_AS(estimate_greedy_baseline_advantages(in, unwhitened(), 2, column<TestType>({1})),
                  std::invalid_argument);
}
