#include <rto/planning/open_loop.hpp>
#include <rto/planning/redrawn_branches.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

using matrix = rto::eigen_matrix<double>;

// E[sum of rewards] of one sequence by summing over all state paths.
double return_by_paths(const rto::finite_mdp<matrix>& mdp, const table& reward,
                       const std::vector<std::int64_t>& actions, std::int64_t h, std::int64_t s) {
  double total = reward(mdp.row({h, s}), actions[static_cast<std::size_t>(h)]);
  if (h + 1 == mdp.horizon()) return total;
  for (std::int64_t next = 0; next < mdp.state_count(); ++next) {
    const double p = mdp.transition(h)(s * mdp.actions() + actions[static_cast<std::size_t>(h)], next);
    if (p > 0) total += p * return_by_paths(mdp, reward, actions, h + 1, next);
  }
  return total;
}

table uniform(std::int64_t rows, std::int64_t actions) {
  return table::Constant(rows, actions, -std::log(static_cast<double>(actions)));
}

// A reference that differs between steps but not between states.
template <class URBG>
table reference_by_step(std::int64_t states, std::int64_t actions, std::int64_t horizon, URBG& rng) {
  table x(states * horizon, actions);
  for (std::int64_t h = 0; h < horizon; ++h)
    x.middleRows(h * states, states) = random_policy(1, actions, rng, 0.3).replicate(states, 1);
  return x;
}

}  // namespace

TEST_CASE("the paper's example: who sees the state earns 1, every action sequence earns one half") {
  const auto example = rto::redrawn_branches(table(), 2, 2);
  CHECK(rto::plan(example.mdp, example.log_reference, example.reward, {0.0}).objective == 1);
  const table returns = rto::open_loop_returns(example.mdp, example.reward);
  REQUIRE(returns.rows() == 4);
  CHECK((returns == 0.5).all());
  CHECK(rto::plan_open_loop(example.mdp, example.log_reference, example.reward, {0.0}).objective == 0.5);
}

TEST_CASE("expected returns of sequences are sums over all paths of states, in lexicographic order") {
  boost::random::mt19937_64 rng(41);
  const auto mdp = random_mdp(3, 2, 4, rng);
  const table reward = random_table(12, 2, rng);
  const table returns = rto::open_loop_returns(mdp, reward);
  REQUIRE(returns.rows() == 16);
  REQUIRE(returns.cols() == 1);
  for (std::int64_t k = 0; k < 16; ++k) {
    const auto actions = rto::action_sequence(k, 2, 4);
    double want = 0;
    for (std::int64_t s = 0; s < 3; ++s)
      want += mdp.start_distribution()[static_cast<std::size_t>(s)] * return_by_paths(mdp, reward, actions, 0, s);
    CHECK(close(returns(k, 0), want, tolerance<table>::identity));
  }
}

TEST_CASE("a sequence's number is its actions as base-A digits, the first action first") {
  CHECK(rto::action_sequence(0, 3, 2) == std::vector<std::int64_t>{0, 0});
  CHECK(rto::action_sequence(5, 3, 2) == std::vector<std::int64_t>{1, 2});
  CHECK(rto::action_sequence(6, 2, 3) == std::vector<std::int64_t>{1, 1, 0});
  CHECK_THROWS_AS(rto::action_sequence(9, 3, 2), std::domain_error);
  CHECK_THROWS_AS(rto::action_sequence(-1, 3, 2), std::domain_error);
  CHECK_THROWS_AS(rto::action_sequence(0, 0, 2), std::domain_error);
}

