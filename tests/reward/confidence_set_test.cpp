#include <rto/reward/confidence_set.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

#include <Eigen/SparseCore>

#include <rto/reward/pessimism.hpp>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

rto::confidence_radius_inputs inputs(std::int64_t rank, double row, double bound) {
  return {.rank = rank, .max_row_norm = row, .bound = bound, .lambda = 0.3, .delta = 0.05};
}

}  // namespace

TEST_CASE(
    "logistic_curvature is the derivative of the logistic function, 1/4 at zero, and even where it underflows finite") {
  CHECK(rto::logistic_curvature(0.0) == 0.25);
  for (const double c : {0.1, 1.0, 5.0, 30.0})
    CHECK(close(rto::logistic_curvature(c), 1.0 / (1 + std::exp(-c)) / (1 + std::exp(c)), tolerance<double>::identity));
  CHECK(rto::logistic_curvature(1000.0) == 0.0);
  CHECK(rto::logistic_curvature(inf) == 0.0);
  CHECK_THROWS_AS(rto::logistic_curvature(-1.0), std::domain_error);
}

TEST_CASE("confidence_radius equals its formula evaluated literally where that does not overflow") {
  for (const std::int64_t r : {1, 3, 20})
    for (const double c : {0.0, 0.5, 4.0, 40.0}) {
      const double t = std::log(20.0), gamma = rto::logistic_curvature(c), rank = static_cast<double>(r);
      const double literal =
          std::sqrt((rank + 2 * std::sqrt(rank * t) + 2 * t) / (4 * gamma * gamma) + 4 * 0.3 * 2.0 * 2.0);
      CHECK(std::abs(rto::confidence_radius(inputs(r, c / 2.0, 2.0)) / literal - 1.0) < 1e-13);
      const double printed = 2 * std::sqrt((rank + t) / (gamma * gamma) + 0.3 * 4.0);
      CHECK(std::abs(rto::confidence_radius_printed(inputs(r, c / 2.0, 2.0)) / printed - 1.0) < 1e-13);
    }
}

TEST_CASE("confidence_radius is finite while e^c is and infinite beyond, not NaN") {
  CHECK(std::isfinite(rto::confidence_radius(inputs(3, 1.0, 708.0))));
  CHECK(rto::confidence_radius(inputs(3, 1.0, 709.8)) == inf);
  CHECK(rto::confidence_radius(inputs(3, 1.0, inf)) == inf);
  CHECK(rto::confidence_radius(inputs(3, 1.0, 400.0)) > 1e170);  // 1 / gamma^2 overflows here
}

TEST_CASE("without information the radius is 2 B sqrt(lambda), and with B = 0 that of noise alone") {
  CHECK(close(rto::confidence_radius(inputs(0, 0.0, 1.5)), 3.0 * std::sqrt(0.3), tolerance<double>::identity));
  const double t = std::log(20.0);
  CHECK(close(rto::confidence_radius(inputs(2, 7.0, 0.0)), 2.0 * std::sqrt(2 + 2 * std::sqrt(2 * t) + 2 * t),
              tolerance<double>::identity));
}

TEST_CASE("the printed form with C = 2 is never below the explicit radius") {
  for (const std::int64_t r : {1, 2, 5, 50})
    for (const double row : {0.0, 0.1, 1.0, 10.0})
      for (const double bound : {0.0, 0.5, 3.0})
        for (const double delta : {1e-9, 0.05, 0.5, 0.999}) {
          rto::confidence_radius_inputs in = inputs(r, row, bound);
          in.delta = delta;
          CHECK(rto::confidence_radius(in) <= rto::confidence_radius_printed(in) * (1 + 1e-15));
        }
}

