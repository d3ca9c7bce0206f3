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
    CHECK(on_mdp.objective == Approx(on_tree.objective).epsilon(tolerance<table>::identity));

    const auto evaluated_on_tree = rto::evaluate_policy(tree, on_tree.log_policy, reference, reward, beta);
    const auto evaluated_on_mdp = rto::evaluate_policy(mdp, on_mdp.log_policy, wide_reference, wide_reward, beta);
    CHECK(evaluated_on_tree.objective == Approx(on_tree.objective).epsilon(1e-12));
    CHECK(evaluated_on_mdp.objective == Approx(on_tree.objective).epsilon(1e-12));
  }
  const auto visits = rto::occupancy(tree, policy);
  const auto trie_visits = rto::occupancy(trie, policy);
  const auto mdp_visits = rto::occupancy(mdp, spread_rows(trie, policy, -std::log(3.0)));
  CHECK(distance(visits.visits, trie_visits.visits) == 0);
  CHECK(distance(spread_rows(trie, visits.visits, 0.0), mdp_visits.visits) <= tolerance<table>::identity);
  CHECK(visits.mass == Approx(4));
}
