#include <cmath>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/returns.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// A ragged batch of three rows, lengths 4, 2 and 0, with NaN in the padding.
template <class A> struct batch {
  A mask = make<A>(3, {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0});
  A reward = make<A>(3, {0.5, -1.25, 2, 0.75, 1.5, -0.25, not_a_number, not_a_number, not_a_number, not_a_number,
                         not_a_number, not_a_number});
  A value = make<A>(3, {0.25, 1, -0.5, 2, -1, 0.5, not_a_number, not_a_number, not_a_number, not_a_number, not_a_number,
                        not_a_number});
  A bootstrap = column<A>({3, -2, not_a_number});
};

// From the definition, O(T^2): A_t = sum_k (gamma lambda)^k delta_{t+k}.
std::vector<double> by_definition(const batch<eigen_array<double>>& b, double gamma, double lambda, bool bootstrapped) {
  std::vector<double> out;
  for (Eigen::Index row = 0; row < b.mask.rows(); ++row) {
    const Eigen::Index n = static_cast<Eigen::Index>(b.mask.row(row).sum());
    const auto delta = [&](Eigen::Index t) {
      const double beyond = bootstrapped ? b.bootstrap(row, 0) : 0;
      return b.reward(row, t) + gamma * (t + 1 < n ? b.value(row, t + 1) : beyond) - b.value(row, t);
    };
    for (Eigen::Index t = 0; t < b.mask.cols(); ++t) {
      double sum = 0;
      for (Eigen::Index k = t; k < n; ++k) sum += std::pow(gamma * lambda, static_cast<double>(k - t)) * delta(k);
      out.push_back(sum);
    }
  }
  return out;
}

}  // namespace

TEMPLATE_TEST_CASE("advantages equal the sum of discounted temporal differences", "", RTO_ARRAY_TYPES) {
  const batch<TestType> b;
  const batch<eigen_array<double>> reference;
  for (const double gamma : {0.0, 0.5, 1.0})
    for (const double lambda : {0.0, 0.75, 1.0}) {
      CAPTURE(gamma, lambda);
      const gae_options options{.gamma = gamma, .lambda = lambda};
      const TestType plain = generalized_advantage_estimates(b.reward, b.value, b.mask, options);
      CHECK(distance(entries(plain), by_definition(reference, gamma, lambda, false)) <= tolerance<TestType>::identity);
      const TestType suspended = generalized_advantage_estimates(b.reward, b.value, b.mask, b.bootstrap, options);
      CHECK(distance(entries(suspended), by_definition(reference, gamma, lambda, true)) <=
            tolerance<TestType>::identity);
    }
}

TEST_CASE("advantages by hand") {
  using A = eigen_array<double>;
  const A reward = make<A>(1, {0, 0, 1}), value = make<A>(1, {0.5, 0.5, 0.5}), mask = make<A>(1, {1, 1, 1});
  // delta = 0, 0, 0.5; lambda = 1/2 halves it at every step back.
  const A advantage = generalized_advantage_estimates(reward, value, mask, {.gamma = 1, .lambda = 0.5});
  CHECK(entries(advantage) == std::vector{0.125, 0.25, 0.5});
  CHECK(entries(value_targets(advantage, value, mask)) == std::vector{0.625, 0.75, 1.0});
}

TEMPLATE_TEST_CASE("with lambda = 1 an advantage is the discounted return less the value", "", RTO_ARRAY_TYPES) {
  const batch<TestType> b;
  const TestType advantage = generalized_advantage_estimates(b.reward, b.value, b.mask, {.gamma = 0.9, .lambda = 1});
  CHECK(distance(entries(value_targets(advantage, b.value, b.mask)),
                 entries(discounted_returns(b.reward, b.mask, 0.9))) <= tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("the out forms write what the value forms return, into maps as well", "", RTO_NUMBER_ARRAY_TYPES) {
  using S = typename TestType::Scalar;
  const batch<TestType> b;
  const gae_options options{.gamma = 0.9, .lambda = 0.8};
  const TestType want = generalized_advantage_estimates(b.reward, b.value, b.mask, options);
  std::vector<S> buffer(12, S(7));
  Eigen::Map<eigen_array<S>> map(buffer.data(), 3, 4);
  generalized_advantage_estimates(b.reward, b.value, b.mask, options, map);
  CHECK(distance(entries(map), entries(want)) == 0);

  const TestType with = generalized_advantage_estimates(b.reward, b.value, b.mask, b.bootstrap, options);
  generalized_advantage_estimates(b.reward, b.value, b.mask, b.bootstrap, options, map);
  CHECK(distance(entries(map), entries(with)) == 0);

  TestType targets = want;
  value_targets(targets, b.value, b.mask, targets);  // in place
  CHECK(distance(entries(targets), entries(value_targets(want, b.value, b.mask))) == 0);
}

TEMPLATE_TEST_CASE("advantages accept maps and expressions", "", RTO_NUMBER_ARRAY_TYPES) {
  const batch<TestType> b;
  const TestType want = generalized_advantage_estimates(b.reward, b.value, b.mask);
  const Eigen::Map<const TestType> reward(b.reward.data(), 3, 4);
  CHECK(distance(entries(generalized_advantage_estimates(reward, b.value, b.mask)), entries(want)) == 0);
  const TestType half = b.reward / 2, minus = -b.value;
  CHECK(distance(entries(generalized_advantage_estimates(half + half, -minus, b.mask * b.mask)), entries(want)) == 0);
}

TEMPLATE_TEST_CASE("advantages of empty batches are empty", "", RTO_NUMBER_ARRAY_TYPES) {
  const TestType none(0, 4), no_time(3, 0);
  CHECK(generalized_advantage_estimates(none, none, none).rows() == 0);
  CHECK(generalized_advantage_estimates(no_time, no_time, no_time).cols() == 0);
}

TEMPLATE_TEST_CASE("a single step is its temporal difference", "", RTO_ARRAY_TYPES) {
  const TestType reward = column<TestType>({2, 5}), value = column<TestType>({0.5, 1}), mask = column<TestType>({1, 1});
  CHECK(entries(generalized_advantage_estimates(reward, value, mask)) == std::vector{1.5, 4.0});
}

TEMPLATE_TEST_CASE("advantages refuse wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const batch<TestType> b;
  const TestType narrow = make<TestType>(3, {1, 1, 1});
  CHECK_THROWS_AS(generalized_advantage_estimates(b.reward, narrow, b.mask), std::invalid_argument);
  CHECK_THROWS_AS(generalized_advantage_estimates(b.reward, b.value, narrow), std::invalid_argument);
  CHECK_THROWS_AS(generalized_advantage_estimates(b.reward, b.value, b.mask, b.value, {}), std::invalid_argument);
  CHECK_THROWS_AS(value_targets(b.reward, narrow, b.mask), std::invalid_argument);
  for (const double bad : {-0.1, 1.1, not_a_number}) {
    CHECK_THROWS_AS(generalized_advantage_estimates(b.reward, b.value, b.mask, {.gamma = bad}), std::domain_error);
    CHECK_THROWS_AS(generalized_advantage_estimates(b.reward, b.value, b.mask, {.lambda = bad}), std::domain_error);
    CHECK_THROWS_AS(discounted_returns(b.reward, b.mask, bad), std::domain_error);
  }
}
