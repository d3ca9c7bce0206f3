#include <rto/algorithm/differentiable_reward_planning.hpp>

#include <cmath>
#include <span>
#include <vector>

#include <rto/reward/autodiff_reward.hpp>
#include <rto/reward/tanh_network.hpp>

#include "algorithm/random_instance.hpp"
#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/linear_callable.hpp"
#include "support/tolerance.hpp"

using rto::test::array_2d;
using rto::test::linear_callable;
using rto::test::matrix;
using rto::test::random_instance;

namespace {

rto::comparison_set<matrix> visits_of(const random_instance& in) {
  const Eigen::Index edges = in.features.rows();
  const array_2d one_hot = matrix::Identity(edges, edges).array();
  return rto::compare_trajectories(in.tree, one_hot, std::span<const rto::trajectory_pair>(in.pairs));
}

std::span<const matrix> one(const matrix& start) { return {&start, 1}; }

}  // namespace

TEST_CASE("Algorithm 1 for a differentiable reward that is linear is Algorithm 1") {
  unsigned seed = 0;
  for (const std::int64_t eos : {-1, 0})
    for (const bool quotient : {false, true})
      for (const std::optional<double> radius : {std::optional<double>(0.4), std::optional<double>()}) {
        const random_instance in({.actions = 3, .horizon = 3, .eos = eos, .rho = {0.25, 0.75}}, 4, 80, 0.5, ++seed);
        const auto want = rto::pessimistic_reward_planning(
            in.tree, in.log_reference, in.features, std::span<const rto::trajectory_pair>(in.pairs),
            {.beta = 0.5, .lambda = 0.3, .radius = radius, .bound = 2, .quotient_features = quotient});
        const rto::autodiff_reward<linear_callable> reward({in.features.matrix()}, in.features.rows(), 4);
        const auto got = rto::differentiable_reward_planning(in.tree, in.log_reference, reward, visits_of(in),
                                                             one(matrix::Zero(4, 1)),
                                                             {.beta = 0.5,
                                                              .lambda = 0.3,
                                                              .metric = rto::reward_metric::design,
                                                              .radius = radius,
                                                              .bound = 2,
                                                              .quotient_features = quotient,
                                                              .mle = {.tolerance = 1e-10}});
        CHECK(got.pessimistic.radius == Approx(want.radius).epsilon(1e-12));
        CHECK((got.pessimistic.covariance.matrix - want.covariance.matrix).norm() <=
              1e-12 * want.covariance.matrix.norm());
        CHECK((got.pessimistic.bonus - want.bonus).abs().maxCoeff() <= 1e-12);
        CHECK((got.pessimistic.estimate.theta - want.estimate.theta).norm() <= 1e-8);
        CHECK((got.pessimistic.reward - want.reward).abs().maxCoeff() <= 1e-8);
        CHECK((got.pessimistic.plan.log_policy - want.plan.log_policy).abs().maxCoeff() <= 1e-7);
      }
}

TEST_CASE("Radius 0 is the plug-in policy; a larger radius lowers every reward by the bonus") {
  const random_instance in({.actions = 3, .horizon = 3}, 2, 400, 0.5, 30);
  const rto::tanh_network net(matrix(in.features.matrix()), 2);
  const rto::autodiff_reward<rto::tanh_network> reward(net, net.edges(), net.parameters());
  boost::random::mt19937 rng(31);
  const auto starts = rto::random_starts(matrix(), net.parameters(), 4, 1.0, rng);
  const auto run = [&](std::optional<double> radius) {
    return rto::differentiable_reward_planning(in.tree, in.log_reference, reward, visits_of(in),
                                               std::span<const matrix>(starts),
                                               {.beta = 0.5, .radius = radius, .bound = 3, .delta = 0.1});
  };
  const auto plug_in = run(0.0), pessimistic = run(2.0), given = run({});
  const array_2d value = plug_in.linear.value.array().reshaped<Eigen::RowMajor>(in.tree.states(), 3);
  CHECK((plug_in.pessimistic.reward - value).abs().maxCoeff() == 0);
  CHECK((pessimistic.pessimistic.reward - (value - 2 * pessimistic.pessimistic.bonus)).abs().maxCoeff() <= 1e-14);
  CHECK(pessimistic.pessimistic.bonus.minCoeff() > 0);
  const auto best = rto::plan(in.tree, in.log_reference, pessimistic.pessimistic.reward, {.beta = 0.5});
  CHECK((best.log_policy - pessimistic.pessimistic.plan.log_policy).abs().maxCoeff() == 0);
  const double zeta = rto::smooth_class_zeta(given.estimate.best.rank, 0.1);
  CHECK(given.pessimistic.radius == Approx(std::sqrt(2 * zeta + 4 * 9)));
}

TEST_CASE("Algorithm 1 for a differentiable reward refuses an infinite radius and wrong shapes") {
  const random_instance in({.actions = 2, .horizon = 2}, 2, 20, 0.5, 40);
  const rto::autodiff_reward<linear_callable> reward({in.features.matrix()}, in.features.rows(), 2);
  const auto run = [&](const matrix& start, const rto::differentiable_reward_planning_options& options) {
    return rto::differentiable_reward_planning(in.tree, in.log_reference, reward, visits_of(in), one(start), options);
  };
  CHECK_THROWS_AS(run(matrix::Zero(2, 1), {}), std::domain_error);  // no bound, no radius
  CHECK_THROWS_AS(run(matrix::Zero(2, 1), {.radius = -1.0}), std::domain_error);
  CHECK_THROWS_AS(run(matrix::Zero(2, 1), {.lambda = 0, .radius = 1.0}), std::domain_error);
  CHECK_THROWS_AS(run(matrix::Zero(3, 1), {.radius = 1.0}), std::invalid_argument);
  const rto::autodiff_reward<linear_callable> fewer({in.features.matrix()}, in.features.rows() - 1, 2);
  CHECK_THROWS_AS(rto::differentiable_reward_planning(in.tree, in.log_reference, fewer, visits_of(in),
                                                      one(matrix::Zero(2, 1)), {.radius = 1.0}),
                  std::invalid_argument);
}
