#include <vector>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/planning/delayed_reward.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

const rto::token_trie& small_trie() {
  static const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 4, .eos = 2, .rho = {0.4, 0.6}});
  return trie;
}

// Zeros, ones, and a random table of both.
template <class URBG> std::vector<table> payment_plans(std::int64_t rows, std::int64_t cols, URBG& rng) {
  table random = random_table(rows, cols, rng);
  for (Eigen::Index k = 0; k < random.size(); ++k) random.data()[k] = random.data()[k] > 0 ? 1 : 0;
  return {table::Zero(rows, cols), table::Ones(rows, cols), random};
}

}  // namespace

TEST_CASE("a delayed reward by hand, on the path 0 1 of a binary tree") {
  const rto::complete_token_tree tree(2, 2);  // rows: root, after 0, after 1
  table reward(3, 2), pays = table::Zero(3, 2);
  reward << 1, 2, 10, 20, 100, 200;
  const auto late = rto::delay_reward(tree, reward, pays);
  CHECK(rto::array::to_host(late.reward) == std::vector<double>{0, 0, 11, 21, 102, 202});
  CHECK(rto::array::to_host(late.pending) == std::vector<double>{0, 1, 2});
  pays(0, 1) = 1;  // token 1 ends a segment
  const auto segments = rto::delay_reward(tree, reward, pays);
  CHECK(rto::array::to_host(segments.reward) == std::vector<double>{0, 2, 11, 21, 100, 200});
  CHECK(rto::array::to_host(segments.pending) == std::vector<double>{0, 1, 0});
}

TEST_CASE(
    "however late a reward is paid, every trajectory has its total, and a payment is the sum since the last one") {
  boost::random::mt19937_64 rng(41);
  const rto::token_trie& trie = small_trie();
  const table reward = random_table(trie.states(), 3, rng);
  for (const table& pays : payment_plans(trie.states(), 3, rng)) {
    const auto late = rto::delay_reward(trie, reward, pays);
    for (const auto& path : all_trajectories(trie)) {
      CHECK(close(path.sum(late.reward), path.sum(reward), tolerance<table>::identity));
      double owed = 0;
      for (std::size_t t = 0; t < path.edges.size(); ++t) {
        const auto [node, token] = path.edges[t];
        CHECK(close(late.pending(node, 0), owed, tolerance<table>::identity));
        owed += reward(node, token);
        const bool due = pays(node, token) == 1 || t + 1 == path.edges.size();
        CHECK(close(late.reward(node, token), due ? owed : 0, tolerance<table>::identity));
        if (due) owed = 0;
      }
    }
  }
}

TEST_CASE("RTO and DPPO are one objective with one optimum, and their exact critics differ by what is pending") {
  boost::random::mt19937_64 rng(42);
  const rto::token_trie& trie = small_trie();
  const table reference = random_policy(trie.states(), 3, rng, 0.2);
  const table dpo = rto::plan(trie, reference, random_table(trie.states(), 3, rng), {0.1}).log_policy;
  const table implicit = rto::implicit_reward(dpo, reference, 0.1);
  const double beta_2 = 0.03, tier = tolerance<table>::cross_backend;
  const auto best = rto::plan(trie, reference, implicit, {beta_2});
  for (const table& pays : payment_plans(trie.states(), 3, rng)) {
    const auto late = rto::delay_reward(trie, implicit, pays);
    const auto late_best = rto::plan(trie, reference, late.reward, {beta_2});
    CHECK(close(late_best.objective, best.objective, tier));
    CHECK(distance(rto::probabilities(late_best.log_policy), rto::probabilities(best.log_policy)) <= 10 * tier);
    for (int k = 0; k < 5; ++k) {
      const table policy = rto::policy_from_logits(table(reference + random_table(trie.states(), 3, rng)));
      const auto worth = rto::evaluate_policy(trie, policy, reference, implicit, beta_2);
      const auto late_worth = rto::evaluate_policy(trie, policy, reference, late.reward, beta_2);
      CHECK(close(late_worth.objective, worth.objective, tier));
      CHECK(distance(late_worth.value, table(worth.value + late.pending)) <= tier);

      // GAE along every trajectory, charge included: the same for every lambda.
      const table charge = beta_2 * (policy - reference);
      for (const auto& path : all_trajectories(trie)) {
        if (path.sum(reference) == minus_infinity) continue;
        const auto n = static_cast<Eigen::Index>(path.edges.size());
        table r(1, n), r_late(1, n), v(1, n), v_late(1, n);
        for (Eigen::Index t = 0; t < n; ++t) {
          const auto [node, token] = path.edges[static_cast<std::size_t>(t)];
          r(0, t) = implicit(node, token) - charge(node, token);
          r_late(0, t) = late.reward(node, token) - charge(node, token);
          v(0, t) = worth.value(node, 0), v_late(0, t) = late_worth.value(node, 0);
        }
        for (const double lambda : {0.0, 0.5, 0.95, 1.0}) {
          const table mask = table::Ones(1, n);
          CHECK(distance(rto::generalized_advantage_estimates(r_late, v_late, mask, {.gamma = 1, .lambda = lambda}),
                         rto::generalized_advantage_estimates(r, v, mask, {.gamma = 1, .lambda = lambda})) <= tier);
        }
      }
    }
  }
}

TEST_CASE("delay_reward refuses wrong shapes") {
  const rto::complete_token_tree tree(2, 2);
  const table reward = table::Zero(3, 2);
  CHECK_THROWS_AS(rto::delay_reward(tree, table(table::Zero(2, 2)), reward), std::invalid_argument);
  CHECK_THROWS_AS(rto::delay_reward(tree, reward, table(table::Zero(3, 1))), std::invalid_argument);
}
