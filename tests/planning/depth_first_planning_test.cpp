#include <rto/planning/depth_first_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>

#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/mdp/trajectory.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

// The least that models TokenMdp: a state without default constructor, comparison or assignment.
class archetype_state {
 public:
  explicit archetype_state(std::int64_t prompt) : row_(prompt), depth_(0) {}
  archetype_state(const archetype_state&) = default;
  archetype_state& operator=(const archetype_state&) = default;

 private:
  friend class archetype_mdp;
  archetype_state(std::int64_t row, std::int64_t depth) : row_(row), depth_(depth) {}
  std::int64_t row_, depth_;
};

// A trie seen through its appends only.
class archetype_mdp {
 public:
  using state_type = archetype_state;
  explicit archetype_mdp(const rto::token_trie& trie) : trie_(&trie) {}
  std::int64_t horizon() const { return trie_->horizon(); }
  std::int64_t actions() const { return trie_->actions(); }
  std::vector<rto::start_state<archetype_state>> start_states() const {
    std::vector<rto::start_state<archetype_state>> starts;
    for (const auto& s : trie_->start_states()) starts.push_back({archetype_state(s.state), s.probability});
    return starts;
  }
  archetype_state append(const archetype_state& s, std::int64_t token) const {
    return {trie_->child(s.row_, token), s.depth_ + 1};
  }
  bool is_terminal(const archetype_state& s) const { return s.row_ < 0; }

  // For the test's tables only.
  std::int64_t row(const archetype_state& s) const { return s.row_; }

 private:
  const rto::token_trie* trie_;
};

static_assert(rto::TokenMdp<archetype_mdp> && rto::GenerativeTokenMdp<archetype_mdp>);
static_assert(!rto::TabularMdp<archetype_mdp, table>);
static_assert(rto::TokenMdp<rto::token_trie> && rto::TabularMdp<rto::token_trie, table>);
static_assert(rto::TokenMdp<rto::complete_token_tree> && rto::TabularMdp<rto::complete_token_tree, table>);
static_assert(rto::GenerativeTokenMdp<rto::finite_mdp<rto::eigen_matrix<double>>>);
static_assert(!rto::TokenMdp<rto::finite_mdp<rto::eigen_matrix<double>>>);
static_assert(!rto::TokenMdp<int> && !rto::GenerativeTokenMdp<table>);

auto entries(const archetype_mdp& mdp, const table& x) {
  return [&mdp, &x](const archetype_state& s, std::int64_t token) { return x(mdp.row(s), token); };
}

}  // namespace

TEST_CASE("a user's own model that is never stored gives what the tables of the same trie give") {
  boost::random::mt19937_64 rng(7);
  const rto::token_trie trie = rto::full_trie({.actions = 3, .horizon = 4, .eos = 1, .rho = {0.125, 0.875}});
  const archetype_mdp mdp(trie);
  const table reference = random_policy(trie.states(), 3, rng, 0.25), policy = random_policy(trie.states(), 3, rng);
  const table reward = random_table(trie.states(), 3, rng);
  for (const double beta : {0.0, 1e-3, 0.4, 50.0, 1e10, -minus_infinity}) {
    CAPTURE(beta);
    const auto stored = rto::plan(trie, reference, reward, {beta});
    const auto walked = rto::plan(mdp, entries(mdp, reference), entries(mdp, reward), {beta});
    CHECK(close(walked.objective, stored.objective, tolerance<table>::identity));
    for (std::size_t k = 0; k < 2; ++k)
      for (std::size_t a = 0; a < 3; ++a)
        CHECK(close(walked.starts[k].log_policy[a], stored.log_policy(static_cast<int>(k), static_cast<int>(a)),
                    tolerance<table>::identity));

    const table own = stored.log_policy;
    const auto value =
        rto::evaluate_policy(mdp, entries(mdp, own), entries(mdp, reference), entries(mdp, reward), beta);
    const auto table_value = rto::evaluate_policy(trie, own, reference, reward, beta);
    CHECK(close(value.objective, table_value.objective, tolerance<table>::identity));
    CHECK(close(value.length, rto::occupancy(trie, own).mass, tolerance<table>::identity));
  }
  const auto outside =
      rto::evaluate_policy(mdp, entries(mdp, policy), entries(mdp, reference), entries(mdp, reward), 1);
  CHECK(outside.objective == minus_infinity);
  CHECK(rto::evaluate_policy(trie, policy, reference, reward, 1).objective == minus_infinity);
  const auto free = rto::evaluate_policy(mdp, entries(mdp, policy), entries(mdp, reference), entries(mdp, reward), 0);
  CHECK(close(free.objective, rto::evaluate_policy(trie, policy, reference, reward, 0).objective,
              tolerance<table>::identity));

  table visits = table::Zero(trie.states(), 1);
  rto::for_each_visit(mdp, entries(mdp, policy),
                      [&](const archetype_state& s, double p) { visits(mdp.row(s), 0) += p; });
  CHECK(distance(visits, rto::occupancy(trie, policy).visits) <= tolerance<table>::identity);
}

