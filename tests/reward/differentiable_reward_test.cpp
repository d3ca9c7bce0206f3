#include <rto/reward/differentiable_reward.hpp>

#include <cmath>
#include <span>
#include <vector>

#include <Eigen/SparseCore>

#include <rto/reward/autodiff_reward.hpp>
#include <rto/reward/differentiable_reward_mle.hpp>
#include <rto/reward/inference.hpp>
#include <rto/reward/likelihood_confidence_set.hpp>
#include <rto/reward/reward_mle.hpp>
#include <rto/reward/tanh_network.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/derivative.hpp"
#include "support/linear_callable.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

using array_2d = eigen_array<double>;
using sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;

autodiff_reward<linear_callable> linear(const matrix& phi) { return {{phi}, phi.rows(), phi.cols()}; }

autodiff_reward<tanh_network> network(const matrix& inputs, std::int64_t units) {
  const tanh_network net(inputs, units);
  return {net, net.edges(), net.parameters()};
}

// Differences of the edges of two random trajectories of three edges each.
matrix random_visits(Eigen::Index n, Eigen::Index edges, generator& rng) {
  matrix v = matrix::Zero(n, edges);
  for (Eigen::Index i = 0; i < n; ++i)
    for (const double sign : {1.0, -1.0})
      for (int h = 0; h < 3; ++h) v(i, uniform_index(0, edges - 1, rng)) += sign;
  return v;
}

array_2d probability(const matrix& margin) {
  return bradley_terry_probability(margin.array(), array_2d::Zero(margin.rows(), 1));
}

std::span<const matrix> one(const matrix& start) { return {&start, 1}; }

}  // namespace

TEST_CASE("A tanh network is the sum of its units, odd in each, and its derivatives are those of its values") {
  generator rng(1);
  const matrix inputs = normal_matrix(5, 3, rng);
  for (const std::int64_t units : {1, 2, 4}) {  // 5, 10 and 20 parameters: one to three passes
    const auto reward = network(inputs, units);
    const matrix theta = normal_matrix(reward.parameters(), 1, rng);
    const matrix values = reward.values(theta);
    for (Eigen::Index e = 0; e < 5; ++e) {
      double sum = 0;
      for (Eigen::Index j = 0; j < units; ++j)
        sum += theta(5 * j, 0) * std::tanh(theta(5 * j + 1, 0) + inputs.row(e).dot(theta.col(0).segment(5 * j + 2, 3)));
      CHECK(close(values(e, 0), sum, tolerance<double>::identity));
    }
    matrix flipped = theta;
    flipped.topRows(5) *= -1;
    CHECK((reward.values(flipped) - values).cwiseAbs().maxCoeff() <= tolerance<double>::identity);

    const matrix jacobian = reward.jacobian(theta);
    REQUIRE(jacobian.cols() == reward.parameters());
    for (Eigen::Index k = 0; k < theta.rows(); ++k)
      for (Eigen::Index e = 0; e < 5; ++e) {
        const auto along = [&](double x) {
          matrix moved = theta;
          moved(k, 0) = x;
          return reward.values(moved)(e, 0);
        };
        CHECK(close(jacobian(e, k), central_difference(along, theta(k, 0)), tolerance<double>::gradient));
      }
    const double bound = theta.norm();
    CHECK(jacobian.rowwise().norm().maxCoeff() <= tanh_network(inputs, units).gradient_bound(bound));
  }
}

TEST_CASE("The gradient of the likelihood of a neural reward is that of its differences") {
  generator rng(2);
  const auto reward = network(normal_matrix(12, 2, rng), 2);
  const matrix theta = normal_matrix(reward.parameters(), 1, rng);
  const dense_comparisons visits{random_visits(40, 12, rng), matrix::Constant(40, 1, 0.3), matrix::Constant(40, 1, 2)};
  const auto at = linearize_reward(reward, visits, theta);
  const matrix residual = 2 * bradley_terry_residual(at.margin.array(), visits.label.array()).matrix();
  const matrix gradient = at.comparisons.features.transpose() * residual;
  for (Eigen::Index k = 0; k < theta.rows(); ++k) {
    const auto along = [&](double x) {
      matrix moved = theta;
      moved(k, 0) = x;
      return reward_log_likelihood(reward, visits, moved);
    };
    CHECK(close(gradient(k, 0), central_difference(along, theta(k, 0)), tolerance<double>::gradient));
  }
}

