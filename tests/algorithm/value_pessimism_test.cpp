#include <rto/algorithm/value_pessimism.hpp>

#include <cmath>
#include <limits>
#include <span>

#include <rto/reward/reward_mle.hpp>
#include <rto/theory/structural_kernel.hpp>
#include <rto/theory/suboptimality.hpp>

#include "algorithm/random_instance.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using rto::test::array_2d;
using rto::test::matrix;
using rto::test::random_instance;

namespace {

constexpr double duality = 1e-8;  // math: primal = dual

struct learned {
  matrix theta;
  rto::regularized_covariance<matrix> covariance;
  double oracle_radius;
};

learned learn(const random_instance& in, double lambda) {
  const auto comparisons =
      rto::compare_trajectories(in.tree, in.features, std::span<const rto::trajectory_pair>(in.pairs));
  const matrix theta = rto::reward_mle(comparisons, {.bound = 1.25}).theta;
  const auto covariance = rto::make_regularized_covariance(comparisons.features, lambda);
  const matrix error = theta - in.theta;
  return {theta, covariance, std::sqrt(rto::inner_product(error, matrix(covariance.matrix * error)))};
}

// J(pi; r_theta_hat) - <theta_hat, v> - rho ||E phi - v||, the inner minimum in closed form.
double pessimistic_value(const random_instance& in, const learned& from, const matrix& v, double radius,
                         const array_2d& log_policy) {
  const matrix expected = rto::evaluate_features(in.tree, log_policy, in.features).expectation;
  return in.value_of(log_policy, in.reward_of(from.theta)) - rto::inner_product(from.theta, v) -
         radius * rto::value_coverage(expected, v, from.covariance);
}

}  // namespace

TEST_CASE("Value pessimism: primal equals dual, no perturbed policy does better, Theorem B.1 holds with its KL term") {
  unsigned seed = 100;
  for (const std::int64_t eos : {-1, 0})
    for (const double beta : {0.05, 0.5, 5.0})
      for (const bool with_reference : {false, true}) {
        const random_instance in({.actions = 3, .horizon = 3, .eos = eos, .rho = {0.5, 0.5}}, 3, 30, beta, ++seed);
        const learned from = learn(in, 0.5);
        const matrix v = with_reference ? rto::evaluate_features(in.tree, in.log_reference, in.features).expectation
                                        : matrix(matrix::Zero(3, 1));
        const double radius = from.oracle_radius;
        const auto saddle = rto::value_pessimism(in.tree, in.log_reference, in.features, from.theta, from.covariance, v,
                                                 {.beta = beta, .radius = radius});
        CHECK(saddle.converged);
        CHECK(std::abs(saddle.objective - saddle.pessimistic_value) <= duality);
        CHECK(saddle.pessimistic_value ==
              Approx(pessimistic_value(in, from, v, radius, saddle.plan.log_policy)).margin(duality));
        const matrix offset = saddle.theta - from.theta;
        const double distance = std::sqrt(rto::inner_product(offset, matrix(from.covariance.matrix * offset)));
        CHECK(distance <= radius * (1 + 1e-9));
        const matrix kkt = saddle.expected_features - v + saddle.multiplier * from.covariance.matrix * offset;
        CHECK(kkt.norm() <= duality);

        boost::random::mt19937 rng(seed);
        for (int k = 0; k < 20; ++k) {
          const double size = k % 2 == 0 ? 0.01 : 1.0;
          const array_2d other = rto::log_softmax(array_2d(
              saddle.plan.log_policy + size * rto::test::normal_array(in.tree.states(), in.tree.actions(), rng)));
          CHECK(pessimistic_value(in, from, v, radius, other) <= saddle.pessimistic_value + duality);
        }

        const auto optimum = rto::plan(in.tree, in.log_reference, in.reward, {.beta = beta});
        const auto visits = rto::occupancy(in.tree, optimum.log_policy);
        const double gap = optimum.objective - in.value_of(saddle.plan.log_policy);
        const double kl = (visits.visits * rto::kl_divergence(optimum.log_policy, saddle.plan.log_policy)).sum();
        const matrix expected = rto::evaluate_features(in.tree, optimum.log_policy, in.features).expectation;
        const double coverage = rto::value_coverage(expected, v, from.covariance);
        CHECK(gap <= rto::pessimism_bound(radius, coverage, beta, kl).total() + duality);
        if (!with_reference) {
          const array_2d bonus = rto::elliptical_norms(matrix(in.features.matrix()), from.covariance)
                                     .array()
                                     .reshaped<Eigen::RowMajor>(in.tree.states(), in.tree.actions());
          CHECK(coverage <= rto::expected_bonus(visits.state_action_visits, bonus) + 1e-12);  // Jensen
        }
      }
}