TEST_CASE("planning at an inner prefix gives the value and policy of the plan from the start") {
  boost::random::mt19937_64 rng(8);
  const rto::token_trie trie = rto::full_trie({.actions = 4, .horizon = 3});
  const archetype_mdp mdp(trie);
  const table reference = random_policy(trie.states(), 4, rng), reward = random_table(trie.states(), 4, rng);
  const auto stored = rto::plan(trie, reference, reward, {0.7});
  const auto state = mdp.append(mdp.start_states()[0].state, 2);
  const auto here = rto::plan_at(mdp, state, entries(mdp, reference), entries(mdp, reward), {0.7});
  CHECK(close(here.value, stored.value(mdp.row(state), 0), tolerance<table>::identity));
  for (std::size_t a = 0; a < 4; ++a)
    CHECK(
        close(here.log_policy[a], stored.log_policy(mdp.row(state), static_cast<int>(a)), tolerance<table>::identity));
}

TEST_CASE("a complete tree of 2^20 leaves is planned without being stored, in agreement with the closed form") {
  // r = 1 for token 1 and uniform reference: the steps are independent, V* = H beta log((1 + e^(1/beta)) / 2).
  const std::int64_t horizon = 20;
  const double beta = 0.5, step = beta * std::log((1 + std::exp(1 / beta)) / 2);
  const rto::complete_token_tree tree(2, horizon);
  const auto uniform = [](const rto::tree_node&, std::int64_t) { return -std::log(2.0); };
  const auto reward = [](const rto::tree_node&, std::int64_t token) { return static_cast<double>(token); };
  const auto best = rto::plan(tree, uniform, reward, {beta});
  CHECK(best.states == (std::int64_t{1} << horizon) - 1);
  CHECK(close(best.objective, static_cast<double>(horizon) * step, tolerance<double>::identity));
  CHECK(close(best.starts[0].log_policy[1], 1 / beta - std::log(1 + std::exp(1 / beta)), tolerance<double>::identity));

  const auto value = rto::evaluate_policy(tree, uniform, uniform, reward, beta);
  CHECK(close(value.objective, 0.5 * static_cast<double>(horizon), tolerance<double>::identity));
  CHECK(value.kl == 0);
  CHECK(close(value.length, static_cast<double>(horizon), tolerance<double>::identity));
}

TEST_CASE("only what the reference allows is visited, however large the tree") {
  const rto::complete_token_tree tree(1000, 6);  // 10^18 leaves
  const auto one_of_two = [](const rto::tree_node&, std::int64_t token) {
    return token < 2 ? -std::log(2.0) : minus_infinity;
  };
  const auto reward = [](const rto::tree_node&, std::int64_t token) { return token == 1 ? 1.0 : 0.0; };
  const auto best = rto::plan(tree, one_of_two, reward, {0.0});
  CHECK(best.states == 63);
  CHECK(best.objective == 6);
}

TEST_CASE("a model that outlives its horizon, a bad row, a bad reward and a bad beta are rejected") {
  struct endless {
    using state_type = int;
    std::int64_t horizon() const { return 3; }
    std::int64_t actions() const { return 1; }
    std::vector<rto::start_state<int>> start_states() const { return {{0, 1.0}}; }
    int append(int s, std::int64_t) const { return s + 1; }
    bool is_terminal(int) const { return false; }
  };
  const auto sure = [](int, std::int64_t) { return 0.0; };
  const auto nothing = [](int, std::int64_t) { return minus_infinity; };
  CHECK_THROWS_AS(rto::plan(endless{}, sure, sure, {1.0}), std::runtime_error);
  CHECK_THROWS_AS(rto::evaluate_policy(endless{}, sure, sure, sure, 1.0), std::runtime_error);
  CHECK_THROWS_AS(rto::plan(endless{}, nothing, sure, {1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(endless{}, sure, nothing, {1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(endless{}, sure, sure, {-1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan(endless{}, sure, sure, {std::nan("")}), std::domain_error);
}
