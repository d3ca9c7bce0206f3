#include <rto/theory/open_loop_gap.hpp>

#include <cmath>
#include <limits>

#include <rto/array/eigen_matrix.hpp>
#include <rto/planning/open_loop.hpp>
#include <rto/planning/redrawn_branches.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE(
    "without a KL charge the gap is (H - 1)(1 - 1/K): one half in the paper's example, without bound in general") {
  CHECK(rto::redrawn_branches_values(2, 2, 0).markov == 1);
  CHECK(rto::redrawn_branches_values(2, 2, 0).open_loop == 0.5);
  CHECK(rto::redrawn_branches_values(4, 9, 0).gap() == 6);
  CHECK(rto::redrawn_branches_values(1000, 1001, 0).gap() == 999);
  CHECK(rto::redrawn_branches_values(1, 5, 0).gap() == 0);
  CHECK(rto::redrawn_branches_values(3, 1, 0.5).markov == 0);
}

TEST_CASE("for K = H = 2 the regularised gap is beta log cosh(1 / (2 beta)), decreasing from 1/2 to 1 / (8 beta)") {
  double before = 0.5;
  for (const double beta : {0.01, 0.1, 0.5, 0.999, 1.0, 3.0, 100.0}) {
    CAPTURE(beta);
    const auto values = rto::redrawn_branches_values(2, 2, beta);
    CHECK(values.open_loop == 0.5);
    const double x = 1 / (2 * beta);
    CHECK(close(values.gap(), beta * (x + std::log1p(std::exp(-2 * x)) - std::log(2.0)),
                4 * tolerance<double>::identity));
    CHECK(values.gap() < before);
    before = values.gap();
  }
  CHECK(rto::redrawn_branches_values(2, 2, 1e-6).markov == Approx(1 - 1e-6 * std::log(2.0)).epsilon(1e-15));
  CHECK(rto::redrawn_branches_values(2, 2, 1e3).gap() == Approx(1 / 8e3).epsilon(1e-6));
  CHECK(rto::redrawn_branches_values(2, 2, infinity).gap() == 0);
}

TEMPLATE_TEST_CASE("the closed forms are what planning and enumeration find for all K, H, beta", "",
                   rto::eigen_array<double>, rto::eigen_array<float>) {
  for (const std::int64_t branches : {1, 2, 3, 5})
    for (const std::int64_t horizon : {1, 2, 3, 4}) {
      const auto problem = rto::redrawn_branches(TestType(), branches, horizon);
      for (const double beta : {0.0, 1e-6, 0.1, 0.9, 1.1, 25.0, 1e10, infinity}) {
        CAPTURE(branches, horizon, beta);
        const auto want = rto::redrawn_branches_values(branches, horizon, beta);
        const auto markov = rto::plan(problem.mdp, problem.log_reference, problem.reward, {beta});
        const auto open = rto::plan_open_loop(problem.mdp, problem.log_reference, problem.reward, {beta});
        CHECK(close(static_cast<double>(markov.objective), want.markov, tolerance<TestType>::cross_backend));
        CHECK(close(static_cast<double>(open.objective), want.open_loop, tolerance<TestType>::cross_backend));
      }
    }
}

TEST_CASE("redrawn_branches_values refuses parameters out of their domain") {
  CHECK_THROWS_AS(rto::redrawn_branches_values(0, 2, 1), std::domain_error);
  CHECK_THROWS_AS(rto::redrawn_branches_values(2, 0, 1), std::domain_error);
  CHECK_THROWS_AS(rto::redrawn_branches_values(2, 2, -1), std::domain_error);
  CHECK_THROWS_AS(rto::redrawn_branches_values(2, 2, not_a_number), std::domain_error);
}
