#include <rto/algorithm/unknown_transitions.hpp>

#include <cmath>
#include <span>
#include <vector>

#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/theory/feature_evaluation.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

using mat = eigen_matrix<double>;
using model = finite_mdp<mat>;
using path = visited_trajectory<step_state>;

// Candidates that mix the truth (candidate 0) with random kernels, more and more.
struct instance {
  std::vector<model> candidates;
  table log_reference, features;
  mat theta;  // theta*
  linear_reward_set<table> rewards;
  std::vector<table> policies;

  explicit instance(unsigned seed, double radius = 0.3, double beta = 0.5) {
    boost::random::mt19937 rng(seed);
    const auto draw = [&] { return mat(random_policy(6, 3, rng).exp().matrix()); };
    const std::vector<mat> truth{draw(), draw()};
    for (int k = 0; k < 6; ++k) {
      std::vector<mat> p;
      for (const mat& t : truth) p.push_back((1 - 0.15 * k) * t + 0.15 * k * draw());
      candidates.emplace_back(2, 3, std::vector<double>{0.2, 0.3, 0.5}, p);
    }
    log_reference = random_policy(9, 2, rng);
    features = random_table(18, 3, rng, 0.5);
    theta = random_table(3, 1, rng).matrix();
    const mat x = random_table(12, 3, rng).matrix();
    const auto covariance = make_regularized_covariance(x, 0.5);
    // An estimate on the boundary of the event.
    const mat direction = random_table(3, 1, rng).matrix();
    const double length = std::sqrt((direction.transpose() * covariance.matrix * direction)(0, 0));
    rewards = {features, theta + radius / length * direction, covariance, radius, beta};
    for (const model& m : candidates)
      policies.push_back(plan(m, log_reference, reward_of(rewards.theta), {beta}).log_policy);
    policies.push_back(plan(candidates[0], log_reference, reward_of(theta), {beta}).log_policy);  // pi*
    policies.push_back(log_reference);
  }
  table reward_of(const mat& t) const { return (features.matrix() * t).array().reshaped<Eigen::RowMajor>(9, 2); }
  double value(const model& m, const table& log_policy, const mat& t) const {
    return evaluate_policy(m, log_policy, log_reference, reward_of(t), rewards.beta).objective;
  }
  std::span<const model> kernels() const { return candidates; }
  std::span<const table> list() const { return policies; }
  likelihood_confidence_set set_of(std::vector<double> l, double zeta) const {
    return make_likelihood_confidence_set(std::move(l), zeta);
  }
};

}  // namespace

TEST_CASE("The doubly pessimistic value is the least over kernels of the set and rewards of the ellipsoid") {
  const instance in(1);
  const auto set = in.set_of({-1, -2, -5, -1.5, -9, -1}, 2);
  REQUIRE(set.members == std::vector<std::int64_t>{0, 1, 3, 5});
  const auto values = evaluate_doubly_pessimistic(in.kernels(), set, in.list(), in.log_reference, in.rewards);
  boost::random::mt19937 rng(2);
  for (std::size_t i = 0; i < in.policies.size(); ++i) {
    double least = 1e9;
    for (const std::int64_t k : set.members) {
      const model& m = in.candidates[static_cast<std::size_t>(k)];
      // The worst reward, and many others.
      const mat expected = evaluate_features(m, in.policies[i], in.features).expectation;
      const mat towards = in.rewards.covariance.matrix.ldlt().solve(expected);
      const double norm = std::sqrt((expected.transpose() * towards)(0, 0));
      const double worst = in.value(m, in.policies[i], mat(in.rewards.theta - in.rewards.radius / norm * towards));
      CHECK(values.value(static_cast<Eigen::Index>(i), k) == Approx(worst).epsilon(1e-12));
      least = std::min(least, worst);
      for (int trial = 0; trial < 20; ++trial) {
        const mat direction = random_table(3, 1, rng).matrix();
        const double length = std::sqrt((direction.transpose() * in.rewards.covariance.matrix * direction)(0, 0));
        CHECK(in.value(m, in.policies[i], mat(in.rewards.theta + in.rewards.radius / length * direction)) >=
              worst - 1e-12);
      }
    }
    CHECK(values.pessimistic_value[i] == Approx(least).epsilon(1e-12));
    CHECK(values.pessimistic_value[i] <= values.pessimistic_value[static_cast<std::size_t>(values.best_policy)]);
  }
}

TEST_CASE("On the event the doubly pessimistic value is below the true one, and the bound holds for every comparator") {
  for (unsigned seed = 10; seed < 60; ++seed) {
    const instance in(seed, 0.05 + 0.02 * seed, seed % 3 == 0 ? 0.0 : 0.4);
    const auto set = in.set_of({-3, -2, -1, -4, -2, -9}, 4);
    const auto values = evaluate_doubly_pessimistic(in.kernels(), set, in.list(), in.log_reference, in.rewards);
    const auto true_value = [&](std::size_t i) { return in.value(in.candidates[0], in.policies[i], in.theta); };
    const double chosen = true_value(static_cast<std::size_t>(values.best_policy));
    for (std::size_t i = 0; i < in.policies.size(); ++i) {
      CHECK(values.pessimistic_value[i] <= true_value(i) + 1e-12);
      const auto bound = bound_unknown_transitions(in.kernels(), set, 0, in.policies[i], in.log_reference, in.rewards);
      CHECK(bound.coverage >= 0);
      CHECK(bound.transition_error >= 0);
      CHECK(true_value(i) - chosen <= bound.total() + 1e-12);
    }
  }
}

