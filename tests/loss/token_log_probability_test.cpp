#include <cmath>

#include <rto/loss/token_log_probability.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("log-probabilities and entropies by hand", "", RTO_ARRAY_TYPES) {
  const TestType logits = make<TestType>(2, {std::log(1.0), std::log(3.0), std::log(4.0), 5, 5, 5});
  const auto tokens = array::index_from_host(logits, std::vector<std::int64_t>{1, 2}, 2, 1);
  const double tier = tolerance<TestType>::identity, third = 1.0 / 3;
  CHECK(distance(entries(log_softmax(logits)), {std::log(1.0 / 8), std::log(3.0 / 8), std::log(0.5), std::log(third),
                                                std::log(third), std::log(third)}) <= tier);
  CHECK(distance(entries(token_log_probability(logits, tokens)), {std::log(3.0 / 8), std::log(third)}) <= tier);
  const double entropy = std::log(8.0) / 8 + 3 * std::log(8.0 / 3) / 8 + std::log(2.0) / 2;
  CHECK(distance(entries(token_entropy(logits)), {entropy, std::log(3.0)}) <= tier);
}

TEMPLATE_TEST_CASE("forbidden tokens and extreme logits are no trouble", "", RTO_ARRAY_TYPES) {
  const TestType logits = make<TestType>(3, {0, -infinity, 0, 700, -700, -700, -infinity, -infinity, 1e4});
  const std::vector<double> log_prob = entries(log_softmax(logits));
  CHECK(distance(log_prob, {std::log(0.5), -infinity, std::log(0.5), 0, -1400, -1400, -infinity, -infinity, 0}) <=
        tolerance<TestType>::identity);
  CHECK(distance(entries(token_entropy(logits)), {std::log(2.0), 0, 0}) <= tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("a sequence log-probability is the sum over valid tokens", "", RTO_ARRAY_TYPES) {
  const TestType mask = make<TestType>(2, {1, 1, 0, 0, 0, 0});
  const TestType log_prob = make<TestType>(2, {-1, -2.5, not_a_number, not_a_number, not_a_number, not_a_number});
  CHECK(entries(sequence_log_probability(log_prob, mask)) == std::vector{-3.5, 0.0});
  CHECK_THROWS_AS(sequence_log_probability(log_prob, make<TestType>(1, {1, 1})), std::invalid_argument);
}

TEMPLATE_TEST_CASE("a mean log-probability is the sum over valid tokens by their number, 0 of an empty answer", "",
                   RTO_ARRAY_TYPES) {
  const double x = not_a_number;
  const TestType mask = make<TestType>(3, {1, 1, 0, 1, 1, 1, 0, 0, 0});
  const TestType log_prob = make<TestType>(3, {-1, -2.5, x, -3, -1, -0.5, x, x, x});
  CHECK(distance(entries(mean_log_probability(log_prob, mask)), {-1.75, -1.5, 0}) <= tolerance<TestType>::identity);
  CHECK_THROWS_AS(mean_log_probability(log_prob, make<TestType>(1, {1, 1})), std::invalid_argument);
}

TEST_CASE("the gradient of a token's log-probability is its indicator less the policy") {
  using A = eigen_array<double>;
  const A logits = make<A>(2, {0.3, -1, 2, 700, 1, -700});
  const A pi = log_softmax(logits).exp();
  const auto tokens = array::index_from_host(logits, std::vector<std::int64_t>{2, 0}, 2, 1);
  const eigen_array<dual6> got = token_log_probability(variables<dual6>(logits), tokens);
  for (int row = 0; row < 2; ++row)
    for (int k = 0; k < 6; ++k) {
      const bool own = k / 3 == row;
      const double want = own ? (k % 3 == tokens(row, 0) ? 1.0 : 0.0) - pi(row, k % 3) : 0.0;
      CHECK(close(got(row, 0).derivatives()(k), want, tolerance<double>::identity));
    }
  // entropy: d/dz_v = -pi_v (log pi_v + entropy)
  const eigen_array<dual6> entropy = token_entropy(variables<dual6>(logits));
  for (int k = 0; k < 3; ++k)
    CHECK(close(entropy(0, 0).derivatives()(k), -pi(0, k) * (std::log(pi(0, k)) + entropy(0, 0).value()),
                tolerance<double>::identity));
}

TEMPLATE_TEST_CASE("token ids out of range and wrong shapes are refused", "", RTO_NUMBER_ARRAY_TYPES) {
  const TestType logits = make<TestType>(2, {0, 1, 2, 3});
  const auto ids = [&](std::vector<std::int64_t> k) {
    return array::index_from_host(logits, k, static_cast<std::int64_t>(k.size()), 1);
  };
  CHECK_THROWS_AS(token_log_probability(logits, ids({0, 2})), std::invalid_argument);
  CHECK_THROWS_AS(token_log_probability(logits, ids({0, -1})), std::invalid_argument);
  CHECK_THROWS_AS(token_log_probability(logits, ids({0})), std::invalid_argument);
}
