#include <cmath>

#include <rto/mdp/token_tree.hpp>
#include <rto/mdp/token_trie.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/mdp/trajectory.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"

using namespace rto::test;

namespace {
// Two prompts; 0 -> 2 by token 0, 0 -> 3 by token 1; token 2 ends.
rto::trie_nodes small() {
  return {.actions = 3,
          .horizon = 2,
          .eos = 2,
          .roots = {0, 1},
          .rho = {0.25, 0.75},
          .child = {2, 3, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1},
          .depth = {0, 0, 1, 1}};
}
template <class Change> rto::trie_nodes with(Change change) {
  rto::trie_nodes trie = small();
  change(trie);
  return trie;
}
}  // namespace

TEST_CASE("a valid trie is accepted and knows its layers") {
  const rto::token_trie trie(small());
  CHECK(trie.states() == 4);
  CHECK(trie.layers() == 2);
  CHECK(trie.layer_begin(1) == 2);
  CHECK(trie.append(0, 1) == 3);
  CHECK(trie.is_terminal(trie.append(0, 2)));
  CHECK(trie.start_states()[1].probability == 0.75);
}

TEST_CASE("what is no trie is rejected, and the message names the place") {
  const auto message = [](const rto::trie_nodes& trie) -> std::string {
    try {
      rto::validate(trie);
    } catch (const std::logic_error& e) {
      return e.what();
    }
    return "accepted";
  };
  const auto says = [](const std::string& text) { return ContainsSubstring(text); };
  CHECK(message(small()) == "accepted");
  CHECK_THAT(message(with([](auto& t) { t.child[1] = 99; })), says("child of node 0 by token 1 must be -1 or"));
  CHECK_THAT(message(with([](auto& t) { t.child[0] = -7; })), says("got -7"));
  CHECK_THAT(message(with([](auto& t) { t.child[0] = 0; })), says("come after its parent"));
  CHECK_THAT(message(with([](auto& t) { t.child[1] = 2; })), says("have no other parent"));
  CHECK_THAT(message(with([](auto& t) { t.child[1] = 1; })), says("have depth 1, got 0"));
  CHECK_THAT(message(with([](auto& t) { t.child[1] = -1; })), says("node 3 is not"));
  CHECK_THAT(message(with([](auto& t) { t.child[2] = 3, t.child[1] = -1; })), says("end of sequence"));
  CHECK_THAT(message(with([](auto& t) { t.horizon = 1; })), says("last step"));
  CHECK_THAT(message(with([](auto& t) { t.horizon = 0; })), says("horizon >= 1"));
  CHECK_THAT(message(with([](auto& t) { t.eos = 3; })), says("eos"));
  CHECK_THAT(message(with([](auto& t) { t.depth[3] = 2; })), says("have depth 1, got 2"));
  CHECK_THAT(message(with([](auto& t) { t.depth[0] = 1; })), says("depth 0"));
  CHECK_THAT(message(with([](auto& t) { t.roots = {0, 0}; })), says("distinct"));
  CHECK_THAT(message(with([](auto& t) { t.roots = {0, 4}; })), says("[0, 4)"));
  CHECK_THAT(message(with([](auto& t) { t.rho = {0.25, 0.76}; })), says("sum to 1"));
  CHECK_THAT(message(with([](auto& t) { t.rho = {1.25, -0.25}; })), says("[0, 1]"));
  CHECK_THAT(message(with([](auto& t) { t.rho = {1.0}; })), says("one entry a root"));
  CHECK_THAT(message(with([](auto& t) { t.child.pop_back(); })), says("4 * 3"));
  rto::trie_nodes empty;
  empty.actions = empty.horizon = 1;
  CHECK_THAT(message(empty), says("at least one entry"));
}

