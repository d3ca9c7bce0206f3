#include <rto/preference/trajectory_features.hpp>

#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/mdp/token_trie_builder.hpp>

#include <span>
#include <vector>

#include "support/catch.hpp"

using array_2d = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;
using rto::trajectory;

namespace {

// Two prompts, tokens 0, 1, end of sequence 2, H = 2: nodes 0, 1 (prompts), 2 .. 5; feature k of row e is 100 e + k.
rto::token_trie tree() { return rto::full_trie({.actions = 3, .horizon = 2, .eos = 2, .rho = {0.5, 0.5}}); }

array_2d features() {
  array_2d phi(18, 2);
  for (Eigen::Index e = 0; e < phi.rows(); ++e) phi.row(e) << 100.0 * static_cast<double>(e), 1;
  return phi;
}

}  // namespace

TEST_CASE("visited_rows lists the rows of state and token along a trajectory") {
  CHECK(rto::visited_rows(tree(), {.prompt = 0, .tokens = {2}}) == std::vector<std::int64_t>{2});
  CHECK(rto::visited_rows(tree(), {.prompt = 1, .tokens = {0, 1}}) == std::vector<std::int64_t>{3, 13});
  const rto::complete_token_tree complete(2, 3);
  CHECK(rto::visited_rows(complete, {.tokens = {1, 0, 1}}) == std::vector<std::int64_t>{1, 4, 11});
}

TEST_CASE("visited_rows rejects a trajectory that has not ended or goes on after its end") {
  CHECK_THROWS_AS(rto::visited_rows(tree(), {.prompt = 0, .tokens = {0}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::visited_rows(tree(), {.prompt = 0, .tokens = {}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::visited_rows(tree(), {.prompt = 0, .tokens = {2, 0}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::visited_rows(tree(), {.prompt = 2, .tokens = {2}}), std::invalid_argument);
  CHECK_THROWS_AS(rto::visited_rows(tree(), {.prompt = 0, .tokens = {3}}), std::invalid_argument);
}

TEST_CASE("trajectory_features sums the features of the tokens, whatever the lengths") {
  const std::vector<trajectory> two{{.prompt = 0, .tokens = {2}}, {.prompt = 1, .tokens = {0, 1}}};
  const array_2d phi = rto::trajectory_features(tree(), features(), std::span<const trajectory>(two));
  array_2d expected(2, 2);
  expected << 200, 1, 1600, 2;
  CHECK((phi == expected).all());
}

TEST_CASE("compare_trajectories gives the difference of trajectory features and the labels") {
  const std::vector<rto::trajectory_pair> pairs{
      {.first = {.prompt = 0, .tokens = {2}}, .second = {.prompt = 0, .tokens = {0, 0}}, .label = 0.25},
      {.first = {.prompt = 1, .tokens = {1, 2}}, .second = {.prompt = 1, .tokens = {1, 2}}}};
  const auto comparisons = rto::compare_trajectories(tree(), features(), std::span(pairs));
  matrix x(2, 2), y(2, 1);
  x << 200 - 0 - 600, -1, 0, 0;
  y << 0.25, 1;
  CHECK(comparisons.features == x);
  CHECK(comparisons.label == y);
  CHECK_FALSE(comparisons.weighted());
}

TEST_CASE("compare_trajectories accepts no pairs and rejects mixed prompts and labels outside [0, 1]") {
  const auto none = rto::compare_trajectories(tree(), features(), std::span<const rto::trajectory_pair>());
  CHECK(none.size() == 0);
  CHECK(none.dimension() == 2);
  std::vector<rto::trajectory_pair> pairs{
      {.first = {.prompt = 0, .tokens = {2}}, .second = {.prompt = 1, .tokens = {2}}}};
  CHECK_THROWS_AS(rto::compare_trajectories(tree(), features(), std::span(pairs)), std::invalid_argument);
  pairs[0].second.prompt = 0;
  pairs[0].label = 1.5;
  CHECK_THROWS_AS(rto::compare_trajectories(tree(), features(), std::span(pairs)), std::domain_error);
  pairs[0].label = 1;
  CHECK_THROWS_AS(rto::compare_trajectories(tree(), features().topRows(17).eval(), std::span(pairs)),
                  std::invalid_argument);
}
