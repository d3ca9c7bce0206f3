#include <rto/theory/policy_iteration_rates.hpp>

#include <cmath>

#include <rto/planning/suboptimality_gap.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE("the recursion of the spans by hand, and its last layer loses a share of its error at every step") {
  const std::vector<double> spans{1, 2, 4};
  const auto next = rto::next_log_ratio_spans_bound(spans, 0.5);
  CHECK(next == std::vector<double>{0.5 + 20 / 16.0, 1 + 1.0, 2});
  CHECK(rto::next_log_ratio_spans_bound(spans, 1.0) == std::vector<double>{20 / 8.0, 2, 0});
  const std::vector<double> unknown{infinity, infinity};  // a policy that forbids what the optimum allows
  CHECK(rto::next_log_ratio_spans_bound(unknown, 1.0) == std::vector<double>{infinity, 0});
  CHECK(rto::suboptimality_of_spans(spans, 2.0) == 21 / 4.0);
}

TEST_CASE("H steps of the recursion with eta = 1/beta end at zero") {
  std::vector<double> spans{3, 1, 4, 1, 5};
  for (int t = 0; t < 5; ++t) spans = rto::next_log_ratio_spans_bound(spans, 1.0);
  CHECK(spans == std::vector<double>(5, 0.0));
}

TEST_CASE("spans of the log-ratio are taken over allowed tokens, the largest of a layer") {
  const rto::finite_mdp<rto::eigen_matrix<double>> mdp(3, 1, {0.5, 0.5}, {});
  table optimum(2, 3), policy(2, 3);
  optimum << std::log(0.5), std::log(0.5), minus_infinity, std::log(0.25), std::log(0.25), std::log(0.5);
  policy << std::log(0.8), std::log(0.2), minus_infinity, std::log(0.25), std::log(0.5), std::log(0.25);
  // log-ratios: log 1.6, log 0.4; 0, log 2, -log 2
  CHECK(rto::log_ratio_spans(mdp, policy, optimum).at(0) == Approx(std::log(4.0)));
  CHECK(rto::log_ratio_spans(mdp, optimum, optimum) == std::vector<double>{0});
  policy.row(1) << 0, minus_infinity, minus_infinity;
  CHECK(rto::log_ratio_spans(mdp, policy, optimum) == std::vector<double>{infinity});
  CHECK_THROWS_AS(rto::log_ratio_spans(mdp, table(policy.topRows(1)), optimum), std::invalid_argument);
}

TEST_CASE("policy iteration obeys the recursion and the gap bound at every step, on random problems") {
  boost::random::mt19937_64 rng(51);
  for (const double beta : {0.1, 0.5, 3.0})
    for (const double share : {0.1, 0.5, 0.9, 1.0}) {
      CAPTURE(beta, share);
      const auto mdp = random_mdp(4, 3, 4, rng);
      const table reference = random_policy(16, 3, rng, 0.2), reward = random_table(16, 3, rng);
      const auto best = rto::plan(mdp, reference, reward, {beta});
      table policy = reference;
      auto spans = rto::log_ratio_spans(mdp, policy, best.log_policy);
      for (int t = 0; t < 20; ++t) {
        CHECK(rto::suboptimality_gap_divergence(mdp, best, policy, beta) <=
              rto::suboptimality_of_spans(spans, beta) + tolerance<table>::identity);
        policy = rto::policy_iteration_step(policy, reference,
                                            rto::evaluate_policy(mdp, policy, reference, reward, beta).action_value,
                                            beta, share / beta);
        const auto bound = rto::next_log_ratio_spans_bound(spans, share);
        spans = rto::log_ratio_spans(mdp, policy, best.log_policy);
        for (std::size_t h = 0; h < spans.size(); ++h)
          CHECK(spans[h] <= bound[h] + tolerance<table>::cross_backend * std::max(1.0, 1 / beta));
      }
    }
}

