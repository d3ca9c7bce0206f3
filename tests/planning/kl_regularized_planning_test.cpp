#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>

#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_tree.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE("one step: the optimal policy is the reference times exp(r / beta), normalised") {
  const rto::complete_token_tree tree(2, 1);
  table reward(1, 2), logits(1, 2);
  reward << 1, 2;
  logits << 0, 0;
  const auto best = rto::plan(tree, rto::policy_from_logits(logits), reward, {.beta = 0.5});
  CHECK(best.objective == Approx(0.5 * std::log(0.5 * (std::exp(2.0) + std::exp(4.0)))));
  CHECK(std::exp(best.log_policy(0, 1) - best.log_policy(0, 0)) == Approx(std::exp(2.0)));
  CHECK(best.action_value(0, 1) == 2);
}

TEST_CASE("the recursion gives the Gibbs distribution over all trajectories") {
  boost::random::mt19937_64 rng(11);
  for (const std::int64_t eos : {-1, 0, 2})
    for (const double beta : {0.05, 0.7, 10.0}) {
      CAPTURE(eos, beta);
      const std::vector<double> rho{0.3, 0.7};
      const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 3, .eos = eos, .rho = rho});
      const table reference = random_policy(trie.states(), 3, rng, 0.2), reward = random_table(trie.states(), 3, rng);
      const auto best = rto::plan(trie, reference, reward, {beta});

      const auto paths = all_trajectories(trie);
      CHECK(paths.size() == (eos == -1 ? 2 * 27u : 2 * (1 + 2 + 3 * 4)));
      std::vector<double> z(rho.size(), 0.0);
      for (const auto& path : paths) z[path.prompt] += std::exp(path.sum(reference) + path.sum(reward) / beta);
      double objective = 0;
      for (std::size_t k = 0; k < rho.size(); ++k) {
        CHECK(close(best.value(static_cast<int>(k), 0), beta * std::log(z[k]), tolerance<double>::identity));
        objective += rho[k] * beta * std::log(z[k]);
      }
      CHECK(close(best.objective, objective, tolerance<double>::identity));
      for (const auto& path : paths)
        CHECK(close(std::exp(path.sum(best.log_policy)),
                    std::exp(path.sum(reference) + path.sum(reward) / beta) / z[path.prompt],
                    tolerance<double>::identity));
    }
}

TEST_CASE("at beta = 0 no deterministic policy does better, and one does as well") {
  boost::random::mt19937_64 rng(12);
  const auto mdp = random_mdp(2, 2, 3, rng);
  const table reference = random_policy(6, 2, rng), reward = random_table(6, 2, rng);
  const auto best = rto::plan(mdp, reference, reward, {0.0});
  double largest = minus_infinity;
  for (int code = 0; code < 64; ++code) {  // one of two actions in each of six states
    table deterministic = table::Constant(6, 2, minus_infinity);
    for (int row = 0; row < 6; ++row) deterministic(row, code >> row & 1) = 0;
    const double value = rto::evaluate_policy(mdp, deterministic, reference, reward, 0).objective;
    CHECK(value <= best.objective + tolerance<double>::identity);
    largest = std::max(largest, value);
  }
  CHECK(close(best.objective, largest, tolerance<double>::identity));
}

TEST_CASE("complete tree, trie and finite MDP give the same plan, evaluation and occupancy") {
  boost::random::mt19937_64 rng(1);
  const std::vector<double> rho{0.25, 0.75};
  const rto::complete_token_tree tree(3, 4, rho);
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 4, .rho = rho});
  const auto mdp = as_finite_mdp(trie);
  REQUIRE(tree.states() == trie.states());
  const table reference = random_policy(tree.states(), 3, rng, 0.2), policy = random_policy(tree.states(), 3, rng);
  const table reward = random_table(tree.states(), 3, rng);
  const table wide_reference = spread_rows(trie, reference, -std::log(3.0));
  const table wide_reward = spread_rows(trie, reward, 0.0);
  for (const double beta : {0.0, 0.1, 3.0, 1e9, -minus_infinity}) {
    CAPTURE(beta);
    const auto on_tree = rto::plan(tree, reference, reward, {beta});
    const auto on_trie = rto::plan(trie, reference, reward, {beta});
    const auto on_mdp = rto::plan(mdp, wide_reference, wide_reward, {beta});
    CHECK(distance(on_tree.value, on_trie.value) == 0);
    CHECK(distance(on_tree.log_policy, on_trie.log_policy) == 0);
    CHECK(distance(spread_rows(trie, on_tree.value, 0.0), on_mdp.value) <= tolerance<table>::identity);
    CHECK(close(on_mdp.objective, on_tree.objective, tolerance<table>::identity));

    const auto evaluated_on_tree = rto::evaluate_policy(tree, on_tree.log_policy, reference, reward, beta);
    const auto evaluated_on_mdp = rto::evaluate_policy(mdp, on_mdp.log_policy, wide_reference, wide_reward, beta);
    CHECK(close(evaluated_on_tree.objective, on_tree.objective, tolerance<table>::identity));
    CHECK(close(evaluated_on_mdp.objective, on_tree.objective, tolerance<table>::identity));
  }
  const auto visits = rto::occupancy(tree, policy);
  const auto trie_visits = rto::occupancy(trie, policy);
  const auto mdp_visits = rto::occupancy(mdp, spread_rows(trie, policy, -std::log(3.0)));
  CHECK(distance(visits.visits, trie_visits.visits) == 0);
  CHECK(distance(spread_rows(trie, visits.visits, 0.0), mdp_visits.visits) <= tolerance<table>::identity);
  CHECK(close(visits.mass, 4, tolerance<table>::identity));
}