TEST_CASE("With the true kernel alone in the set the bound is that of Theorem B.1 without reference vector") {
  const instance in(3);
  const auto set = in.set_of({0, -9, -9, -9, -9, -9}, 1);
  const auto bound = bound_unknown_transitions(in.kernels(), set, 0, in.policies[6], in.log_reference, in.rewards);
  CHECK(bound.transition_error == 0);
  const mat expected = evaluate_features(in.candidates[0], in.policies[6], in.features).expectation;
  const double norm = std::sqrt((expected.transpose() * in.rewards.covariance.matrix.inverse() * expected)(0, 0));
  CHECK(bound.coverage == Approx(2 * in.rewards.radius * norm).epsilon(1e-12));
}

TEST_CASE("The transition error is the largest difference of values over the set and the ellipsoid") {
  const instance in(4);
  const auto set = in.set_of({-1, -1, -1, -1, -9, -1}, 2);
  const auto bound = bound_unknown_transitions(in.kernels(), set, 0, in.policies[6], in.log_reference, in.rewards);
  boost::random::mt19937 rng(5);
  double largest = 0;
  for (const std::int64_t k : set.members) {
    const model& m = in.candidates[static_cast<std::size_t>(k)];
    const mat gap = evaluate_features(in.candidates[0], in.policies[6], in.features).expectation -
                    evaluate_features(m, in.policies[6], in.features).expectation;
    const mat towards = in.rewards.covariance.matrix.ldlt().solve(gap);
    const double norm = std::sqrt((gap.transpose() * towards)(0, 0));
    const mat t = norm > 0 ? mat(in.rewards.theta + in.rewards.radius / norm * towards) : in.rewards.theta;
    largest = std::max(largest, in.value(in.candidates[0], in.policies[6], t) - in.value(m, in.policies[6], t));
  }
  CHECK(bound.transition_error == Approx(largest).epsilon(1e-12));
}

TEST_CASE("With zeta = log(|C| / delta) the true kernel is in the set with probability at least 1 - delta") {
  const instance in(7);
  const double delta = 0.2;
  boost::random::mt19937 rng(8);
  const tabular_sampler behaviour(in.candidates[0], in.log_reference);
  int missed = 0;
  constexpr int draws = 400;
  for (int k = 0; k < draws; ++k) {
    std::vector<path> data;
    for (int i = 0; i < 20; ++i) data.push_back(sample_trajectory(in.candidates[0], behaviour, rng));
    const auto counts = count_transitions(table(), 3, 2, 3, std::span<const path>(data));
    if (!kernel_confidence_set(counts, in.kernels(), finite_class_zeta(6, delta)).contains(0)) ++missed;
  }
  // Four standard errors above delta.
  CHECK(missed <= draws * delta + tolerance<double>::statistical * std::sqrt(draws * delta * (1 - delta)));
}

TEMPLATE_TEST_CASE("Doubly pessimistic values agree on every array type", "", RTO_NUMBER_ARRAY_TYPES) {
  using A = TestType;
  using M = matrix_t<A>;
  const instance in(9);
  std::vector<finite_mdp<M>> candidates;
  for (const model& m : in.candidates) {
    std::vector<M> p;
    for (std::int64_t h = 0; h < 2; ++h) p.push_back(make<A>(6, array::to_host(m.transition(h))).matrix());
    candidates.emplace_back(2, 3, std::vector<double>{0.2, 0.3, 0.5}, p);
  }
  const auto convert = [](const table& x) { return make<A>(x.rows(), array::to_host(x)); };
  std::vector<A> policies;
  for (const table& x : in.policies) policies.push_back(log_softmax(convert(x)));
  const linear_reward_set<A> rewards{
      convert(in.features), convert(in.rewards.theta.array()).matrix(),
      factorize_covariance(M(convert(in.rewards.covariance.matrix.array()).matrix()), 0.5), in.rewards.radius,
      in.rewards.beta};
  const auto set = in.set_of({-1, -2, -5, -1.5, -9, -1}, 2);
  const auto want = evaluate_doubly_pessimistic(in.kernels(), set, in.list(), in.log_reference, in.rewards);
  const auto got =
      evaluate_doubly_pessimistic(std::span<const finite_mdp<M>>(candidates), set, std::span<const A>(policies),
                                  A(log_softmax(convert(in.log_reference))), rewards);
  CHECK(distance(got.value, want.value) <= tolerance<A>::cross_backend);
  CHECK(got.best_policy == want.best_policy);
}

TEST_CASE("Pessimism over unknown transitions rejects sets of another class, empty lists and bad radii") {
  instance in(11);
  const auto set = in.set_of({-1, -2, -5, -1.5, -9, -1}, 2), other = in.set_of({0, 0}, 1);
  const auto run = [&](const likelihood_confidence_set& s, std::span<const table> list) {
    return evaluate_doubly_pessimistic(in.kernels(), s, list, in.log_reference, in.rewards);
  };
  CHECK_THROWS_AS(run(other, in.list()), std::invalid_argument);
  CHECK_THROWS_AS(run(set, {}), std::invalid_argument);
  CHECK_THROWS_AS(bound_unknown_transitions(in.kernels(), set, 6, in.policies[0], in.log_reference, in.rewards),
                  std::invalid_argument);
  in.rewards.radius = -1;
  CHECK_THROWS_AS(run(set, in.list()), std::domain_error);
  in.rewards.radius = infinity;
  CHECK_THROWS_AS(run(set, in.list()), std::domain_error);
}
