#include <rto/mdp/transition_likelihood.hpp>

#include <cmath>
#include <span>
#include <vector>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

using path = visited_trajectory<step_state>;

path make_path(const std::vector<std::int64_t>& states, const std::vector<std::int64_t>& tokens) {
  path p;
  for (std::size_t h = 0; h < states.size(); ++h) p.states.push_back({static_cast<std::int64_t>(h), states[h]});
  p.response.tokens = tokens;
  return p;
}

template <class A> auto counts_of(const std::vector<path>& data, std::int64_t horizon) {
  return count_transitions(A(), 2, 2, horizon, std::span<const path>(data));
}

}  // namespace

TEMPLATE_TEST_CASE("The likelihood of a kernel is the product of the probabilities of all transitions but the last", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  using A = TestType;
  // From state 0: action 0 stays with probability 3/4, action 1 with 1/4; from state 1 it always goes back.
  const auto kernel = make<A>(4, {0.75, 0.25, 0.25, 0.75, 1, 0, 1, 0});
  const matrix_t<A> p = kernel.matrix();
  const finite_mdp<matrix_t<A>> mdp(2, 3, {1, 0}, {p});
  // 0 -0-> 0 -1-> 1 (-0->), and 0 -1-> 1 -0-> 0 (-0->); what the last action leads to is never asked.
  const std::vector<path> data{make_path({0, 0, 1}, {0, 1, 0}), make_path({0, 1, 0}, {1, 0, 0})};
  const auto counts = counts_of<A>(data, 3);
  REQUIRE(counts.count.size() == 2);
  CHECK(counts.count[0].sum() == 2);
  CHECK(counts.count[0](0, 0) == 1);  // step 0: state 0, action 0 to 0
  CHECK(counts.count[0](1, 1) == 1);  // state 0, action 1 to 1
  CHECK(counts.count[1](1, 1) == 1);
  CHECK(counts.count[1](2, 0) == 1);
  CHECK(close(transition_log_likelihood(counts, mdp), std::log(0.75 * 0.75 * 0.75 * 1), tolerance<A>::identity));
  CHECK(tabular_log_likelihood(counts) == 0);  // every state and action of a step was seen at most once
}

TEST_CASE(
    "A kernel that forbids an observed transition has likelihood zero, one that was not observed does not count") {
  const eigen_matrix<double> p{{1, 0}, {0.5, 0.5}, {0, 1}, {0, 1}};
  const finite_mdp<eigen_matrix<double>> mdp(2, 2, {0.5, 0.5}, {p});
  CHECK(transition_log_likelihood(counts_of<table>({make_path({0, 0}, {0, 0})}, 2), mdp) == 0);
  CHECK(transition_log_likelihood(counts_of<table>({make_path({0, 1}, {0, 0})}, 2), mdp) == minus_infinity);
  CHECK(transition_log_likelihood(counts_of<table>({}, 2), mdp) == 0);
}

TEST_CASE("The counts of sampled trajectories give the sum of the log-probabilities along them, dense and sparse") {
  boost::random::mt19937 rng(5);
  const auto mdp = random_mdp(3, 2, 4, rng);
  std::vector<path> data;
  const table log_policy = random_policy(mdp.states(), 2, rng);
  const tabular_sampler policy(mdp, log_policy);
  double expected = 0;
  for (int k = 0; k < 50; ++k) {
    data.push_back(sample_trajectory(mdp, policy, rng));
    const path& p = data.back();
    REQUIRE(p.states.size() == 4);
    for (std::size_t h = 0; h < 3; ++h)
      expected += std::log(mdp.transition(static_cast<std::int64_t>(h))(p.states[h].state * 2 + p.response.tokens[h],
                                                                        p.states[h + 1].state));
  }
  const auto counts = count_transitions(table(), 3, 2, 4, std::span<const path>(data));
  CHECK(close(transition_log_likelihood(counts, mdp), expected, 1e-12));

  std::vector<Eigen::SparseMatrix<double, Eigen::RowMajor>> sparse;
  for (std::int64_t h = 0; h < 3; ++h) sparse.emplace_back(mdp.transition(h).sparseView());
  const auto start = mdp.start_distribution();
  const finite_mdp<Eigen::SparseMatrix<double, Eigen::RowMajor>> same(2, 4, {start.begin(), start.end()}, sparse);
  CHECK(close(transition_log_likelihood(counts, same), expected, 1e-12));
}

TEST_CASE("No kernel has a larger likelihood than the observed frequencies") {
  boost::random::mt19937 rng(6);
  const auto mdp = random_mdp(3, 2, 3, rng);
  const tabular_sampler policy(mdp, random_policy(mdp.states(), 2, rng));
  std::vector<path> data;
  for (int k = 0; k < 40; ++k) data.push_back(sample_trajectory(mdp, policy, rng));
  const auto counts = count_transitions(table(), 3, 2, 3, std::span<const path>(data));
  std::vector<eigen_matrix<double>> frequencies;  // unseen rows: anything
  for (const auto& n : counts.count) {
    eigen_matrix<double> p = eigen_matrix<double>::Constant(6, 3, 1.0 / 3);
    for (Eigen::Index i = 0; i < 6; ++i)
      if (n.row(i).sum() > 0) p.row(i) = n.row(i) / n.row(i).sum();
    frequencies.push_back(p);
  }
  const auto start = mdp.start_distribution();
  const finite_mdp<eigen_matrix<double>> best(2, 3, {start.begin(), start.end()}, frequencies);
  const double top = tabular_log_likelihood(counts);
  CHECK(close(transition_log_likelihood(counts, best), top, 1e-12));
  CHECK(transition_log_likelihood(counts, mdp) < top);
  for (int k = 0; k < 20; ++k) CHECK(transition_log_likelihood(counts, random_mdp(3, 2, 3, rng)) <= top);
}

TEST_CASE("Transition data that are no trajectories, and models of another shape, are rejected") {
  CHECK_THROWS_AS(counts_of<table>({make_path({0, 2}, {0, 0})}, 2), std::invalid_argument);
  CHECK_THROWS_AS(counts_of<table>({make_path({0, 1}, {0, 2})}, 2), std::invalid_argument);
  CHECK_THROWS_AS(counts_of<table>({make_path({0, 1}, {0})}, 2), std::invalid_argument);
  CHECK_THROWS_AS(counts_of<table>({make_path({0, 1, 1}, {0, 1, 1})}, 2), std::invalid_argument);
  path shifted = make_path({0, 1}, {0, 1});
  shifted.states[1].step = 0;
  CHECK_THROWS_AS(counts_of<table>({shifted}, 2), std::invalid_argument);
  CHECK_THROWS_AS(count_transitions(table(), 0, 2, 2, std::span<const path>()), std::domain_error);
  const eigen_matrix<double> p = eigen_matrix<double>::Constant(4, 2, 0.5);
  const finite_mdp<eigen_matrix<double>> mdp(2, 3, {0.5, 0.5}, {p});
  CHECK_THROWS_AS(transition_log_likelihood(counts_of<table>({}, 2), mdp), std::invalid_argument);
}