TEST_CASE("Value pessimism of radius zero plans for the estimate") {
  const random_instance in({.actions = 2, .horizon = 3}, 3, 20, 0.5, 200);
  const learned from = learn(in, 1.0);
  const auto saddle = rto::value_pessimism(in.tree, in.log_reference, in.features, from.theta, from.covariance,
                                           matrix(matrix::Zero(3, 1)), {.beta = 0.5, .radius = 0});
  const auto plug_in = rto::plan(in.tree, in.log_reference, in.reward_of(from.theta), {.beta = 0.5});
  CHECK(saddle.converged);
  CHECK((saddle.plan.log_policy == plug_in.log_policy).all());
  CHECK(saddle.objective == Approx(saddle.pessimistic_value));
}

TEST_CASE("A minimiser inside the ellipsoid has multiplier zero") {
  const random_instance in({.actions = 2, .horizon = 2}, 2, 50, 0.5, 201);
  const learned from = learn(in, 1.0);
  const array_2d target =
      rto::plan(in.tree, in.log_reference, in.reward_of(matrix(from.theta * 1.02)), {.beta = 0.5}).log_policy;
  const matrix v = rto::evaluate_features(in.tree, target, in.features).expectation;
  const auto saddle = rto::value_pessimism(in.tree, in.log_reference, in.features, from.theta, from.covariance, v,
                                           {.beta = 0.5, .radius = 50});
  CHECK(saddle.converged);
  CHECK(saddle.multiplier == 0.0);
  CHECK((saddle.theta - 1.02 * from.theta).norm() <= 1e-7);
  CHECK(std::abs(saddle.objective - saddle.pessimistic_value) <= duality);
}

TEST_CASE("Without reference vector too a minimiser inside the ellipsoid, where E phi vanishes, is found to converge") {
  random_instance in({.actions = 2, .horizon = 2}, 1, 20, 0.5, 206);
  // One feature of both signs: some theta balances it, and the wide ellipsoid contains that theta.
  in.features = array_2d::Zero(in.tree.states() * 2, 1);
  in.features(0, 0) = 0.6;
  in.features(1, 0) = -0.4;
  in.theta = matrix::Ones(1, 1);
  in.reward = in.reward_of(in.theta);
  const learned from = learn(in, 1.0);
  const auto saddle = rto::value_pessimism(in.tree, in.log_reference, in.features, from.theta, from.covariance,
                                           matrix(matrix::Zero(1, 1)), {.beta = 0.5, .radius = 100});
  CHECK(saddle.converged);
  CHECK(saddle.multiplier == 0.0);
  CHECK(saddle.expected_features.norm() <= duality);
  CHECK(std::abs(saddle.objective - saddle.pessimistic_value) <= duality);
}

TEST_CASE("At beta = infinity value pessimism returns the reference policy") {
  const random_instance in({.actions = 2, .horizon = 2}, 2, 20, std::numeric_limits<double>::infinity(), 202);
  const learned from = learn(in, 1.0);
  const auto saddle = rto::value_pessimism(in.tree, in.log_reference, in.features, from.theta, from.covariance,
                                           matrix(matrix::Zero(2, 1)),
                                           {.beta = std::numeric_limits<double>::infinity(), .radius = 0.5});
  CHECK(saddle.converged);
  CHECK((saddle.plan.log_policy == in.log_reference).all());
  CHECK(std::abs(saddle.objective - saddle.pessimistic_value) <= duality);
}

TEST_CASE("With the reference policy's features as reference vector the structural kernel drops out of the coverage") {
  random_instance in({.actions = 3, .horizon = 2, .eos = 0}, 2, 0, 0.5, 203);
  const Eigen::Index edges = in.tree.states() * 3;
  in.features = matrix::Identity(edges, edges).array();
  const auto kernel = rto::find_structural_kernel(in.tree, in.features);
  const matrix v = rto::evaluate_features(in.tree, in.log_reference, in.features).expectation;
  boost::random::mt19937 rng(204);
  const array_2d other = rto::log_softmax(rto::test::normal_array(in.tree.states(), 3, rng));
  const matrix difference = rto::evaluate_features(in.tree, other, in.features).expectation - v;
  CHECK((difference - kernel.complement * difference).norm() <= 1e-14);
  CHECK((v - kernel.complement * v).norm() > 0.1);
}

TEST_CASE("Value pessimism rejects beta = 0, bad radii and shapes") {
  const random_instance in({.actions = 2, .horizon = 2}, 2, 5, 1.0, 205);
  const learned from = learn(in, 1.0);
  const auto run = [&](const matrix& v, const rto::value_pessimism_options& options) {
    return rto::value_pessimism(in.tree, in.log_reference, in.features, from.theta, from.covariance, v, options);
  };
  const matrix v = matrix::Zero(2, 1);
  CHECK_THROWS_AS(run(v, {.beta = 0}), std::domain_error);
  CHECK_THROWS_AS(run(v, {.beta = std::nan("")}), std::domain_error);
  CHECK_THROWS_AS(run(v, {.radius = -1}), std::domain_error);
  CHECK_THROWS_AS(run(v, {.radius = std::numeric_limits<double>::infinity()}), std::domain_error);
  CHECK_THROWS_AS(run(matrix(matrix::Zero(3, 1)), {}), std::invalid_argument);
}