TEST_CASE("Maximum likelihood of a linear callable is that of the linear reward: interior, boundary, rank-deficient") {
  generator rng(3);
  for (const bool deficient : {false, true})
    for (const double bound : {0.5, 3.0, infinity}) {
      matrix phi = normal_matrix(20, 4, rng);
      if (deficient) phi.col(3) = phi.col(0) - phi.col(1);
      dense_comparisons visits{random_visits(300, 20, rng), matrix(), matrix()};
      visits.label = sample_preferences(matrix(visits.features * phi * normal_matrix(4, 1, rng)), rng);
      const dense_comparisons features{visits.features * phi, visits.label, matrix()};
      const auto want = reward_mle(features, {.bound = bound});
      const auto got =
          differentiable_reward_mle(linear(phi), visits, one(matrix::Zero(4, 1)), {.bound = bound, .tolerance = 1e-10});
      REQUIRE(want.converged);
      CHECK(got.best.converged);
      CHECK(got.best.status == want.status);
      CHECK(got.best.rank == want.rank);
      CHECK((got.best.theta - want.theta).norm() <= 1e-8 * (1 + want.norm));
      CHECK(got.best.log_likelihood == Approx(want.log_likelihood).epsilon(1e-12));
      CHECK(got.best.multiplier == Approx(want.multiplier).epsilon(1e-6).margin(1e-9));
    }
}

TEST_CASE("Linearised, a linear reward is itself, and both covariances are those of the linear path") {
  generator rng(4);
  const matrix phi = normal_matrix(15, 3, rng), theta = normal_matrix(3, 1, rng);
  dense_comparisons visits{random_visits(50, 15, rng), matrix::Constant(50, 1, 0.7), matrix::Constant(50, 1, 3)};
  const auto at = linearize_reward(linear(phi), visits, theta);
  const dense_comparisons features{visits.features * phi, visits.label, visits.weight};
  CHECK((at.value - phi * theta).norm() <= tolerance<double>::identity);
  CHECK((at.features - phi).norm() <= tolerance<double>::identity);
  CHECK((at.comparisons.features - features.features).norm() <= tolerance<double>::identity);
  const matrix design = make_regularized_covariance(features.features, 0.5).matrix;
  const matrix observed = evaluate_bradley_terry(features, theta).information + 0.5 * matrix::Identity(3, 3);
  const auto difference = [&](reward_metric metric, const matrix& want) {
    return (make_reward_covariance(at, 0.5, metric).matrix - want).norm() / want.norm();
  };
  CHECK(difference(reward_metric::design, design) <= tolerance<double>::identity);
  CHECK(difference(reward_metric::information, observed) <= tolerance<double>::identity);
}

TEST_CASE("Dense and sparse visits give one estimate") {
  generator rng(5);
  const auto reward = network(normal_matrix(10, 2, rng), 1);
  dense_comparisons visits{random_visits(200, 10, rng), matrix(), matrix()};
  const matrix truth = normal_matrix(4, 1, rng), start = normal_matrix(4, 1, rng);
  visits.label = sample_preferences(matrix(visits.features * reward.values(truth)), rng);
  const comparison_set<sparse> same{sparse(visits.features.sparseView()), visits.label, {}};
  const auto a = differentiable_reward_mle(reward, visits, one(start), {.bound = 3});
  const auto b = differentiable_reward_mle(reward, same, one(start), {.bound = 3});
  CHECK(a.best.log_likelihood == Approx(b.best.log_likelihood).epsilon(1e-10));
  CHECK(a.best.converged);
}

