#include <rto/algorithm/pessimistic_reward_planning.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include <rto/theory/concentrability.hpp>
#include <rto/theory/suboptimality.hpp>

#include "algorithm/random_instance.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using rto::test::array_2d;
using rto::test::matrix;
using rto::test::random_instance;

namespace {

constexpr double rounding = 1e-10;  // the tolerance of E0 to E7, relative to the largest term

using plan_result = rto::pessimistic_reward_plan<array_2d>;

plan_result run(const random_instance& in, const rto::pessimistic_reward_planning_options& options) {
  return rto::pessimistic_reward_planning(in.tree, in.log_reference, in.features,
                                          std::span<const rto::trajectory_pair>(in.pairs), options);
}

double oracle_radius(const random_instance& in, const plan_result& result) {
  const matrix error = result.estimate.theta - in.theta;
  return std::sqrt(rto::inner_product(error, matrix(result.covariance.matrix * error)));
}

}  // namespace

TEST_CASE("Every step of the proof of Theorem 4.2 holds with the oracle radius") {
  unsigned seed = 0;
  for (const std::int64_t eos : {-1, 0})
    for (const double beta : {0.1, 0.5, 2.0})
      for (const std::int64_t n : {1, 20, 100}) {
        const random_instance in({.actions = 3, .horizon = 3, .eos = eos, .rho = {0.25, 0.75}}, 4, n, beta, ++seed);
        const auto optimum = rto::plan(in.tree, in.log_reference, in.reward, {.beta = beta});
        const array_2d visits = rto::occupancy(in.tree, optimum.log_policy).state_action_visits;
        const array_2d states = rto::occupancy(in.tree, optimum.log_policy).visits;
        const double radius = oracle_radius(in, run(in, {.beta = beta, .lambda = 0.5, .radius = 0.0, .bound = 1.25}));
        const plan_result out = run(in, {.beta = beta, .lambda = 0.5, .radius = radius, .bound = 1.25});
        const auto output_visits = rto::occupancy(in.tree, out.plan.log_policy);

        const double gap = optimum.objective - in.value_of(out.plan.log_policy);
        const double kl = (states * rto::kl_divergence(optimum.log_policy, out.plan.log_policy)).sum();
        const auto terms =
            rto::decompose_suboptimality(visits, output_visits.state_action_visits, in.reward, out.reward, beta, kl);
        const double coverage = rto::expected_bonus(visits, out.bonus);
        const auto bound = rto::pessimism_bound(radius, coverage, beta, kl);
        const array_2d error = in.reward - out.reward;
        CHECK(std::abs(gap - terms.total()) <= rounding);                   // E0
        CHECK(error.minCoeff() >= -rounding);                               // E1
        CHECK((error - 2 * radius * out.bonus).maxCoeff() <= rounding);     // E1
        CHECK(terms.reward_error_of_optimum <= bound.coverage + rounding);  // E2
        CHECK(terms.reward_error_of_policy <= rounding);                    // E3
        const double planning_gap =
            in.value_of(optimum.log_policy, out.reward) - in.value_of(out.plan.log_policy, out.reward);
        CHECK(std::abs(terms.planning - planning_gap) <= rounding);  // E4
        CHECK(gap <= bound.total() + rounding);                      // E5
        const double divergence =
            beta * (output_visits.visits * rto::kl_divergence(out.plan.log_policy, optimum.log_policy)).sum();
        CHECK(std::abs(gap - divergence) <= rounding);                                          // E6
        CHECK(beta * kl <= bound.coverage + rounding);                                          // E7
        CHECK(gap <= rto::fast_rate_bound(in.tree, in.log_reference, error, beta) + rounding);  // (7.a)
        CHECK(gap > 0);
      }
}

TEST_CASE("Algorithm 1 is maximum likelihood, then pessimism, then planning") {
  const random_instance in({.actions = 2, .horizon = 3}, 3, 50, 0.7, 11);
  const plan_result out = run(in, {.beta = 0.7, .lambda = 2.0, .radius = 0.3, .bound = 2.0});
  const auto comparisons =
      rto::compare_trajectories(in.tree, in.features, std::span<const rto::trajectory_pair>(in.pairs));
  const auto estimate = rto::reward_mle(comparisons, {.bound = 2.0});
  CHECK(out.estimate.converged);
  CHECK(out.estimate.theta == estimate.theta);
  const matrix sigma = comparisons.features.transpose() * comparisons.features + 2.0 * matrix::Identity(3, 3);
  CHECK((out.covariance.matrix - sigma).norm() <= rounding);
  const matrix inverse = sigma.inverse();
  for (Eigen::Index e = 0; e < in.features.rows(); ++e) {
    const matrix phi = in.features.row(e).matrix();
    const double bonus = std::sqrt((phi * inverse * phi.transpose())(0, 0));
    CHECK(out.bonus(e / 2, e % 2) == Approx(bonus).epsilon(rounding));
    CHECK(out.reward(e / 2, e % 2) == Approx((phi * estimate.theta)(0, 0) - 0.3 * bonus).epsilon(rounding));
  }
  const auto best = rto::plan(in.tree, in.log_reference, out.reward, {.beta = 0.7});
  CHECK((best.log_policy == out.plan.log_policy).all());
}

