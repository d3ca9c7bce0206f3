#include <rto/reward/token_reward.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// Two answers of lengths 3 and 1, and an empty row; NaN wherever nothing may be read. im = log_dpo - log_reference is
// 0.5, -1, 2 and 0.25; kl = log_policy - log_reference is 0.25, 0.5, -1 and 2.
template <class A> token_reward_inputs<A> batch() {
  const double x = not_a_number;
  return {.mask = make<A>(3, {1, 1, 1, 1, 0, 0, 0, 0, 0}),
          .log_policy = make<A>(3, {-0.75, -1.5, -4, -1, x, x, x, x, x}),
          .log_reference = make<A>(3, {-1, -2, -3, -3, x, x, x, x, x}),
          .log_dpo = make<A>(3, {-0.5, -3, -1, -2.75, x, x, x, x, x}),
          .sequence_reward = column<A>({12, -0.5, x}),
          .score = make<A>(3, {1, 2, 3, 4, x, x, x, x, x}),
          .segment_end = make<A>(3, {0, 1, 0, 0, x, 1, x, 1, x})};  // (1 2) (3), and (1)
}

template <class A> bool gives(const token_reward_recipe& recipe, const std::vector<double>& first, double second) {
  const std::vector<double> want{first[0], first[1], first[2], second, 0, 0, 0, 0, 0};
  return distance(entries(token_reward(batch<A>(), recipe)), want) <= tolerance<A>::identity;
}

}  // namespace

TEMPLATE_TEST_CASE("each named reward by hand", "", RTO_ARRAY_TYPES) {
  using A = TestType;
  CHECK(gives<A>(rto_reward(2, 0.5), {1 - 0.125, -2 - 0.25, 4 + 0.5}, 0.5 - 1));
  CHECK(gives<A>(ppo_reward(0.5), {-0.125, -0.25, 12 + 0.5}, -0.5 - 1));
  CHECK(gives<A>(rto_terminal_reward(2, 0.5, 3), {1 - 0.125, -2 - 0.25, 4 + 0.5 + 36}, 0.5 - 1 - 1.5));
  CHECK(gives<A>(dppo_reward(2, 0.5), {-0.125, -0.25, 2 * 1.5 + 0.5}, 0.5 - 1));
  CHECK(gives<A>(tppo_reward(0.5), {1 - 0.125, 2 - 0.25, 3 + 0.5}, 4 - 1));
  CHECK(gives<A>(rto_release_reward(2, 1.5, 0.5), {1 - 0.125, -1.5 - 0.25, 1.5 + 0.5 + 10}, 0.5 - 1 - 0.5));
  CHECK(gives<A>(rto_release_reward(2, 0, 0.5), {1 - 0.125, -2 - 0.25, 4 + 0.5 + 10}, 0.5 - 1 - 0.5));
  const token_reward_recipe shaped{.implicit = 2, .implicit_placement = reward_placement::shaping, .sequence = 1};
  CHECK(gives<A>(shaped, {1, -2, 4 - 3 + 12}, -0.5));
  CHECK(gives<A>(token_reward_recipe{}, {0, 0, 0}, 0));
  CHECK(gives<A>(semi_rto_reward(2, 0.5), {-0.125, -1 - 0.25, 4 + 0.5}, 0.5 - 1));
  CHECK(gives<A>(rs_ppo_reward(2, 0.5), {1 - 0.125, -2 - 0.25, 4 - 3 + 12 + 0.5}, -0.5 - 1));
}

