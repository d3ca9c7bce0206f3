#include <cmath>
#include <random>

#include <rto/advantage/group_advantages.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("group advantages by hand: RLOO, GRPO with and without its deviation, ReMax", "", RTO_ARRAY_TYPES) {
  const TestType returns = make<TestType>(2, {1, 2, 6, 5, 5, 5});
  const auto off = [](const TestType& x, const std::vector<double>& expected) {
    return distance(entries(x), expected) / tolerance<TestType>::identity;
  };
  // RLOO: 1 - (2 + 6)/2, 2 - (1 + 6)/2, 6 - (1 + 2)/2
  CHECK(off(group_advantages(returns, rloo_advantages()), {-3, -1.5, 4.5, 0, 0, 0}) <= 1);
  CHECK(off(group_advantages(returns, {.baseline = group_baseline::mean}), {-2, -1, 3, 0, 0, 0}) <= 1);
  const double d = std::sqrt(7.0) + 1e-4, biased = std::sqrt(14.0 / 3);
  CHECK(off(group_advantages(returns, grpo_advantages()), {-2 / d, -1 / d, 3 / d, 0, 0, 0}) <= 1);
  CHECK(off(group_advantages(returns, {group_baseline::mean, true, false, 0}),
            {-2 / biased, -1 / biased, 3 / biased, 0, 0, 0}) <= 1);
  CHECK(off(greedy_baseline_advantages(returns, column<TestType>({2, 4})), {-1, 0, 4, 1, 1, 1}) <= 1);
  const TestType mask = make<TestType>(2, {1, 1, 0, 1, 0, 0});
  CHECK(off(at_every_token(column<TestType>({2, -3}), mask), {2, 2, 0, -3, 0, 0}) <= 1);
}

TEMPLATE_TEST_CASE("a single answer has nothing to be compared with", "", RTO_ARRAY_TYPES) {
  const TestType returns = make<TestType>(2, {3, -4});
  for (const group_advantage_options& options : {rloo_advantages(), grpo_advantages()})
    CHECK(entries(group_advantages(returns, options)) == std::vector{0.0, 0.0});
}

TEST_CASE("the leave-one-out baseline does not bias the policy gradient, the mean shrinks it by (K - 1) / K") {
  // Two actions, pi(1) = sigma(x): d E[R] / dx = p (1 - p) (R(1) - R(0)); the score of action a is a - p.
  const double p = 0.3, reward[] = {0.5, 2.0};
  const int answers = 4;
  const double truth = p * (1 - p) * (reward[1] - reward[0]);
  double leave_one_out = 0, mean = 0;
  for (int draw = 0; draw < 1 << answers; ++draw) {  // every outcome of K answers with its probability
    eigen_array<double> returns(1, answers);
    double probability = 1;
    for (int k = 0; k < answers; ++k) {
      const int action = draw >> k & 1;
      returns(0, k) = reward[action];
      probability *= action == 1 ? p : 1 - p;
    }
    const eigen_array<double> a = group_advantages(returns),
                              b = group_advantages(returns, {.baseline = group_baseline::mean});
    for (int k = 0; k < answers; ++k) {
      const double score = (draw >> k & 1) - p;
      leave_one_out += probability * a(0, k) * score / answers;
      mean += probability * b(0, k) * score / answers;
    }
  }
  CHECK(leave_one_out == Approx(truth).epsilon(1e-12));
  CHECK(mean == Approx(truth * (answers - 1) / answers).epsilon(1e-12));
}

TEST_CASE("group advantages refuse a negative offset and shapes that do not go together") {
  const eigen_array<double> returns = eigen_array<double>::Ones(2, 3);
  CHECK_THROWS_AS(group_advantages(returns, {.offset = -1}), std::domain_error);
  CHECK_THROWS_AS(greedy_baseline_advantages(returns, returns), std::invalid_argument);
  CHECK_THROWS_AS(at_every_token(returns, returns), std::invalid_argument);
  CHECK(group_advantages(eigen_array<double>(2, 0)).size() == 0);
}
