#include <rto/preference/bradley_terry.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/array/scalar.hpp>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE("bradley_terry_probability is 3/4 at a reward gap of log 3 and symmetric") {
  CHECK(close(rto::bradley_terry_probability(std::log(3.0), 0.0), 0.75, tolerance<double>::identity));
  CHECK(rto::bradley_terry_probability(2.0, 2.0) == 0.5);
  for (const double gap : {1e-8, 0.3, 5.0, 40.0, 700.0}) {
    const double p = rto::bradley_terry_probability(gap, 0.0), q = rto::bradley_terry_probability(0.0, gap);
    CHECK(close(p + q, 1.0, tolerance<double>::identity));
    CHECK(q > 0.0);
    CHECK(std::abs(q * (1.0 + std::exp(gap)) - 1.0) < 1e-12);  // relative accuracy in the tail
  }
}

TEST_CASE("bradley_terry_log_likelihood of numbers is y log p + (1 - y) log(1 - p) and linear in the tail") {
  for (const double y : {0.0, 0.2, 0.5, 1.0})
    for (const double z : {-3.0, -0.5, 0.0, 1.0, 4.0}) {
      const double p = 1.0 / (1.0 + std::exp(-z));
      CHECK(close(rto::bradley_terry_log_likelihood(z, y), y * std::log(p) + (1 - y) * std::log1p(-p),
                  tolerance<double>::identity));
    }
  CHECK(rto::bradley_terry_log_likelihood(-800.0, 1.0) == -800.0);
  CHECK(rto::bradley_terry_log_likelihood(800.0, 1.0) == 0.0);
  CHECK(close(rto::bradley_terry_log_likelihood(0.0, 0.5), -std::log(2.0), tolerance<double>::identity));
}

TEST_CASE("bradley_terry_residual keeps its relative accuracy where the probability rounds to one") {
  for (const double z : {5.0, 36.0, 100.0, 600.0}) {
    CHECK(std::abs(rto::bradley_terry_residual(z, 1.0) * (1.0 + std::exp(z)) - 1.0) < 1e-12);
    CHECK(std::abs(rto::bradley_terry_curvature(z) / rto::bradley_terry_residual(z, 1.0) - 1.0) < std::exp(-z) + 1e-12);
  }
}

TEST_CASE("bradley_terry_log_likelihood on an autodiff scalar has the residual as derivative") {
  using scalar = Eigen::AutoDiffScalar<Eigen::Matrix<double, 1, 1>>;
  for (const double z : {-30.0, -1.0, 0.0, 0.7, 30.0})
    for (const double y : {0.0, 0.3, 1.0}) {
      const scalar margin(z, Eigen::Matrix<double, 1, 1>::Ones()), label(y);
      const scalar value = rto::bradley_terry_log_likelihood(margin, label);
      CHECK(close(value.value(), rto::bradley_terry_log_likelihood(z, y), tolerance<double>::identity));
      const double derivative = value.derivatives().size() > 0 ? value.derivatives()[0] : 0.0;
      CHECK(close(derivative, rto::bradley_terry_residual(z, y), tolerance<double>::identity));
    }
}

TEST_CASE("the Eigen instantiation of the Bradley-Terry formulas equals the double one") {
  generator rng(11);
  using array = rto::eigen_array<double>;
  const array z = 5.0 * normal_matrix(7, 9, rng).array(), y = normal_matrix(7, 9, rng).array().abs().min(1.0);
  const array l = rto::bradley_terry_log_likelihood(z, y), u = rto::bradley_terry_residual(z, y),
              c = rto::bradley_terry_curvature(z);
  double worst = 0.0;
  for (Eigen::Index i = 0; i < z.size(); ++i) {
    const double zi = z.data()[i], yi = y.data()[i];
    worst = std::max({worst, std::abs(l.data()[i] - rto::bradley_terry_log_likelihood(zi, yi)),
                      std::abs(u.data()[i] - rto::bradley_terry_residual(zi, yi)),
                      std::abs(c.data()[i] - rto::bradley_terry_curvature(zi))});
  }
  CHECK(worst <= tolerance<array>::cross_backend);
}