TEST_CASE("sparse transitions, and one matrix for all steps, give what dense ones give") {
  boost::random::mt19937_64 rng(13);
  const auto p = random_transitions(5, 3, rng);
  const std::vector<double> start{0.5, 0.25, 0.25, 0, 0};
  using sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;
  const rto::finite_mdp<rto::eigen_matrix<double>> each(3, 4, start, {p, p, p}), once(3, 4, start, {p});
  const rto::finite_mdp<sparse> thin(3, 4, start, {sparse(p.sparseView())});
  const table reference = random_policy(20, 3, rng), reward = random_table(20, 3, rng);
  const auto want = rto::plan(each, reference, reward, {0.4});
  CHECK(distance(rto::plan(once, reference, reward, {0.4}).value, want.value) == 0);
  CHECK(distance(rto::plan(thin, reference, reward, {0.4}).value, want.value) <= tolerance<table>::identity);
  CHECK(distance(rto::occupancy(thin, want.log_policy).visits, rto::occupancy(each, want.log_policy).visits) <=
        tolerance<table>::identity);
}

TEMPLATE_TEST_CASE("single precision and column-major tables give the plan to their precision", "",
                   rto::eigen_array<float>, Eigen::ArrayXXd, Eigen::ArrayXXf) {
  using S = typename TestType::Scalar;
  boost::random::mt19937_64 rng(14);
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 4, .eos = 2});
  const table reference = random_policy(trie.states(), 3, rng, 0.2), reward = random_table(trie.states(), 3, rng);
  const TestType cast_reference = reference.cast<S>(), cast_reward = reward.cast<S>();
  for (const double beta : {0.0, 0.2, 5.0, 1e30, 1e300}) {  // 1e300 is infinite in single precision
    CAPTURE(beta);
    const auto want = rto::plan(trie, reference, reward, {beta});
    const auto got = rto::plan(trie, cast_reference, cast_reward, {beta});
    CHECK(distance(got.value, want.value) <= tolerance<TestType>::cross_backend);
    CHECK(distance(got.log_policy, want.log_policy) <= tolerance<TestType>::cross_backend);
  }
  CHECK(std::isfinite(rto::plan(trie, cast_reference, cast_reward, {1e-60}).objective));
}

TEST_CASE("one action: the policy is certain and the value is the sum of rewards") {
  boost::random::mt19937_64 rng(15);
  const rto::complete_token_tree chain(1, 6);
  const table reward = random_table(6, 1, rng), reference = table::Zero(6, 1);
  for (const double beta : {0.0, 1.0, 1e10}) {
    const auto best = rto::plan(chain, reference, reward, {beta});
    CHECK(close(best.objective, reward.sum(), tolerance<table>::identity));
    CHECK((best.log_policy == 0).all());
  }
}

TEST_CASE("the end-of-sequence token ends with its own reward, as first token too") {
  const rto::token_trie trie = rto::full_trie({.actions = 2, .horizon = 2, .eos = 0});
  REQUIRE(trie.states() == 2);
  table reward(2, 2);
  reward << 5, 1, 2, 3;
  const table reference = table::Constant(2, 2, std::log(0.5));
  const auto best = rto::plan(trie, reference, reward, {0.0});
  CHECK(best.action_value(0, 0) == 5);
  CHECK(best.action_value(0, 1) == 4);
  CHECK(best.objective == 5);
  CHECK(rto::occupancy(trie, best.log_policy).mass == 1);
}

TEST_CASE("planning rejects what is not a problem, naming it") {
  const rto::complete_token_tree tree(2, 2);
  const table reward = table::Zero(3, 2), reference = table::Constant(3, 2, std::log(0.5));
  const auto with = [](table x, double value) {
    x(1, 1) = value;
    return x;
  };
  using rto::test::ContainsSubstring;
  CHECK_THROWS_AS(rto::plan(tree, reference, reward, {-0.5}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(tree, reference, reward, {std::nan("")}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(tree, reference, with(reward, minus_infinity), {1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(tree, reference, with(reward, std::nan("")), {1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(tree, with(reference, std::nan("")), reward, {1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(tree, reference.topRows(2), reward, {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(rto::plan(tree, reference, reward.leftCols(1), {1.0}), std::invalid_argument);
  table forbidden = reference;
  forbidden.row(2).setConstant(minus_infinity);
  CHECK_THROWS_WITH(
      rto::plan(tree, forbidden, reward, {1.0}),
      "rto::validate_policy: need probabilities of log_reference that sum to 1 in every row, got 0 in row 2");
}