TEST_CASE("the self-normalised radius solves its quadratic inequality with equality") {
  // gamma u^2 = gamma a u + 4 gamma lambda B^2
  const rto::confidence_radius_inputs in = inputs(3, 0.8, 2.0);
  const double u = rto::self_normalized_radius(in, 7.0), gamma = rto::logistic_curvature(1.6);
  const double a = std::sqrt(0.5 * (3.5 + std::log(20.0))) / gamma;
  CHECK(std::abs(u * u - a * u - 4 * 0.3 * 4.0) < 1e-10 * u * u);
  CHECK_THROWS_AS(rto::self_normalized_radius(in, -1.0), std::domain_error);
}

TEST_CASE("radii reject lambda <= 0, delta outside (0, 1), and a negative bound") {
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    rto::confidence_radius_inputs in = inputs(2, 1.0, 1.0);
    in.lambda = bad;
    CHECK_THROWS_AS(rto::confidence_radius(in), std::domain_error);
    in = inputs(2, 1.0, 1.0);
    in.delta = bad;
    CHECK_THROWS_AS(rto::confidence_radius(in), std::domain_error);
  }
  rto::confidence_radius_inputs in = inputs(2, 1.0, 1.0);
  in.delta = 1.0;
  CHECK_THROWS_AS(rto::confidence_radius(in), std::domain_error);
  CHECK_THROWS_AS(rto::confidence_radius(inputs(2, 1.0, -0.1)), std::domain_error);
  CHECK_THROWS_AS(rto::confidence_radius(inputs(2, inf, 1.0)), std::domain_error);
}

TEST_CASE("the covariance is X^T X + lambda I, not divided by n, and lambda I without data") {
  generator rng(61);
  const matrix x = normal_matrix(20, 3, rng);
  const auto s = rto::make_regularized_covariance(x, 0.7);
  CHECK((s.matrix - x.transpose() * x - 0.7 * matrix::Identity(3, 3)).norm() < 1e-12);
  CHECK((s.factor.lower * s.factor.lower.transpose() - s.matrix).norm() < 1e-12);
  CHECK(std::abs(rto::log_determinant_ratio(s) - std::log((s.matrix / 0.7).determinant())) < 1e-11);
  const auto none = rto::make_regularized_covariance(matrix(0, 3), 2.0);
  CHECK((none.matrix - 2.0 * matrix::Identity(3, 3)).norm() == 0.0);
  CHECK(std::abs(rto::log_determinant_ratio(none)) < 1e-14);
  for (const double bad : {0.0, -1.0, inf, std::nan("")})
    CHECK_THROWS_AS(rto::make_regularized_covariance(x, bad), std::domain_error);
  matrix indefinite(2, 2);
  indefinite << 1.0, 2.0, 2.0, 1.0;
  CHECK_THROWS_AS(rto::factorize_covariance(indefinite, 1.0), std::domain_error);
}

TEST_CASE("elliptical_norms of thousands of features equal the definition one by one") {
  generator rng(62);
  for (const Eigen::Index m : {0, 1, 1023, 1024, 1025, 3000}) {
    const matrix x = normal_matrix(30, 4, rng), phi = normal_matrix(m, 4, rng);
    const auto s = rto::make_regularized_covariance(x, 0.1);
    const matrix got = rto::elliptical_norms(phi, s);
    REQUIRE(got.rows() == m);
    const matrix inverse = s.matrix.inverse();
    double worst = 0.0;
    for (Eigen::Index i = 0; i < m; ++i)
      worst = std::max(worst, std::abs(got(i, 0) - std::sqrt((phi.row(i) * inverse * phi.row(i).transpose())(0, 0))));
    CHECK(worst < 1e-13);
  }
}