TEST_CASE("the full trie has the number of nodes and trajectories of section 2") {
  for (std::int64_t actions = 1; actions <= 4; ++actions)
    for (std::int64_t horizon = 1; horizon <= 4; ++horizon) {
      CAPTURE(actions, horizon);
      const auto power = [](std::int64_t base, std::int64_t e) {
        return static_cast<std::int64_t>(std::pow(static_cast<double>(base), static_cast<double>(e)));
      };
      std::int64_t free_nodes = 0, eos_nodes = 0, eos_paths = actions * power(actions - 1, horizon - 1);
      for (std::int64_t h = 0; h < horizon; ++h) {
        free_nodes += power(actions, h);
        eos_nodes += power(actions - 1, h);
        if (h <= horizon - 2) eos_paths += power(actions - 1, h);
      }
      const auto free = rto::full_trie({.actions = actions, .horizon = horizon});
      const auto with_eos = rto::full_trie({.actions = actions, .horizon = horizon, .eos = 0});
      CHECK(free.states() == free_nodes);
      CHECK(static_cast<std::int64_t>(all_trajectories(free).size()) == power(actions, horizon));
      CHECK(with_eos.states() == eos_nodes);
      CHECK(static_cast<std::int64_t>(all_trajectories(with_eos).size()) == eos_paths);
    }
}

TEST_CASE("a list of prefixes makes the trie of all their prefixes") {
  const auto trie = rto::trie_of_prefixes({.actions = 4, .horizon = 5, .eos = 3, .rho = {0.5, 0.5}},
                                          {{1, {0, 2, 1}}, {0, {2}}, {1, {0, 1}}, {1, {}}});
  CHECK(trie.states() == 7);  // 2 prompts; (0; 2), (1; 0); (1; 0 1), (1; 0 2); (1; 0 2 1)
  CHECK(trie.layers() == 4);
  const auto path = rto::replay(trie, 1, {0, 2, 1, 0});
  CHECK(path.states.size() == 4);
  CHECK(path.response.finish == rto::finish_reason::end_of_sequence);
  CHECK_THROWS_AS(rto::trie_of_prefixes({.actions = 4, .horizon = 2}, {{0, {0, 1}}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::trie_of_prefixes({.actions = 4, .horizon = 3}, {{1, {0}}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::trie_of_prefixes({.actions = 4, .horizon = 3, .eos = 1}, {{0, {1}}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::trie_of_prefixes({.actions = 4, .horizon = 3}, {{0, {4}}}), std::invalid_argument);
}

TEST_CASE("replay visits the states of a response and rejects tokens that cannot be") {
  const auto trie = rto::full_trie({.actions = 3, .horizon = 3, .eos = 2});
  const auto path = rto::replay(trie, 0, {1, 0, 1});
  CHECK(path.states == std::vector<std::int64_t>{0, trie.child(0, 1), trie.child(trie.child(0, 1), 0)});
  CHECK(path.response.finish == rto::finish_reason::length);
  CHECK(rto::replay(trie, 0, {2}).response.finish == rto::finish_reason::end_of_sequence);
  CHECK(rto::replay(trie, 0, {1}).response.finish == rto::finish_reason::unfinished);
  CHECK_THROWS_AS(rto::replay(trie, 0, {2, 0}), std::invalid_argument);
  CHECK_THROWS_AS(rto::replay(trie, 0, {3}), std::invalid_argument);
  CHECK_THROWS_AS(rto::replay(trie, 0, {-1}), std::invalid_argument);
  CHECK_THROWS_AS(rto::replay(trie, 1, {0}), std::invalid_argument);
}

TEST_CASE("a complete tree counts its states without storing them and rejects what cannot be indexed") {
  const rto::complete_token_tree tree(10, 12);
  CHECK(tree.states() == 111111111111);
  CHECK(tree.row(tree.append(tree.append({0, 0}, 3), 7)) == 1 + 10 + 37);
  CHECK_THROWS_AS(rto::complete_token_tree(10, 19), std::domain_error);
  CHECK_THROWS_AS(rto::complete_token_tree(0, 1), std::domain_error);
  CHECK_THROWS_AS(rto::complete_token_tree(2, 0), std::domain_error);
  CHECK_THROWS_AS(rto::complete_token_tree(2, 2, {0.5, 0.4}), std::domain_error);
}
