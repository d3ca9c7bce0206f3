#include <rto/planning/performance_difference.hpp>
#include <rto/planning/suboptimality_gap.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE("the suboptimality gap is beta times the expected divergence from the optimal policy") {
  boost::random::mt19937_64 rng(21);
  for (const double beta : {1e-6, 0.03, 1.0, 30.0, 1e10}) {
    CAPTURE(beta);
    const auto mdp = random_mdp(4, 3, 4, rng);
    const table reference = random_policy(16, 3, rng), policy = random_policy(16, 3, rng);
    const table reward = random_table(16, 3, rng);
    const auto best = rto::plan(mdp, reference, reward, {beta});
    const auto value = rto::evaluate_policy(mdp, policy, reference, reward, beta);
    const double gap = rto::suboptimality_gap(best, value);
    CHECK(gap >= 0);
    const double scale = std::max(std::abs(best.objective), std::abs(value.objective));
    CHECK(std::abs(rto::suboptimality_gap_divergence(mdp, best, policy, beta) - gap) <=
          tolerance<table>::identity * scale);
  }
}

TEST_CASE("the divergence form keeps its digits where the gap is far below the rounding of the objective") {
  // One step, pi = pi* tilted by t: the gap is beta KL, about t^2.
  const rto::finite_mdp<rto::eigen_matrix<double>> bandit(2, 1, {1.0}, {});
  const table reward = table::Zero(1, 2), reference = table::Constant(1, 2, std::log(0.5));
  const auto best = rto::plan(bandit, reference, reward, {1.0});
  for (const double t : {1e-3, 1e-6, 1e-9}) {
    table logits(1, 2);
    logits << t, -t;
    const double gap = rto::suboptimality_gap_divergence(bandit, best, rto::policy_from_logits(logits), 1.0);
    CHECK(gap == Approx(t * t / 2).epsilon(1e-5));
  }
  CHECK(rto::suboptimality_gap_divergence(bandit, best, best.log_policy, 1.0) == 0);
}

TEST_CASE(
    "a policy outside the support is infinitely bad, free of charge at beta = 0, and harmless where not reached") {
  const rto::token_trie trie = rto::full_trie({.actions = 2, .horizon = 2});
  table reference = table::Constant(3, 2, std::log(0.5)), policy = reference;
  reference.row(2) << minus_infinity, 0;
  const table reward = table::Ones(3, 2);
  const auto best = rto::plan(trie, reference, reward, {1.0});
  const auto outside = rto::evaluate_policy(trie, policy, reference, reward, 1.0);
  CHECK(outside.objective == minus_infinity);
  CHECK(outside.kl(2, 0) == -minus_infinity);
  CHECK(outside.action_value(0, 1) == minus_infinity);
  CHECK(outside.action_value(0, 0) == 2);
  CHECK(rto::suboptimality_gap(best, outside) == -minus_infinity);
  CHECK(rto::suboptimality_gap_divergence(trie, best, policy, 1.0) == -minus_infinity);
  CHECK(rto::evaluate_policy(trie, policy, reference, reward, 0.0).objective == 2);
  CHECK_THROWS_AS(rto::performance_difference(trie, policy, reference, reference, reward, 1.0), std::domain_error);

  policy.row(0) << 0, minus_infinity;  // never enters row 2
  const auto inside = rto::evaluate_policy(trie, policy, reference, reward, 1.0);
  CHECK(inside.objective == Approx(2 - std::log(2.0)));
  CHECK(inside.value(2, 0) == minus_infinity);
  const double inf = -minus_infinity;
  CHECK(rto::evaluate_policy(trie, reference, reference, reward, inf).objective == 2);
  CHECK(rto::evaluate_policy(trie, policy, reference, reward, inf).objective == minus_infinity);
}

TEST_CASE("a charge that overflows is infinite, and never a NaN") {
  boost::random::mt19937_64 rng(23);
  const auto trie = rto::full_trie({.actions = 3, .horizon = 3, .eos = 0});
  const table reference = random_policy(trie.states(), 3, rng), reward = random_table(trie.states(), 3, rng);
  table policy = random_policy(trie.states(), 3, rng);
  policy.row(1) << 0, minus_infinity, minus_infinity;  // some states are never reached
  const auto value = rto::evaluate_policy(trie, policy, reference, reward, 1e308);
  CHECK(!value.value.isNaN().any());
  CHECK(!value.action_value.isNaN().any());
  CHECK(value.objective < -1e307);
}

TEST_CASE("Lemma A.2 holds where both policies avoid a state in which they would leave the support") {
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 2});
  table reference = table::Constant(4, 3, -std::log(3.0)), first = reference, second = reference;
  reference.row(2) << minus_infinity, std::log(0.5), std::log(0.5);  // reached by token 1 only
  first.row(0) << std::log(0.9), minus_infinity, std::log(0.1);
  second.row(0) << std::log(0.2), minus_infinity, std::log(0.8);
  table reward(4, 3);
  reward << 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
  const auto terms = rto::performance_difference(trie, first, second, reference, reward, 0.5);
  const double left = rto::evaluate_policy(trie, first, reference, reward, 0.5).objective -
                      rto::evaluate_policy(trie, second, reference, reward, 0.5).objective;
  CHECK(close(terms.action_value_term + terms.kl_term, left, tolerance<table>::identity));
}

TEST_CASE("stochastic transitions carry an infinite charge to the states that can reach it, and to no others") {
  const rto::eigen_matrix<double> p = (rto::eigen_matrix<double>(2, 2) << 0.5, 0.5, 0, 1).finished();
  rto::eigen_matrix<double> both(4, 2);
  both << p.row(0), p.row(0), p.row(1), p.row(1);  // the action does not matter
  const rto::finite_mdp<rto::eigen_matrix<double>> two(2, 2, {0.0, 1.0}, {both});
  table reference = table::Constant(4, 2, std::log(0.5)), policy = reference;
  reference.row(2) << minus_infinity, 0;  // state 0 at the last step
  const auto value = rto::evaluate_policy(two, policy, reference, table::Zero(4, 2), 1.0);
  CHECK(value.value(0, 0) == minus_infinity);  // goes to state 0 half of the time
  CHECK(value.value(1, 0) == 0);               // never goes there: 0 * inf is 0
  CHECK(value.objective == 0);
}

TEST_CASE("Lemma A.2: both sides agree for two random policies, any kernel and beta") {
  boost::random::mt19937_64 rng(22);
  for (const double beta : {0.0, 0.3, 2.0})
    for (int repeat = 0; repeat < 5; ++repeat) {
      CAPTURE(beta, repeat);
      const auto mdp = random_mdp(5, 3, 4, rng);
      const table reference = random_policy(20, 3, rng, 0.3), reward = random_table(20, 3, rng);
      const table first = rto::log_softmax(reference + random_table(20, 3, rng));
      const table second = rto::log_softmax(reference + random_table(20, 3, rng));
      const auto terms = rto::performance_difference(mdp, first, second, reference, reward, beta);
      const double left = rto::evaluate_policy(mdp, first, reference, reward, beta).objective -
                          rto::evaluate_policy(mdp, second, reference, reward, beta).objective;
      CHECK(std::abs(terms.action_value_term + terms.kl_term - left) <= tolerance<table>::identity);
      // The values must be those of the second policy: with those of the first the sum misses.
      const auto value = rto::evaluate_policy(mdp, first, reference, reward, beta);
      const table confused = (value.action_value * (first.exp() - second.exp())).rowwise().sum();
      CHECK(std::abs(rto::expected_sum(rto::occupancy(mdp, first).visits, confused) - terms.action_value_term) > 1e-6);
    }
}