TEST_CASE("sparse features, and maps of row-major memory, have the norms of dense ones") {
  generator rng(63);
  const matrix x = normal_matrix(25, 5, rng), phi = normal_matrix(40, 5, rng);
  const auto s = rto::make_regularized_covariance(x, 1.0);
  const Eigen::SparseMatrix<double, Eigen::RowMajor> sparse_x = x.sparseView(), sparse_phi = phi.sparseView();
  const Eigen::SparseMatrix<double> columns = x.sparseView();
  CHECK((rto::make_regularized_covariance(sparse_x, 1.0).matrix - s.matrix).norm() < 1e-12);
  CHECK((rto::make_regularized_covariance(columns, 1.0).matrix - s.matrix).norm() < 1e-12);
  CHECK((rto::elliptical_norms(sparse_phi, s) - rto::elliptical_norms(phi, s)).norm() < 1e-13);
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = phi;
  CHECK((rto::elliptical_norms(Eigen::Map<const decltype(rows)>(rows.data(), 40, 5), s) - rto::elliptical_norms(phi, s))
            .norm() < 1e-13);
}

TEST_CASE("with more data the uncertainty of every feature shrinks") {
  generator rng(64);
  const matrix x = normal_matrix(60, 4, rng), phi = normal_matrix(50, 4, rng);
  matrix before = rto::elliptical_norms(phi, rto::make_regularized_covariance(matrix(x.topRows(0)), 0.5));
  for (const Eigen::Index n : {1, 5, 20, 60}) {
    const matrix now = rto::elliptical_norms(phi, rto::make_regularized_covariance(matrix(x.topRows(n)), 0.5));
    CHECK((before - now).minCoeff() >= -1e-14);
    before = now;
  }
}

TEST_CASE(
    "pessimistic_reward is the linear reward minus radius times norm, at or below the truth inside the ellipsoid") {
  generator rng(65);
  const matrix x = normal_matrix(30, 3, rng), phi = normal_matrix(200, 3, rng), theta = normal_matrix(3, 1, rng);
  const auto s = rto::make_regularized_covariance(x, 0.2);
  const matrix r = rto::pessimistic_reward(phi, theta, s, 0.75);
  CHECK((r - (phi * theta - 0.75 * rto::elliptical_norms(phi, s))).norm() < 1e-13);
  CHECK((rto::pessimistic_reward(phi, theta, s, 0.0) - rto::linear_reward(phi, theta)).norm() == 0.0);
  for (int trial = 0; trial < 20; ++trial) {  // E1: 0 <= r - r_hat <= 2 radius norm
    const matrix truth = theta + 0.5 * normal_matrix(3, 1, rng), difference = truth - theta;
    const double radius = std::sqrt((difference.transpose() * s.matrix * difference)(0, 0));
    const matrix gap = phi * truth - rto::pessimistic_reward(phi, theta, s, radius);
    const matrix room = 2.0 * radius * rto::elliptical_norms(phi, s) - gap;
    CHECK(gap.minCoeff() >= -1e-10);
    CHECK(room.minCoeff() >= -1e-10);
  }
}

TEST_CASE("pessimistic_reward takes other features for the bonus, and rejects an infinite radius and wrong shapes") {
  generator rng(66);
  const matrix phi = normal_matrix(6, 2, rng), psi = normal_matrix(6, 2, rng), theta = matrix::Ones(2, 1);
  const auto s = rto::make_regularized_covariance(normal_matrix(9, 2, rng), 1.0);
  CHECK(
      (rto::pessimistic_reward(phi, psi, theta, s, 2.0) - (phi * theta - 2.0 * rto::elliptical_norms(psi, s))).norm() <
      1e-13);
  for (const double bad : {inf, -1.0, std::nan("")})
    CHECK_THROWS_AS(rto::pessimistic_reward(phi, theta, s, bad), std::domain_error);
  CHECK_THROWS_AS(rto::pessimistic_reward(phi, matrix(psi.topRows(5)), theta, s, 1.0), std::invalid_argument);
  CHECK_THROWS_AS(rto::pessimistic_reward(phi, matrix::Ones(3, 1), s, 1.0), std::invalid_argument);
  CHECK_THROWS_AS(rto::elliptical_norms(matrix(matrix::Ones(4, 3)), s), std::invalid_argument);
}
