#include <rto/planning/policy_iteration.hpp>
#include <rto/planning/suboptimality_gap.hpp>

#include <rto/mdp/token_tree.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

constexpr double inf = -minus_infinity;

table row(std::initializer_list<double> values) {
  table x(1, static_cast<Eigen::Index>(values.size()));
  std::copy(values.begin(), values.end(), x.data());
  return x;
}

// The closed form as it is written, on the positive entries.
table literal_step(const table& log_policy, const table& log_reference, const table& q, double beta, double eta) {
  table weight = (log_policy * (1 - eta * beta) + log_reference * (eta * beta) + eta * q).exp();
  for (Eigen::Index i = 0; i < weight.rows(); ++i) weight.row(i) /= weight.row(i).sum();
  return weight.log();
}

}  // namespace

TEST_CASE("one step by hand: from 4 to 1 towards a uniform reference with gains 8 to 1 it is 16 to 1") {
  // eta beta = 1/2, pi = (4, 1)/5, pi_ref uniform, e^(eta q) = (8, 1): weights 2 * 8 to 1.
  const table policy = row({std::log(0.8), std::log(0.2)}), reference = row({std::log(0.5), std::log(0.5)});
  const table next = rto::policy_iteration_step(policy, reference, row({std::log(8.0), 0}), 0.5, 1.0);
  CHECK(std::exp(next(0, 0)) == Approx(16.0 / 17));
  CHECK(std::exp(next(0, 1)) == Approx(1.0 / 17));
}

TEMPLATE_TEST_CASE("a step is the closed form pi^(1 - eta beta) pi_ref^(eta beta) e^(eta q), normalised", "",
                   rto::eigen_array<double>, rto::eigen_array<float>, Eigen::ArrayXXd, Eigen::ArrayXXf) {
  using S = typename TestType::Scalar;
  boost::random::mt19937_64 rng(31);
  for (const double beta : {0.0, 0.2, 1.0, 5.0})
    for (const double eta : {0.01, 0.1, 0.2}) {
      CAPTURE(beta, eta);
      const table policy = random_policy(6, 4, rng), reference = random_policy(6, 4, rng), q = random_table(6, 4, rng);
      const TestType got = rto::policy_iteration_step(TestType(policy.cast<S>()), TestType(reference.cast<S>()),
                                                      TestType(q.cast<S>()), beta, eta);
      CHECK(distance(got, literal_step(policy, reference, q, beta, eta)) <= tolerance<TestType>::cross_backend);
    }
}

TEST_CASE("a step maximises <q, p> - beta KL(p || pi_ref) - (1/eta - beta) KL(p || pi)") {
  boost::random::mt19937_64 rng(32);
  const double beta = 0.7, eta = 0.6;
  const table policy = random_policy(5, 4, rng), reference = random_policy(5, 4, rng), q = random_table(5, 4, rng);
  const auto objective = [&](const table& p) {
    return table((p.exp() * q).rowwise().sum() - beta * rto::kl_divergence(p, reference) -
                 (1 / eta - beta) * rto::kl_divergence(p, policy));
  };
  const table best = objective(rto::policy_iteration_step(policy, reference, q, beta, eta));
  for (int repeat = 0; repeat < 200; ++repeat) {
    const table other = objective(random_policy(5, 4, rng));
    CHECK((best - other).minCoeff() > 0);
  }
}

TEST_CASE("eta = 1/beta is soft policy iteration, which reads the old policy through q alone") {
  boost::random::mt19937_64 rng(33);
  const table reference = random_policy(5, 4, rng, 0.3), q = random_table(5, 4, rng);
  const table policy = random_policy(5, 4, rng, 0.5);
  for (const double beta : {1e-6, 0.1, 1.0 / 3, 0.7, 1e10})
    CHECK(distance(rto::policy_iteration_step(policy, reference, q, beta, 1 / beta),
                   rto::soft_bellman(reference, q, beta).log_policy) == 0);
  CHECK(distance(rto::policy_iteration_step(policy, reference, q, 0.0, inf),
                 rto::soft_bellman(reference, q, 0.0).log_policy) == 0);
}

TEST_CASE("what is forbidden stays forbidden, without NaN, at every step size; only eta = 1/beta brings tokens back") {
  const table reference = row({minus_infinity, std::log(0.5), std::log(0.25), std::log(0.25)});
  const table policy = row({minus_infinity, std::log(0.4), std::log(0.6), minus_infinity});
  const table q = row({minus_infinity, 1, 2, 3});  // the value of a token that is never taken may be anything
  for (const double beta : {0.0, 0.5})
    for (const double eta : {1e-300, 0.1, 1.0, 2.0}) {
      CAPTURE(beta, eta);
      const table next = rto::policy_iteration_step(policy, reference, q, beta, eta);
      CHECK(!next.isNaN().any());
      CHECK(next(0, 0) == minus_infinity);
      CHECK(next.exp().sum() == Approx(1));
      CHECK((next(0, 3) == minus_infinity) == (eta * beta < 1));
    }
}