TEST_CASE("the regularised open-loop optimum is beta log E_ref e^(Rbar / beta), and no distribution does better") {
  boost::random::mt19937_64 rng(42);
  const auto mdp = random_mdp(3, 3, 3, rng);
  const table reference = reference_by_step(3, 3, 3, rng), reward = random_table(9, 3, rng);
  const table returns = rto::open_loop_returns(mdp, reward), log_p = rto::open_loop_reference(mdp, reference);
  for (std::int64_t k = 0; k < 27; ++k) {
    const auto a = rto::action_sequence(k, 3, 3);
    CHECK(close(log_p(k, 0), reference(0, a[0]) + reference(3, a[1]) + reference(6, a[2]), tolerance<table>::identity));
  }
  CHECK(log_p.exp().sum() == Approx(1));
  for (const double beta : {0.2, 1.0, 7.0}) {
    CAPTURE(beta);
    const auto best = rto::plan_open_loop(mdp, reference, reward, {beta});
    CHECK(close(best.objective, beta * std::log((log_p + returns / beta).exp().sum()), tolerance<table>::identity));
    const auto value = [&](const table& log_q) {
      const table q = rto::probabilities(log_q);
      return (q * returns).sum() - beta * rto::kl_divergence(table(log_q.transpose()), table(log_p.transpose())).sum();
    };
    CHECK(close(value(best.log_policy), best.objective, tolerance<table>::identity));
    for (int repeat = 0; repeat < 50; ++repeat) {
      const table other = rto::log_softmax(table((log_p + random_table(27, 1, rng)).transpose())).transpose();
      CHECK(value(other) < best.objective);
    }
  }
}

TEST_CASE("the limits beta = 0 and inf are the maximum and the mean, and are approached without loss of digits") {
  boost::random::mt19937_64 rng(43);
  const auto mdp = random_mdp(3, 3, 3, rng);
  const table reference = reference_by_step(3, 3, 3, rng), reward = random_table(9, 3, rng);
  const table returns = rto::open_loop_returns(mdp, reward),
              p = rto::probabilities(rto::open_loop_reference(mdp, reference));
  double largest = minus_infinity;
  for (Eigen::Index k = 0; k < 27; ++k)
    if (p(k, 0) > 0) largest = std::max(largest, returns(k, 0));
  const double mean = (p * returns).sum();
  const auto at = [&](double beta) { return rto::plan_open_loop(mdp, reference, reward, {beta}).objective; };
  CHECK(at(0) == largest);
  CHECK(std::abs(at(1e-6) - largest) < 1e-4);
  CHECK(close(at(-minus_infinity), mean, tolerance<table>::identity));
  const double variance = (p * returns * returns).sum() - mean * mean;
  CHECK(at(1e6) - mean == Approx(variance / 2e6).epsilon(1e-4));
  CHECK(std::abs(at(1e10) - mean) < 1e-9);
}

TEST_CASE("deterministic transitions and a certain start make open loop as good as closed loop, at every beta") {
  boost::random::mt19937_64 rng(44);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::vector<matrix> p;
    for (int h = 0; h < 3; ++h) {
      matrix next = matrix::Zero(8, 4);
      for (int i = 0; i < 8; ++i) next(i, static_cast<int>(rng() % 4)) = 1;
      p.push_back(next);
    }
    const rto::finite_mdp<matrix> mdp(2, 4, {0, 1, 0, 0}, p), open(2, 4, {0.5, 0.5, 0, 0}, p);
    const table reference = reference_by_step(4, 2, 4, rng), reward = random_table(16, 2, rng);
    for (const double beta : {0.0, 0.1, 3.0, 1e8, -minus_infinity}) {
      CAPTURE(beta);
      CHECK(close(rto::plan_open_loop(mdp, reference, reward, {beta}).objective,
                  rto::plan(mdp, reference, reward, {beta}).objective, tolerance<table>::identity));
    }
    // A start that is drawn and not told costs something even then.
    CHECK(rto::plan_open_loop(open, uniform(16, 2), reward, {0.1}).objective <
          rto::plan(open, uniform(16, 2), reward, {0.1}).objective - 1e-6);
  }
}

TEST_CASE("open loop is never better than closed loop") {
  boost::random::mt19937_64 rng(45);
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto mdp = random_mdp(3, 3, 3, rng);
    const table reference = reference_by_step(3, 3, 3, rng), reward = random_table(9, 3, rng);
    for (const double beta : {0.0, 0.1, 1.0, 30.0})
      CHECK(rto::plan_open_loop(mdp, reference, reward, {beta}).objective <=
            rto::plan(mdp, reference, reward, {beta}).objective + tolerance<table>::identity);
  }
}