TEST_CASE("gradient and information of a weighted soft-label set equal central differences") {
  generator rng(12);
  dense_comparisons c = bradley_terry_problem(40, normal_matrix(4, 1, rng), rng);
  for (Eigen::Index i = 0; i < 40; i += 3) c.label(i, 0) = uniform(rng);
  c.weight = normal_matrix(40, 1, rng).cwiseAbs();
  const matrix theta = normal_matrix(4, 1, rng);
  const auto at = rto::evaluate_bradley_terry(c, theta);
  CHECK(at.log_likelihood == Approx(rto::bradley_terry_log_likelihood(c, theta)).epsilon(1e-14));
  const double h = tolerance<double>::step;
  for (Eigen::Index j = 0; j < 4; ++j) {
    matrix up = theta, down = theta;
    up(j, 0) += h, down(j, 0) -= h;
    const double slope =
        (rto::bradley_terry_log_likelihood(c, up) - rto::bradley_terry_log_likelihood(c, down)) / (2 * h);
    CHECK(close(at.gradient(j, 0), slope, tolerance<double>::gradient));
    const matrix curve =
        (rto::evaluate_bradley_terry(c, up).gradient - rto::evaluate_bradley_terry(c, down).gradient) / (2 * h);
    for (Eigen::Index k = 0; k < 4; ++k) CHECK(close(-at.information(k, j), curve(k, 0), tolerance<double>::gradient));
  }
}

TEST_CASE("an empty comparison set has log-likelihood 0, and n identical trajectories -n log 2") {
  const matrix theta = matrix::Ones(2, 1);
  CHECK(rto::bradley_terry_log_likelihood(dense_comparisons{matrix(0, 2), matrix(0, 1), {}}, theta) == 0.0);
  CHECK(rto::evaluate_bradley_terry(dense_comparisons{matrix(0, 2), matrix(0, 1), {}}, theta).gradient.norm() == 0.0);
  const dense_comparisons same{matrix::Zero(5, 2), matrix::Ones(5, 1), {}};
  CHECK(close(rto::bradley_terry_log_likelihood(same, theta), -5 * std::log(2.0), tolerance<double>::identity));
}

TEST_CASE("preferences are drawn with the Bradley-Terry probability") {
  // 4 standard errors at each of five margins: false alarm 3e-4 at a fresh seed, and the seed is fixed.
  generator rng(13);
  const Eigen::Index n = 40000;
  for (const double margin : {-2.0, -0.3, 0.0, 1.0, 4.0}) {
    const matrix y = rto::sample_preferences(matrix(matrix::Constant(n, 1, margin)), rng);
    CHECK((y.array() * (1.0 - y.array())).abs().maxCoeff() == 0.0);
    const double p = rto::bradley_terry_probability(margin, 0.0);
    CHECK(std::abs(y.mean() - p) <= tolerance<double>::statistical * std::sqrt(p * (1 - p) / static_cast<double>(n)));
  }
}

TEST_CASE("likelihood functions reject a theta or a label of the wrong shape") {
  const dense_comparisons c{matrix::Ones(3, 2), matrix::Ones(3, 1), {}};
  CHECK_THROWS_AS(rto::bradley_terry_log_likelihood(c, matrix::Ones(3, 1)), std::invalid_argument);
  CHECK_THROWS_AS(rto::evaluate_bradley_terry(c, matrix::Ones(2, 2)), std::invalid_argument);
  const dense_comparisons bad{matrix::Ones(3, 2), matrix::Ones(2, 1), {}};
  CHECK_THROWS_AS(rto::bradley_terry_log_likelihood(bad, matrix::Ones(2, 1)), std::invalid_argument);
}