TEST_CASE("steps are stable where eta q is large and where it is tiny") {
  const table policy = row({std::log(0.25), std::log(0.75)}), q = row({1, 0});
  const table steep = rto::policy_iteration_step(policy, policy, q, 0.0, 1e6);  // e^(1e6) overflows
  CHECK(steep(0, 0) == 0);
  CHECK(steep(0, 1) == Approx(-1e6));
  const table flat = rto::policy_iteration_step(policy, policy, q, 0.0, 1e-12);
  CHECK(flat(0, 0) - policy(0, 0) == Approx(0.75e-12).epsilon(1e-3));
  CHECK(distance(rto::policy_iteration_step(policy, policy, q, 0.0, 1e-320), policy) <= tolerance<table>::identity);
}

TEST_CASE("soft policy iteration is exact after as many sweeps as there are layers, one more layer each sweep") {
  boost::random::mt19937_64 rng(34);
  const std::int64_t horizon = 5;
  const auto mdp = random_mdp(4, 3, horizon, rng);
  const table reference = random_policy(mdp.states(), 3, rng, 0.2), reward = random_table(mdp.states(), 3, rng);
  for (const double beta : {0.0, 0.05, 0.7, 20.0}) {
    CAPTURE(beta);
    const auto best = rto::plan(mdp, reference, reward, {beta});
    const auto after = [&](std::int64_t sweeps) {
      return rto::policy_iteration(mdp, reference, reward,
                                   {.beta = beta, .eta = 1 / beta, .iterations = sweeps, .tolerance = 0});
    };
    const auto exact = after(horizon);
    CHECK(exact.iterations == horizon);
    CHECK(exact.objective.size() == 6);
    CHECK(distance(exact.log_policy, best.log_policy) <= tolerance<table>::cross_backend);
    CHECK(close(exact.objective.back(), best.objective, tolerance<table>::identity));
    if (beta > 0) CHECK(distance(after(2).log_policy, best.log_policy) > 1e-8);  // it is exact early, not at once
    // Layer by layer from the end.
    for (std::int64_t t = 1; t <= horizon; ++t) {
      const std::int64_t from = mdp.layer_begin(horizon - t), n = mdp.states() - from;
      CHECK(distance(table(after(t).log_policy.bottomRows(n)), table(best.log_policy.bottomRows(n))) <=
            tolerance<table>::cross_backend);
    }
  }
}

TEST_CASE("the objective never decreases, and the certified gap is never below the true one") {
  boost::random::mt19937_64 rng(35);
  for (const double beta : {0.0, 0.1, 2.0})
    for (const double share : {0.05, 0.5, 1.0}) {
      CAPTURE(beta, share);
      const auto mdp = random_mdp(4, 3, 4, rng);
      const table reference = random_policy(16, 3, rng, 0.2), reward = random_table(16, 3, rng);
      const auto best = rto::plan(mdp, reference, reward, {beta});
      const double eta = beta == 0 ? 3 * share : share / beta;
      const auto run =
          rto::policy_iteration(mdp, reference, reward, {.beta = beta, .eta = eta, .iterations = 40, .tolerance = 0});
      REQUIRE(run.objective.size() == 41);
      for (std::size_t t = 0; t < run.objective.size(); ++t) {
        if (t > 0) CHECK(run.objective[t] >= run.objective[t - 1] - tolerance<table>::identity);
        CHECK(run.gap_bound[t] >= best.objective - run.objective[t] - tolerance<table>::identity);
      }
    }
}

TEST_CASE("the iteration converges to the optimum from any policy with the support of the reference") {
  boost::random::mt19937_64 rng(36);
  const auto trie = rto::full_trie({.actions = 3, .horizon = 4, .eos = 2, .rho = {0.4, 0.6}});
  const table reference = random_policy(trie.states(), 3, rng, 0.2), reward = random_table(trie.states(), 3, rng);
  const table start = rto::log_softmax(reference + random_table(trie.states(), 3, rng));
  const double beta = 0.3;
  const auto best = rto::plan(trie, reference, reward, {beta});
  const auto run = rto::policy_iteration(trie, start, reference, reward,
                                         {.beta = beta, .eta = 0.4 / beta, .iterations = 500, .tolerance = 1e-14});
  CHECK(run.converged);
  CHECK(run.iterations < 100);
  CHECK(run.gap_bound.back() <= 1e-14);
  CHECK(rto::suboptimality_gap_divergence(trie, best, run.log_policy, beta) <= 1e-14);
  CHECK(close(run.objective.back(), best.objective, tolerance<table>::identity));

  const auto cut = rto::policy_iteration(trie, start, reference, reward,
                                         {.beta = beta, .eta = 0.4 / beta, .iterations = 3, .tolerance = 1e-14});
  CHECK_FALSE(cut.converged);
  CHECK(cut.iterations == 3);
  const auto none = rto::policy_iteration(trie, best.log_policy, reference, reward, {.beta = beta, .iterations = 9});
  CHECK(none.converged);
  CHECK(none.iterations == 0);
}

