#include <cmath>

#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/trajectory.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE("occupancy equals the sum over all trajectories, its mass is the expected length") {
  boost::random::mt19937_64 rng(41);
  const auto trie = rto::full_trie({.actions = 3, .horizon = 4, .eos = 0, .rho = {0.2, 0.8}});
  const table policy = random_policy(trie.states(), 3, rng, 0.2);
  const auto d = rto::occupancy(trie, policy);
  table visits = table::Zero(trie.states(), 3);
  double length = 0;
  for (const auto& path : all_trajectories(trie)) {
    const double p = trie.nodes().rho[path.prompt] * std::exp(path.sum(policy));
    for (const auto& [node, token] : path.edges) visits(node, token) += p;
    length += p * static_cast<double>(path.edges.size());
  }
  CHECK(distance(d.state_action_visits, visits) <= tolerance<table>::identity);
  CHECK(distance(d.visits, table(visits.rowwise().sum())) <= tolerance<table>::identity);
  CHECK(close(d.mass, length, tolerance<table>::identity));
}

TEST_CASE("sampled trajectories visit states as often as the occupancy says, on tries and stochastic MDPs") {
  // Every state's visits are compared at 4.5 standard errors (two-sided 7e-6); with about 70 states a false alarm once
  // in 2000 seeds. The seed is fixed.
  boost::random::mt19937_64 rng(42);
  const int draws = 20000;
  const auto check = [&](const auto& mdp, const table& policy, std::int64_t eos) {
    const rto::tabular_sampler sampler(mdp, policy);
    table visits = table::Zero(mdp.states(), 1);
    for (int i = 0; i < draws; ++i) {
      const auto path = rto::sample_trajectory(mdp, sampler, rng);
      for (const auto& state : path.states) visits(mdp.row(state), 0) += 1.0 / draws;
      const bool short_one = static_cast<std::int64_t>(path.states.size()) < mdp.horizon();
      if (short_one) REQUIRE(path.response.tokens.back() == eos);
      REQUIRE(path.response.finish == (short_one ? rto::finish_reason::end_of_sequence : rto::finish_reason::length));
    }
    const table want = rto::occupancy(mdp, policy).visits;  // a state is visited at most once: Bernoulli
    for (Eigen::Index i = 0; i < want.rows(); ++i) {
      CAPTURE(i);
      const double variance = std::max(0.0, want(i, 0) * (1 - want(i, 0)));
      CHECK(std::abs(visits(i, 0) - want(i, 0)) <= 4.5 * std::sqrt(variance / draws) + 1e-9);
    }
  };
  const auto trie = rto::full_trie({.actions = 3, .horizon = 4, .eos = 1, .rho = {0.25, 0.5, 0.25}});
  check(trie, random_policy(trie.states(), 3, rng, 0.2), 1);
  const auto mdp = random_mdp(5, 3, 4, rng);
  check(mdp, random_policy(20, 3, rng, 0.2), -1);
}

TEST_CASE("a draw never has probability zero and stays inside where the probabilities fall short of one") {
  boost::random::mt19937_64 rng(43);
  const std::vector<double> p{0, 0.5, 0, 0.5 - 1e-9, 0};
  for (int i = 0; i < 1000; ++i) {
    const auto k = rto::draw_index(p, rng);
    CHECK((k == 1 || k == 3));
  }
}

TEST_CASE("occupancy and the finite MDP reject what is no policy or no kernel") {
  boost::random::mt19937_64 rng(44);
  const auto mdp = random_mdp(3, 2, 2, rng);
  const table short_policy = random_policy(5, 2, rng), no_policy = table::Zero(6, 2);
  CHECK_THROWS_AS(rto::occupancy(mdp, no_policy), std::domain_error);
  CHECK_THROWS_AS(rto::occupancy(mdp, short_policy), std::invalid_argument);
  using matrix = rto::eigen_matrix<double>;
  using sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;
  using kernel = rto::finite_mdp<matrix>;
  const std::vector<double> start{0.5, 0.5};
  const matrix good = matrix::Constant(4, 2, 0.5);
  matrix negative = good, heavy = good, nan = good;
  negative.row(1) << 1.5, -0.5;
  heavy(2, 0) = 0.6;
  nan(3, 1) = std::nan("");
  CHECK_NOTHROW(kernel(2, 3, start, {good, good}));
  CHECK_THROWS_AS(kernel(2, 2, start, {negative}), std::domain_error);
  CHECK_THROWS_AS(kernel(2, 2, start, {heavy}), std::domain_error);
  CHECK_THROWS_AS(kernel(2, 2, start, {nan}), std::domain_error);
  CHECK_THROWS_AS(kernel(3, 2, start, {good}), std::invalid_argument);
  CHECK_THROWS_AS(kernel(2, 4, start, {good, good}), std::invalid_argument);
  CHECK_THROWS_AS(kernel(2, 1, {0.5, 0.6}, {}), std::domain_error);
  CHECK_THROWS_AS(kernel(0, 1, start, {}), std::domain_error);
  const sparse thin = negative.sparseView();
  CHECK_THROWS_AS(rto::finite_mdp<sparse>(2, 2, start, {thin}), std::domain_error);
}