TEST_CASE("Without a radius Algorithm 1 takes that of Lemma A.1") {
  const random_instance in({.actions = 2, .horizon = 2}, 2, 30, 1.0, 12);
  const plan_result out = run(in, {.bound = 1.5, .delta = 0.1});
  const auto comparisons =
      rto::compare_trajectories(in.tree, in.features, std::span<const rto::trajectory_pair>(in.pairs));
  const double largest = std::sqrt(comparisons.features.rowwise().squaredNorm().maxCoeff());
  CHECK(out.radius ==
        rto::confidence_radius({.rank = 2, .max_row_norm = largest, .bound = 1.5, .lambda = 1, .delta = 0.1}));
  CHECK(oracle_radius(in, out) <= out.radius);
}

TEST_CASE("Without data Algorithm 1 plans for minus the radius times the norm of the features") {
  random_instance in({.actions = 3, .horizon = 2, .eos = 1}, 2, 0, 0.5, 13);
  const plan_result out = run(in, {.beta = 0.5, .lambda = 4.0, .bound = 1.0});
  CHECK(out.estimate.theta.norm() == 0.0);
  CHECK(out.radius == 4.0);  // 2 B sqrt(lambda)
  const array_2d norms = in.features.square().rowwise().sum().sqrt().reshaped<Eigen::RowMajor>(in.tree.states(), 3);
  CHECK((out.reward + out.radius * norms / 2.0).abs().maxCoeff() <= rounding);
}

TEST_CASE("Quotient features change the bonus, not what the data say, and keep Theorem 4.2") {
  random_instance in({.actions = 3, .horizon = 3, .eos = 0}, 3, 40, 0.5, 14);
  in.features = matrix::Identity(in.tree.states() * 3, in.tree.states() * 3).array();
  const plan_result plain = run(in, {.beta = 0.5, .radius = 2.0, .bound = 1.0});
  const plan_result quotient = run(in, {.beta = 0.5, .radius = 2.0, .bound = 1.0, .quotient_features = true});
  CHECK(plain.estimate.theta == quotient.estimate.theta);
  CHECK((quotient.bonus < plain.bonus).all());
}

TEST_CASE("The frequency of sampled preferences is the Bradley-Terry probability") {
  const random_instance in({.actions = 3, .horizon = 3, .eos = 0}, 2, 12, 1.0, 15);
  const auto comparisons =
      rto::compare_trajectories(in.tree, in.features, std::span<const rto::trajectory_pair>(in.pairs));
  const matrix margin = 3 * comparisons.features * in.theta;
  boost::random::mt19937 rng(16);
  constexpr int draws = 20000;
  matrix wins = matrix::Zero(margin.rows(), 1);
  for (int k = 0; k < draws; ++k) wins += rto::sample_preferences(margin, rng);
  for (Eigen::Index i = 0; i < margin.rows(); ++i) {
    const double p = 1 / (1 + std::exp(-margin(i, 0)));
    const double standard_error = std::sqrt(p * (1 - p) / draws);
    CHECK(std::abs(wins(i, 0) / draws - p) <= rto::test::tolerance<double>::statistical * standard_error);
  }
}

TEST_CASE("Algorithm 1 rejects what has no meaning and an infinite radius") {
  const random_instance in({.actions = 2, .horizon = 2}, 2, 10, 1.0, 17);
  CHECK_THROWS_AS(run(in, {.lambda = 0.0, .radius = 1.0, .bound = 1.0}), std::domain_error);
  CHECK_THROWS_AS(run(in, {.beta = -1.0, .radius = 1.0, .bound = 1.0}), std::domain_error);
  CHECK_THROWS_AS(run(in, {.radius = -1.0, .bound = 1.0}), std::domain_error);
  CHECK_THROWS_AS(run(in, {.radius = std::numeric_limits<double>::infinity(), .bound = 1.0}), std::domain_error);
  CHECK_THROWS_AS(run(in, {.bound = 1.0, .delta = 1.0}), std::domain_error);
  CHECK_THROWS_AS(run(in, {}), std::domain_error);              // B infinite
  CHECK_THROWS_AS(run(in, {.bound = 1e4}), std::domain_error);  // B max ||x|| > 709.7
  CHECK_NOTHROW(run(in, {.radius = 1.0, .bound = 1e4}));
  auto unknown = in;
  unknown.features(unknown.features.rows() - 1, 0) = std::nan("");
  CHECK_THROWS_AS(run(unknown, {.radius = 1.0, .bound = 1.0}), std::domain_error);
  auto wrong = in;
  wrong.features.conservativeResize(3, 2);
  CHECK_THROWS_AS(run(wrong, {.radius = 1.0, .bound = 1.0}), std::invalid_argument);
}