TEST_CASE("at beta = 0 the greedy step is policy iteration, and exponentiated gradient approaches the same value") {
  boost::random::mt19937_64 rng(37);
  const auto mdp = random_mdp(3, 3, 4, rng);
  const table reference = random_policy(12, 3, rng), reward = random_table(12, 3, rng);
  const auto best = rto::plan(mdp, reference, reward, {0.0});
  const auto greedy = rto::policy_iteration(mdp, reference, reward, {.beta = 0, .eta = inf, .tolerance = 1e-12});
  CHECK(greedy.converged);
  CHECK(greedy.iterations <= 4);
  CHECK(close(greedy.objective.back(), best.objective, tolerance<table>::identity));
  const auto gradual =
      rto::policy_iteration(mdp, reference, reward, {.beta = 0, .eta = 1, .iterations = 2000, .tolerance = 1e-8});
  CHECK(gradual.converged);
  CHECK(gradual.objective.back() == Approx(best.objective).margin(1e-8));
}

TEMPLATE_TEST_CASE("single precision and column-major tables give the run to their precision", "",
                   rto::eigen_array<float>, Eigen::ArrayXXd, Eigen::ArrayXXf) {
  using S = typename TestType::Scalar;
  boost::random::mt19937_64 rng(38);
  const rto::complete_token_tree tree(3, 4);
  const table reference = random_policy(tree.states(), 3, rng, 0.2), reward = random_table(tree.states(), 3, rng);
  const rto::policy_iteration_options options{.beta = 0.5, .eta = 1, .iterations = 10, .tolerance = 0};
  const auto want = rto::policy_iteration(tree, reference, reward, options);
  const auto got = rto::policy_iteration(tree, TestType(reference.cast<S>()), TestType(reward.cast<S>()), options);
  CHECK(distance(got.log_policy, want.log_policy) <= 4 * tolerance<TestType>::cross_backend);
  CHECK(distance(got.objective, want.objective) <= tolerance<TestType>::cross_backend);
}

TEST_CASE("one action: nothing to improve, the gap is certified to be zero at once") {
  const rto::complete_token_tree chain(1, 3);
  const auto run = rto::policy_iteration(chain, table(table::Zero(3, 1)), table(table::Ones(3, 1)), {});
  CHECK(run.objective == std::vector<double>{3});
  CHECK(run.gap_bound == std::vector<double>{0});
  CHECK(run.converged);
}

TEST_CASE("policy iteration refuses step sizes and problems out of their domain") {
  const rto::complete_token_tree tree(2, 2);
  const table reward = table::Zero(3, 2), reference = table::Constant(3, 2, std::log(0.5));
  const auto run = [&](double beta, double eta) {
    return rto::policy_iteration(tree, reference, reward, {.beta = beta, .eta = eta});
  };
  const double nan = std::nan("");
  for (const auto& [beta, eta] : std::vector<std::pair<double, double>>{
           {0.5, 2.001}, {0.5, 0.0}, {0.5, -1.0}, {0.5, nan}, {-0.1, 1.0}, {nan, 1.0}, {inf, 1e-9}, {0.5, inf}}) {
    CAPTURE(beta, eta);
    CHECK_THROWS_AS(run(beta, eta), std::domain_error);
    CHECK_THROWS_AS(rto::policy_iteration_step(reference, reference, reward, beta, eta), std::domain_error);
  }
  CHECK_THROWS_WITH(run(0.5, 2.5), "rto::policy_iteration: need 0 < eta <= 1 / beta, got 2.5");
  CHECK_THROWS_AS(rto::policy_iteration(tree, reference, reward, {.iterations = -1}), std::domain_error);
  CHECK_THROWS_AS(rto::policy_iteration(tree, reference, reward, {.tolerance = nan}), std::domain_error);
  CHECK_THROWS_AS(rto::policy_iteration(tree, table(reference.topRows(2)), reference, reward, {}),
                  std::invalid_argument);
  CHECK_THROWS_AS(rto::policy_iteration_step(reference, reference, table(reward.topRows(2)), 0.5, 1.0),
                  std::invalid_argument);
  table narrow = reference;
  narrow.row(1) << 0, minus_infinity;
  CHECK_THROWS_AS(rto::policy_iteration(tree, reference, narrow, reward, {}), std::domain_error);
  CHECK_NOTHROW(rto::policy_iteration(tree, narrow, reference, reward, {}));
  const rto::eigen_array<float> small = rto::eigen_array<float>::Constant(3, 2, std::log(0.5f));
  CHECK_THROWS_AS(rto::policy_iteration(tree, small, rto::eigen_array<float>(small * 0), {.beta = 1e60, .eta = 1e-60}),
                  std::domain_error);
}