TEMPLATE_TEST_CASE("RTO and DPPO pay the same in total, shaping pays nothing", "", RTO_ARRAY_TYPES) {
  const auto in = batch<TestType>();
  const auto totals = [&](const token_reward_recipe& recipe) {
    const TestType total = array::row_sum(token_reward(in, recipe));
    return entries(total);
  };
  CHECK(distance(totals(rto_reward(0.3, 0.1)), totals(dppo_reward(0.3, 0.1))) <= tolerance<TestType>::identity);
  const token_reward_recipe shaping{.implicit = 0.3, .implicit_placement = reward_placement::shaping};
  CHECK(distance(totals(shaping), {0, 0, 0}) <= tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("each placement of the score by hand", "", RTO_ARRAY_TYPES) {
  const auto score = [](reward_placement placement) {
    return token_reward_recipe{.score = 2, .score_placement = placement};
  };
  CHECK(gives<TestType>(score(reward_placement::every_token), {2, 4, 6}, 8));
  CHECK(gives<TestType>(score(reward_placement::segment_end), {0, 6, 6}, 8));
  CHECK(gives<TestType>(score(reward_placement::last_token), {0, 0, 12}, 8));
  CHECK(gives<TestType>(score(reward_placement::shaping), {2, 4, 6 - 12}, 0));
}

TEMPLATE_TEST_CASE("segments of one token are every token, one segment is the last token, and totals never change", "",
                   RTO_ARRAY_TYPES) {
  auto in = batch<TestType>();
  const double tier = tolerance<TestType>::identity;
  const auto reward = [&](reward_placement placement) {
    return token_reward(in, {.implicit = 0.3,
                             .implicit_clip = 0.4,
                             .implicit_placement = placement,
                             .score = -0.7,
                             .score_placement = placement,
                             .kl = 0.1});
  };
  const auto total = [](const TestType& x) { return entries(array::row_sum(x)); };
  const TestType dense = reward(reward_placement::every_token), late = reward(reward_placement::last_token);
  CHECK(distance(total(reward(reward_placement::segment_end)), total(dense)) <= tier);
  CHECK(distance(total(late), total(dense)) <= tier);
  in.segment_end = array::full_like(in.mask, 1.0);
  CHECK(distance(reward(reward_placement::segment_end), dense) <= tier);
  in.segment_end = array::full_like(in.mask, 0.0);
  CHECK(distance(reward(reward_placement::segment_end), late) <= tier);
}

TEMPLATE_TEST_CASE("segments are asked for where a recipe uses them, and must be 0 or 1 at valid tokens", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  using number = typename TestType::Scalar;
  auto in = batch<TestType>();
  CHECK_NOTHROW(validate(in));  // what the padding holds is no matter
  for (const double bad : {0.5, -1.0, 2.0, not_a_number, infinity}) {
    in.segment_end(0, 1) = number(bad);
    CHECK_THROWS_AS(validate(in), std::invalid_argument);
  }
  in.segment_end = make<TestType>(1, {1, 1, 1});
  CHECK_THROWS_AS(validate(in), std::invalid_argument);
  CHECK_THROWS_AS(token_reward(in, semi_rto_reward(0.1, 0.1)), std::invalid_argument);
  in.segment_end = TestType();
  CHECK_NOTHROW(validate(in));
  CHECK_NOTHROW(token_reward(in, dppo_reward(0.1, 0.1)));
  CHECK_THROWS_AS(token_reward(in, semi_rto_reward(0.1, 0.1)), std::invalid_argument);
  CHECK_THROWS_AS(token_reward(in, {.score = 1, .score_placement = reward_placement::segment_end}),
                  std::invalid_argument);
}

TEMPLATE_TEST_CASE("the components add up to the reward, and those left out are 0", "", RTO_ARRAY_TYPES) {
  const auto in = batch<TestType>();
  const token_reward_recipe recipe = rto_terminal_reward(0.3, 0.1, 2);
  const token_reward_terms<TestType> terms = token_reward_components(in, recipe);
  const TestType sum = terms.implicit + terms.sequence + terms.score + terms.kl;
  CHECK(distance(entries(sum), entries(token_reward(in, recipe))) == 0);
  CHECK(entries(terms.score) == std::vector<double>(9, 0.0));
  CHECK(array::item(array::sum(array::abs(terms.implicit))) > 0);
}

TEMPLATE_TEST_CASE("a reward asks only for the inputs it uses", "", RTO_NUMBER_ARRAY_TYPES) {
  auto in = batch<TestType>();
  in.sequence_reward = TestType(), in.score = TestType();
  CHECK_NOTHROW(validate(in));
  CHECK_NOTHROW(token_reward(in, rto_reward(0.1, 0.1)));
  CHECK_THROWS_AS(token_reward(in, ppo_reward(0.1)), std::invalid_argument);
  CHECK_THROWS_AS(token_reward(in, tppo_reward(0.1)), std::invalid_argument);
  in.log_dpo = TestType();
  CHECK_THROWS_AS(token_reward(in, rto_reward(0.1, 0.1)), std::invalid_argument);
  CHECK_NOTHROW(token_reward(in, rto_reward(0, 0.1)));  // a coefficient of 0 leaves the term out
}

TEMPLATE_TEST_CASE("validate refuses what is not finite at a valid token, and masks that are no prefix", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  CHECK_NOTHROW(validate(batch<TestType>()));
  const auto broken = [](auto change) {
    auto in = batch<TestType>();
    change(in);
    return in;
  };
  using number = typename TestType::Scalar;
  CHECK_THROWS_AS(validate(broken([](auto& in) { in.log_dpo(0, 1) = number(-infinity); })), std::invalid_argument);
  CHECK_THROWS_AS(validate(broken([](auto& in) { in.score(1, 0) = number(not_a_number); })), std::invalid_argument);
  CHECK_THROWS_AS(validate(broken([](auto& in) { in.sequence_reward(1, 0) = number(infinity); })),
                  std::invalid_argument);
  CHECK_THROWS_AS(validate(broken([](auto& in) { in.mask(0, 0) = number(0); })), std::invalid_argument);
  CHECK_THROWS_AS(validate(broken([](auto& in) { in.log_policy = in.sequence_reward; })), std::invalid_argument);
}

TEST_CASE("coefficients out of their domain are refused") {
  const auto in = batch<eigen_array<double>>();
  for (const token_reward_recipe& bad :
       {rto_reward(-0.1, 0.1), rto_reward(0.1, -0.1), rto_reward(not_a_number, 0), rto_terminal_reward(1, 1, infinity),
        token_reward_recipe{.implicit = 1, .implicit_clip = 0}, token_reward_recipe{.sequence = 1, .sequence_clip = -1},
        token_reward_recipe{.score = not_a_number}})
    CHECK_THROWS_AS(token_reward(in, bad), std::domain_error);
}

TEST_CASE("token rewards are constants for differentiation") {
  auto in = batch<eigen_array<dual>>();
  for (auto* x : {&in.log_dpo, &in.log_policy, &in.log_reference, &in.score, &in.segment_end})
    for (Eigen::Index k = 0; k < x->size(); ++k) x->data()[k].derivatives()(0) = 1;
  const eigen_array<double> slope = slopes(token_reward(in, rto_terminal_reward(1, 1, 1)));
  CHECK(slope.abs().maxCoeff() == 0);
}