TEST_CASE(
    "A neural reward recovers the preferences of a planted teacher, and its likelihood is never below the truth") {
  generator rng(6);
  for (int world = 0; world < 3; ++world) {
    const auto reward = network(normal_matrix(30, 2, rng), 2);
    const matrix truth = 1.2 * normal_matrix(8, 1, rng);
    dense_comparisons visits{random_visits(400, 30, rng), matrix(), matrix()};
    // 400 pairs, each seen 500 times.
    const matrix margin = visits.features * reward.values(truth);
    visits.weight = matrix::Constant(400, 1, 500);
    visits.label = matrix::Zero(400, 1);
    for (int k = 0; k < 500; ++k) visits.label += sample_preferences(margin, rng);
    visits.label /= 500;
    const double bound = 2 * truth.norm();
    const auto starts = random_starts(truth, 8, 12, 1.0, rng);
    const auto found = differentiable_reward_mle(reward, visits, std::span<const matrix>(starts), {.bound = bound});
    CHECK(found.best.converged);
    CHECK(found.best.norm <= bound * (1 + 1e-12));
    CHECK(found.log_likelihood.size() == 12);
    CHECK(found.agreeing >= 1);
    CHECK(found.log_likelihood[static_cast<std::size_t>(found.best_start)] == found.best.log_likelihood);
    for (const double l : found.log_likelihood) CHECK(l <= found.best.log_likelihood);
    CHECK(found.best.log_likelihood >= reward_log_likelihood(reward, visits, truth));
    const matrix fitted = visits.features * reward.values(found.best.theta);
    const array_2d p = probability(margin), q = probability(fitted);
    // 8 parameters from 200 000 labels: the root mean square error of a probability is about sqrt(p (1-p) 8 / n).
    CHECK(std::sqrt((p - q).square().mean()) <= 2 * std::sqrt(0.25 * 8 / 200000));
  }
}

TEST_CASE("Laplace's ellipsoid is the likelihood set to second order where the fit is exact") {
  generator rng(7);
  const auto reward = network(normal_matrix(25, 2, rng), 1);
  const matrix truth = normal_matrix(4, 1, rng);
  dense_comparisons visits{random_visits(100, 25, rng), matrix(), matrix()};
  const matrix margin = visits.features * reward.values(truth);
  visits.label = probability(margin).matrix();  // soft labels: the truth is the maximum
  const auto at = linearize_reward(reward, visits, truth);
  const auto covariance = make_reward_covariance(at, 1e-9, reward_metric::information);
  const double top = reward_log_likelihood(reward, visits, truth);
  for (int k = 0; k < 5; ++k) {
    const matrix direction = normal_matrix(4, 1, rng);
    const double quadratic = 0.5 * inner_product(direction, matrix(covariance.matrix * direction));
    const auto error = [&](double t) {
      const double loss = top - reward_log_likelihood(reward, visits, matrix(truth + t * direction));
      return std::abs(loss / (t * t) - quadratic) / quadratic;
    };
    CHECK(error(1e-3) <= 0.02);
    CHECK(error(1e-3) < error(1e-2));
  }
}

TEST_CASE("The width of a Lipschitz class covers, whatever the maximum that was found") {
  generator rng(8);
  const matrix inputs = normal_matrix(12, 2, rng);
  const auto reward = network(inputs, 1);
  const matrix truth = normal_matrix(4, 1, rng);
  const double bound = 1.5 * truth.norm(), delta = 0.2;
  const double lipschitz = 6 * tanh_network(inputs, 1).gradient_bound(bound);
  const double zeta = lipschitz_class_zeta(4, bound, lipschitz, 60, delta);
  CHECK(zeta > smooth_class_zeta(4, delta));
  CHECK(lipschitz_class_zeta(1, 0, 1, 10, 0.5) == Approx(1 + std::log(2)));
  CHECK(lipschitz_class_zeta(2, 3, 5, 7, 0.1) == Approx(2 * std::log(106.0) + 2 + std::log(10)));
  dense_comparisons visits{random_visits(60, 12, rng), matrix(), matrix()};
  const matrix margin = visits.features * reward.values(truth);
  for (int k = 0; k < 20; ++k) {
    visits.label = sample_preferences(margin, rng);
    const auto starts = random_starts(truth, 4, 3, 1.0, rng);
    const auto found = differentiable_reward_mle(reward, visits, std::span<const matrix>(starts), {.bound = bound});
    CHECK(reward_log_likelihood(reward, visits, truth) >= found.best.log_likelihood - zeta);
  }
}

TEST_CASE("Separable data leave the estimate on the ball, and without one it is not called converged to a maximum") {
  generator rng(9);
  const matrix phi = normal_matrix(10, 2, rng);
  dense_comparisons visits{random_visits(30, 10, rng), matrix(), matrix()};
  const matrix margin = visits.features * phi * normal_matrix(2, 1, rng);
  visits.label = (margin.array() > 0).cast<double>().matrix();
  const dense_comparisons features{visits.features * phi, visits.label, matrix()};
  const auto want = reward_mle(features, {.bound = 4});
  const auto got = differentiable_reward_mle(linear(phi), visits, one(matrix::Zero(2, 1)), {.bound = 4});
  CHECK(got.best.status == mle_status::boundary);
  CHECK(got.best.converged);
  CHECK((got.best.theta - want.theta).norm() <= 1e-6);
  const auto far = differentiable_reward_mle(linear(phi), visits, one(matrix::Zero(2, 1)), {.max_iterations = 20});
  CHECK_FALSE(far.best.converged);
}

