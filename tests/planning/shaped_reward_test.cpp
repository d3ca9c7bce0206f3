#include <array>
#include <vector>

#include <rto/mdp/token_tree.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/shaped_reward.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

const std::vector<double> coefficients{0, 0.01, 0.3, 3, 1e4, -minus_infinity};

// Shapes r by a random potential on one model and checks what must stay and what must move.
template <class Mdp> void check_invariance(const Mdp& mdp, const table& reference, boost::random::mt19937_64& rng) {
  const table reward = random_table(mdp.states(), mdp.actions(), rng),
              potential = random_table(mdp.states(), 1, rng, 2);
  const table shaped = rto::shaped_reward(mdp, reward, potential);
  const table policy = rto::policy_from_logits(table(reference + random_table(mdp.states(), mdp.actions(), rng)));
  for (const double beta : coefficients) {
    CAPTURE(beta);
    const auto plain = rto::plan(mdp, reference, reward, {beta}), moved = rto::plan(mdp, reference, shaped, {beta});
    CHECK(distance(rto::probabilities(moved.log_policy), rto::probabilities(plain.log_policy)) <=
          (beta > 0 && beta < 0.1 ? 100 : 1) * tolerance<table>::cross_backend);  // q / beta carries q's rounding
    CHECK(distance(moved.value, table(plain.value - potential)) <= tolerance<table>::cross_backend);
    if (beta == -minus_infinity) continue;
    const auto worth = rto::evaluate_policy(mdp, policy, reference, reward, beta);
    const auto moved_worth = rto::evaluate_policy(mdp, policy, reference, shaped, beta);
    CHECK(distance(moved_worth.value, table(worth.value - potential)) <= tolerance<table>::cross_backend);
  }
  // What is not a potential does change the optimum.
  const table other =
      rto::plan(mdp, reference, table(reward + random_table(mdp.states(), mdp.actions(), rng)), {0.3}).log_policy;
  CHECK(distance(rto::probabilities(other), rto::probabilities(rto::plan(mdp, reference, reward, {0.3}).log_policy)) >
        0.01);
}

}  // namespace

TEST_CASE("potential shaping moves every value by -Psi and no optimal policy, at every KL coefficient") {
  boost::random::mt19937_64 rng(31);
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 3, .eos = 2, .rho = {0.4, 0.6}});
  check_invariance(trie, random_policy(trie.states(), 3, rng, 0.2), rng);
  const rto::complete_token_tree tree(2, 4);
  check_invariance(tree, random_policy(tree.states(), 2, rng), rng);
  const auto mdp = random_mdp(4, 3, 4, rng);
  check_invariance(mdp, random_policy(mdp.states(), 3, rng, 0.2), rng);
}

TEST_CASE("shaped by V* a reward is the implicit reward of its optimal policy, stochastic transitions included") {
  boost::random::mt19937_64 rng(32);
  const auto check = [&](const auto& mdp) {
    const table reference = random_policy(mdp.states(), mdp.actions(), rng);
    const table reward = random_table(mdp.states(), mdp.actions(), rng);
    for (const double beta : {0.05, 0.5, 5.0}) {
      const auto best = rto::plan(mdp, reference, reward, {beta});
      const table implicit = rto::implicit_reward(best.log_policy, reference, beta);
      CHECK(distance(rto::shaped_reward(mdp, reward, best.value), implicit) <= tolerance<table>::cross_backend);
      // Its soft value is 0 in every state: what singles it out among all shapings.
      CHECK(rto::plan(mdp, reference, implicit, {beta}).value.abs().maxCoeff() <= tolerance<table>::cross_backend);
    }
  };
  check(rto::full_trie({.actions = 3, .horizon = 3, .eos = 0}));
  check(rto::complete_token_tree(3, 3, {0.5, 0.5}));
  check(random_mdp(4, 3, 4, rng));
}

TEST_CASE("the reward (4.6) is optimal at the coefficient beta beta_2 / beta_1 of the reward that made pi_dpo") {
  boost::random::mt19937_64 rng(33);
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 3, .eos = 1, .rho = {0.3, 0.7}});
  for (const auto& [beta, beta_1, beta_2] :
       {std::array{0.1, 0.1, 0.03}, std::array{0.5, 0.5, 0.5}, std::array{0.3, 1.0, 0.2}, std::array{1.0, 0.25, 0.5}}) {
    CAPTURE(beta, beta_1, beta_2);
    const table reference = random_policy(trie.states(), 3, rng, 0.2);
    const table reward = random_table(trie.states(), 3, rng);
    const table dpo = rto::plan(trie, reference, reward, {beta}).log_policy;
    const table rto_policy =
        rto::plan(trie, reference, rto::implicit_reward(dpo, reference, beta_1), {beta_2}).log_policy;
    const table expected = rto::plan(trie, reference, reward, {beta * beta_2 / beta_1}).log_policy;
    CHECK(distance(rto::probabilities(rto_policy), rto::probabilities(expected)) <=
          10 * tolerance<table>::cross_backend);
    // Not the optimum at beta itself, unless the coefficients are equal.
    const bool same = distance(rto::probabilities(rto_policy), rto::probabilities(dpo)) <= 1e-3;
    CHECK(same == (beta_1 == beta_2));
  }
}

TEST_CASE("shaped_reward refuses wrong shapes") {
  const rto::complete_token_tree tree(2, 2);
  const table reward = table::Zero(3, 2), potential = table::Zero(3, 1);
  CHECK_THROWS_AS(rto::shaped_reward(tree, table(table::Zero(2, 2)), potential), std::invalid_argument);
  CHECK_THROWS_AS(rto::shaped_reward(tree, reward, table(table::Zero(3, 2))), std::invalid_argument);
}
