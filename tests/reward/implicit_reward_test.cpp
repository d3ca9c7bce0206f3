#include <cmath>

#include <rto/reward/implicit_reward.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE("on a two-step tree the implicit reward of the optimal policy is r + V' - V at every edge") {
  // Two actions, uniform reference, beta = 0.5; V* = beta log mean exp(q / beta), backwards.
  const double beta = 0.5, r[3][2] = {{0.3, -0.2}, {1, 0}, {-1, 0.4}};
  const auto value = [&](double q0, double q1) {
    return beta * std::log(0.5 * std::exp(q0 / beta) + 0.5 * std::exp(q1 / beta));
  };
  const double child[2] = {value(r[1][0], r[1][1]), value(r[2][0], r[2][1])};
  const double q[3][2] = {{r[0][0] + child[0], r[0][1] + child[1]}, {r[1][0], r[1][1]}, {r[2][0], r[2][1]}};
  for (int s = 0; s < 3; ++s)
    for (int a = 0; a < 2; ++a) {
      const double v = value(q[s][0], q[s][1]);
      const double log_policy = std::log(0.5 * std::exp(q[s][a] / beta)) -
                                std::log(0.5 * std::exp(q[s][0] / beta) + 0.5 * std::exp(q[s][1] / beta));
      const double next = s == 0 ? child[a] : 0;
      CHECK(close(implicit_reward(log_policy, std::log(0.5), beta), r[s][a] + next - v, tolerance<double>::identity));
    }
}

TEMPLATE_TEST_CASE("the implicit reward is beta times the log-ratio, and 0 where the reference forbids the action", "",
                   RTO_ARRAY_TYPES) {
  const TestType policy = make<TestType>(2, {-1, -2, -infinity, -0.5}),
                 reference = make<TestType>(2, {-1.5, -1, -infinity, -infinity});
  const TestType reward = implicit_reward(policy, reference, 2);
  CHECK(entries(reward) == std::vector{1.0, -2.0, 0.0, 0.0});
}

TEST_CASE("an action the policy alone forbids has reward minus infinity, which validation reports") {
  CHECK(implicit_reward(-infinity, -1.0, 0.1) == -infinity);
}

TEMPLATE_TEST_CASE("the implicit reward refuses wrong shapes and coefficients", "", RTO_ARRAY_TYPES) {
  const TestType x = make<TestType>(1, {-1, -2}), y = make<TestType>(1, {-1});
  CHECK_THROWS_AS(implicit_reward(x, y, 0.1), std::invalid_argument);
  for (const double bad : {-0.1, infinity, not_a_number})
    CHECK_THROWS_AS(implicit_reward(x, x, bad), std::domain_error);
}