TEMPLATE_TEST_CASE("every array type and sparse transitions give the same returns and optimum", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  using S = typename TestType::Scalar;
  boost::random::mt19937_64 rng(46);
  const auto mdp = random_mdp(4, 3, 4, rng);
  const table reference = reference_by_step(4, 3, 4, rng), reward = random_table(16, 3, rng);
  const auto want = rto::plan_open_loop(mdp, reference, reward, {0.4});
  std::vector<rto::eigen_matrix<S>> dense;
  std::vector<Eigen::SparseMatrix<S, Eigen::RowMajor>> sparse;
  for (std::int64_t h = 0; h < 3; ++h) {
    dense.push_back(mdp.transition(h).template cast<S>());
    sparse.push_back(dense.back().sparseView());
  }
  const auto rho = mdp.start_distribution();
  const std::vector<double> start(rho.begin(), rho.end());
  const TestType cast_reference = reference.cast<S>(), cast_reward = reward.cast<S>();
  const auto check = [&](const auto& other) {
    const auto got = rto::plan_open_loop(other, cast_reference, cast_reward, {0.4});
    CHECK(distance(got.returns, want.returns) <= tolerance<TestType>::cross_backend);
    CHECK(distance(got.log_policy, want.log_policy) <= tolerance<TestType>::cross_backend);
    CHECK(close(got.objective, want.objective, tolerance<TestType>::cross_backend));
  };
  check(rto::finite_mdp<rto::eigen_matrix<S>>(3, 4, start, dense));
  check(rto::finite_mdp<Eigen::SparseMatrix<S, Eigen::RowMajor>>(3, 4, start, sparse));
}

TEST_CASE("one step and one action are the plain cases") {
  const rto::finite_mdp<matrix> bandit(3, 1, {0.5, 0.5}, {});
  table reward(2, 3);
  reward << 1, 2, 3, 3, 2, 5;
  CHECK(distance(rto::array::to_host(rto::open_loop_returns(bandit, reward)), {2, 2, 4}) == 0);
  boost::random::mt19937_64 rng(47);
  const auto chain = random_mdp(3, 1, 4, rng);
  const table pay = random_table(12, 1, rng);
  CHECK(close(rto::plan_open_loop(chain, table(table::Zero(12, 1)), pay, {1.0}).objective,
              rto::plan(chain, table(table::Zero(12, 1)), pay, {1.0}).objective, tolerance<table>::identity));
}

TEST_CASE("a reference that depends on the state, and what cannot be listed, are refused") {
  boost::random::mt19937_64 rng(48);
  const auto mdp = random_mdp(3, 2, 3, rng);
  const table reward = random_table(9, 2, rng), reference = uniform(9, 2);
  table seen = reference;
  seen.row(4) << std::log(0.25), std::log(0.75);
  CHECK_THROWS_WITH(rto::plan_open_loop(mdp, seen, reward, {1.0}),
                    "rto::open_loop_reference: need a reference that is the same in every state of a step, got rows "
                    "that differ by 0.25 at step 1");
  seen.row(4) << minus_infinity, 0;
  CHECK_THROWS_AS(rto::plan_open_loop(mdp, seen, reward, {1.0}), std::domain_error);
  table shifted = table::Zero(9, 2);
  shifted.row(4).setConstant(700);  // other logits, the same policy to rounding
  CHECK_NOTHROW(rto::plan_open_loop(mdp, rto::policy_from_logits(shifted), reward, {1.0}));

  CHECK_THROWS_AS(rto::plan_open_loop(mdp, reference, reward, {-1.0}), std::domain_error);
  CHECK_THROWS_AS(rto::plan_open_loop(mdp, reference, table(reward.topRows(8)), {1.0}), std::invalid_argument);
  CHECK_THROWS_AS(rto::open_loop_returns(mdp, table(reward.leftCols(1))), std::invalid_argument);
  table bad = reward;
  bad(0, 0) = std::nan("");
  CHECK_THROWS_AS(rto::open_loop_returns(mdp, bad), std::domain_error);
  const auto endless = rto::redrawn_branches(table(), 2, 60);
  CHECK_THROWS_AS(rto::open_loop_returns(endless.mdp, endless.reward), std::domain_error);
  CHECK_THROWS_AS(rto::redrawn_branches(table(), 0, 2), std::domain_error);
  CHECK_THROWS_AS(rto::redrawn_branches(table(), 2, 0), std::domain_error);
}