TEST_CASE("successive gaps shrink by (1 - eta beta)^2 in the end") {
  boost::random::mt19937_64 rng(52);
  const double beta = 0.5;
  for (const double share : {0.2, 0.5, 0.8}) {
    const auto mdp = random_mdp(4, 3, 4, rng);
    const table reference = random_policy(16, 3, rng), reward = random_table(16, 3, rng);
    const auto best = rto::plan(mdp, reference, reward, {beta});
    const auto gap_after = [&](std::int64_t t) {
      const auto run = rto::policy_iteration(mdp, reference, reward,
                                             {.beta = beta, .eta = share / beta, .iterations = t, .tolerance = 0});
      return rto::suboptimality_gap_divergence(mdp, best, run.log_policy, beta);
    };
    const auto t = static_cast<std::int64_t>(std::ceil(std::log(1e-6) / std::log(1 - share)));
    CHECK(gap_after(t + 1) / gap_after(t) == Approx(rto::policy_iteration_gap_ratio(beta, share / beta)).epsilon(1e-3));
  }
  CHECK(rto::policy_iteration_gap_ratio(0.3, 1 / 0.3) == 0);
  CHECK(rto::policy_iteration_gap_ratio(0, 5) == 1);
}

TEST_CASE("without a KL charge the average gap is below H^2 sqrt(log A / (2 T))") {
  CHECK(rto::exponentiated_gradient_step_size(3, 4, 50) == Approx(std::sqrt(8 * std::log(4.0) / (50 * 9))));
  CHECK(rto::exponentiated_gradient_regret_bound(3, 4, 50) == Approx(9 * std::sqrt(std::log(4.0) / 100)));
  CHECK(rto::exponentiated_gradient_regret_bound(3, 1, 50) == 0);
  boost::random::mt19937_64 rng(53);
  for (const std::int64_t iterations : {1, 10, 100}) {
    const auto mdp = random_mdp(3, 4, 3, rng);
    const table reference = table::Constant(9, 4, -std::log(4.0));
    table reward(9, 4);
    for (Eigen::Index i = 0; i < reward.size(); ++i) reward.data()[i] = static_cast<double>(rng() % 2);
    const double optimum = rto::plan(mdp, reference, reward, {0.0}).objective;
    const auto run = rto::policy_iteration(mdp, reference, reward,
                                           {.beta = 0,
                                            .eta = rto::exponentiated_gradient_step_size(3, 4, iterations),
                                            .iterations = iterations - 1,
                                            .tolerance = 0});
    double regret = 0;
    for (const double objective : run.objective) regret += optimum - objective;
    REQUIRE(run.objective.size() == static_cast<std::size_t>(iterations));
    CHECK(regret / static_cast<double>(iterations) <= rto::exponentiated_gradient_regret_bound(3, 4, iterations));
    CHECK(regret > 0);
  }
}

TEST_CASE("the rates refuse parameters out of their domain") {
  const std::vector<double> spans{1}, negative{-1}, nan{not_a_number};
  CHECK_THROWS_AS(rto::next_log_ratio_spans_bound(spans, 0), std::domain_error);
  CHECK_THROWS_AS(rto::next_log_ratio_spans_bound(spans, 1.5), std::domain_error);
  CHECK_THROWS_AS(rto::next_log_ratio_spans_bound(negative, 0.5), std::domain_error);
  CHECK_THROWS_AS(rto::next_log_ratio_spans_bound(nan, 0.5), std::domain_error);
  CHECK_THROWS_AS(rto::suboptimality_of_spans(spans, 0), std::domain_error);
  CHECK_THROWS_AS(rto::suboptimality_of_spans(spans, infinity), std::domain_error);
  CHECK_THROWS_AS(rto::suboptimality_of_spans(negative, 1), std::domain_error);
  CHECK_THROWS_AS(rto::policy_iteration_gap_ratio(1, 1.5), std::domain_error);
  CHECK_THROWS_AS(rto::exponentiated_gradient_step_size(0, 2, 1), std::domain_error);
  CHECK_THROWS_AS(rto::exponentiated_gradient_regret_bound(1, 0, 1), std::domain_error);
  CHECK_THROWS_AS(rto::exponentiated_gradient_regret_bound(1, 2, 0), std::domain_error);
}