TEST_CASE("Without comparisons the start is the estimate, scaled into the ball") {
  const matrix phi = matrix::Identity(3, 2), start = matrix::Constant(2, 1, 3);
  const dense_comparisons none{matrix(0, 3), matrix(0, 1), matrix()};
  const auto found = differentiable_reward_mle(linear(phi), none, one(start), {.bound = 1});
  CHECK(found.best.converged);
  CHECK(found.best.theta.norm() == Approx(1));
  CHECK(found.best.rank == 0);
}

TEST_CASE("A differentiable reward rejects wrong shapes, values out of their domain and rewards that are not finite") {
  generator rng(10);
  const matrix phi = normal_matrix(6, 2, rng), start = matrix::Zero(2, 1);
  const auto reward = linear(phi);
  dense_comparisons visits{random_visits(5, 6, rng), matrix::Ones(5, 1), matrix()};
  const auto fit = [&](const dense_comparisons& data, const matrix& from,
                       const differentiable_reward_mle_options& options) {
    return differentiable_reward_mle(reward, data, one(from), options);
  };
  CHECK_THROWS_AS(fit(visits, matrix::Zero(3, 1), {}), std::invalid_argument);
  CHECK_THROWS_AS(fit(visits, matrix::Constant(2, 1, not_a_number), {}), std::domain_error);
  CHECK_THROWS_AS(differentiable_reward_mle(reward, visits, std::span<const matrix>()), std::invalid_argument);
  CHECK_THROWS_AS(fit(visits, start, {.bound = 0}), std::domain_error);
  CHECK_THROWS_AS(fit(visits, start, {.tolerance = 0}), std::domain_error);
  CHECK_THROWS_AS(fit(visits, start, {.max_iterations = -1}), std::domain_error);
  const dense_comparisons other{random_visits(5, 7, rng), matrix::Ones(5, 1), matrix()};
  CHECK_THROWS_AS(fit(other, start, {}), std::invalid_argument);
  const dense_comparisons label{visits.features, matrix::Constant(5, 1, 2), matrix()};
  CHECK_THROWS_AS(fit(label, start, {}), std::domain_error);
  CHECK_THROWS_AS(reward_log_likelihood(reward, visits, matrix(matrix::Zero(3, 1))), std::invalid_argument);
  matrix bad = phi;
  bad(0, 0) = infinity;
  CHECK_THROWS_AS(linearize_reward(linear(bad), visits, start), std::domain_error);
  CHECK_THROWS_AS(differentiable_reward_mle(linear(bad), visits, one(start)), std::domain_error);
  CHECK_THROWS_AS((autodiff_reward<linear_callable>({phi}, 6, 0)), std::domain_error);
  CHECK_THROWS_AS((autodiff_reward<linear_callable>({phi}, -1, 2)), std::domain_error);
  CHECK_THROWS_AS(reward.values(matrix(matrix::Zero(3, 1))), std::invalid_argument);
  const auto at = linearize_reward(reward, visits, start);
  for (const auto metric : {reward_metric::design, reward_metric::information})
    CHECK_THROWS_AS(make_reward_covariance(at, 0.0, metric), std::domain_error);
  CHECK_THROWS_AS(laplace_radius(-1, 1, 1), std::domain_error);
  CHECK_THROWS_AS(laplace_radius(1, 0, 1), std::domain_error);
  CHECK_THROWS_AS(laplace_radius(1, 1, -1), std::domain_error);
  CHECK_THROWS_AS(lipschitz_class_zeta(0, 1, 1, 1, 0.1), std::domain_error);
  CHECK_THROWS_AS(lipschitz_class_zeta(1, infinity, 1, 1, 0.1), std::domain_error);
  CHECK_THROWS_AS(lipschitz_class_zeta(1, 1, -1, 1, 0.1), std::domain_error);
  CHECK_THROWS_AS(lipschitz_class_zeta(1, 1, 1, not_a_number, 0.1), std::domain_error);
  CHECK_THROWS_AS(lipschitz_class_zeta(1, 1, 1, 1, 0), std::domain_error);
}
