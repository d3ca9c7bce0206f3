#include <rto/reward/reward_mle.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;
using rto::mle_status;
using rto::separability_verdict;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
using estimate = rto::reward_estimate<matrix>;

/// ||grad(-l) + mu theta|| relative to the sum of the norms of what cancels in it.
double kkt_residual(const dense_comparisons& c, const estimate& e) {
  const matrix gradient = -rto::evaluate_bradley_terry(c, e.theta).gradient + e.multiplier * e.theta;
  const Eigen::ArrayXd z = (c.features * e.theta).array(), y = c.label.array();
  const Eigen::ArrayXd u = rto::weights(c).array() * rto::bradley_terry_residual(z, y).abs();
  return gradient.norm() / std::max((u * c.features.rowwise().norm().array()).sum(), 1e-300);
}

double distance_to(const matrix& a, const matrix& b) { return (a - b).norm() / std::max(1.0, b.norm()); }

dense_comparisons random_problem(generator& rng) {
  const Eigen::Index d = uniform_index(1, 6, rng), n = uniform_index(5 * d, 40 * d, rng);
  dense_comparisons c = bradley_terry_problem(n, matrix(0.7 * normal_matrix(d, 1, rng)), rng);
  if (uniform(rng) < 0.3)
    for (Eigen::Index i = 0; i < n; i += 2) c.label(i, 0) = uniform(rng);
  if (uniform(rng) < 0.3) c.weight = normal_matrix(n, 1, rng).cwiseAbs();
  return c;
}

}  // namespace

TEST_CASE("with one feature the estimate is the log odds of the wins") {
  dense_comparisons c{matrix::Ones(10, 1), matrix::Zero(10, 1), {}};
  c.label.topRows(7).setOnes();
  const estimate e = rto::reward_mle(c);
  CHECK(e.status == mle_status::interior);
  CHECK(e.converged);
  CHECK(e.separability == separability_verdict::not_separable);
  CHECK(close(e.theta(0, 0), std::log(7.0 / 3.0), tolerance<double>::identity));
  CHECK(close(e.log_likelihood, 7 * std::log(0.7) + 3 * std::log(0.3), tolerance<double>::identity));
}

TEST_CASE("one pair under a bound sits on the sphere with the multiplier of the closed form") {
  matrix x(1, 3);
  x << 1.0, -2.0, 2.0;  // norm 3
  for (const double bound : {1e-6, 0.1, 2.0, 10.0, 100.0, 200.0}) {
    const estimate e = rto::reward_mle(dense_comparisons{x, matrix::Zero(1, 1), {}}, {.bound = bound});
    CHECK(e.status == mle_status::boundary);
    CHECK(e.converged);
    CHECK(e.rank == 1);
    CHECK((e.theta + bound / 3.0 * x.transpose()).norm() <= tolerance<double>::identity * bound);
    const double multiplier = 3.0 / bound / (1.0 + std::exp(3.0 * bound));
    CHECK(std::abs(e.multiplier / multiplier - 1.0) < 1e-10);
  }
}

TEST_CASE("where every probability underflows the boundary is still found") {
  // Margins B x_1, B x_2 of a separable set: as B grows the maximiser turns to the direction of the largest least
  // margin, here that of equal margins, (1, 1) / sqrt 2 up to log(2) / B.
  matrix x(3, 2);
  x << 1.0, 0.0, 0.0, 1.0, 0.0, 0.0;  // the last carries no information
  dense_comparisons c{x, matrix::Ones(3, 1), {}};
  c.label(1, 0) = 0.0;
  c.weight = matrix::Constant(3, 1, 2.0);
  for (const double bound : {50.0, 500.0, 2000.0, 1e5}) {
    const estimate e = rto::reward_mle(c, {.bound = bound});
    CHECK(e.status == mle_status::boundary);
    CHECK(e.converged);
    CHECK(std::abs(e.norm / bound - 1.0) < 1e-10);
    CHECK(std::abs(e.theta(0, 0) / bound - std::sqrt(0.5)) < 1e-9);
    CHECK(std::abs(e.theta(1, 0) / bound + std::sqrt(0.5)) < 1e-9);
  }
}

TEST_CASE("the optimality conditions hold at every estimate, and the bound is active exactly where it must be") {
  generator rng(21);
  int boundary = 0, interior = 0;
  for (int trial = 0; trial < 150; ++trial) {
    const dense_comparisons c = random_problem(rng);
    const estimate free = rto::reward_mle(c);
    if (free.status == mle_status::not_attained) continue;
    CHECK(free.status == mle_status::interior);
    CHECK(free.converged);
    CHECK(kkt_residual(c, free) < 1e-10);
    for (const double factor : {0.05, 0.5, 0.999, 1.001, 3.0}) {
      const double bound = factor * free.norm;
      const estimate e = rto::reward_mle(c, {.bound = bound});
      CHECK(e.converged);
      CHECK(kkt_residual(c, e) < 1e-10);
      CHECK(e.norm <= bound * (1.0 + 1e-12));
      if (factor < 1.0) {
        ++boundary;
        CHECK(e.status == mle_status::boundary);
        CHECK(e.multiplier > 0.0);
        CHECK(std::abs(e.norm / bound - 1.0) < 1e-12);
        CHECK(e.log_likelihood <= free.log_likelihood);
      } else {
        ++interior;
        CHECK(e.status == mle_status::interior);
        CHECK(e.multiplier == 0.0);
        CHECK(distance_to(e.theta, free.theta) < 1e-9);
      }
    }
  }
  CHECK(boundary > 300);
  CHECK(interior > 200);
}

TEST_CASE("no point of the ball beats the estimate") {
  generator rng(22);
  for (int trial = 0; trial < 30; ++trial) {
    const dense_comparisons c = random_problem(rng);
    const estimate e = rto::reward_mle(c, {.bound = 0.8});
    for (int k = 0; k < 40; ++k) {
      matrix other = e.theta + std::pow(10.0, -4.0 * uniform(rng)) * normal_matrix(e.theta.rows(), 1, rng);
      if (other.norm() > 0.8) other *= 0.8 / other.norm();
      CHECK(rto::bradley_terry_log_likelihood(c, other) <= e.log_likelihood + 1e-12 * std::abs(e.log_likelihood));
    }
  }
}

TEST_CASE("scaling the features scales the estimate inversely, with and without a bound") {
  generator rng(23);
  for (int trial = 0; trial < 20; ++trial) {
    const dense_comparisons c = random_problem(rng);
    for (const double bound : {inf, 0.4}) {
      const estimate e = rto::reward_mle(c, {.bound = bound});
      if (e.status == mle_status::not_attained) continue;
      for (const double scale : {1e-6, 1e-3, 1e2, 1e6}) {
        dense_comparisons scaled = c;
        scaled.features *= scale;
        const estimate s = rto::reward_mle(scaled, {.bound = bound / scale});
        CHECK(s.status == e.status);
        CHECK(s.converged);
        CHECK(distance_to(matrix(scale * s.theta), e.theta) < 1e-9);
        CHECK(std::abs(s.multiplier - scale * scale * e.multiplier) <= 1e-9 * scale * scale * (1.0 + e.multiplier));
      }
    }
  }
}

TEST_CASE("columns of very different scales give the estimate of the balanced ones") {
  generator rng(24);
  const dense_comparisons c = bradley_terry_problem(200, matrix(normal_matrix(4, 1, rng)), rng);
  const estimate e = rto::reward_mle(c);
  matrix scale(4, 1);
  scale << 1e-7, 1.0, 1e4, 1e-2;
  dense_comparisons scaled = c;
  scaled.features = c.features * scale.col(0).asDiagonal();
  const estimate s = rto::reward_mle(scaled);
  CHECK(s.rank == 4);
  CHECK(s.status == mle_status::interior);
  CHECK(distance_to(matrix(scale.cwiseProduct(s.theta)), e.theta) < 1e-9);
}

TEST_CASE(
    "the order of the comparisons does not matter, a weight of two is a comparison seen twice, and swapping a pair "
    "flips its label") {
  generator rng(25);
  const dense_comparisons c = random_problem(rng);
  const Eigen::Index n = c.features.rows();
  const estimate e = rto::reward_mle(c, {.bound = 5.0});
  dense_comparisons reversed = c, twice = c, swapped = c, doubled = c;
  reversed.features = c.features.colwise().reverse(), reversed.label = c.label.colwise().reverse();
  if (c.weighted()) reversed.weight = c.weight.colwise().reverse();
  twice.features.resize(2 * n, c.features.cols()), twice.label.resize(2 * n, 1), twice.weight.resize(2 * n, 1);
  twice.features << c.features, c.features;
  twice.label << c.label, c.label;
  twice.weight << rto::weights(c), rto::weights(c);
  doubled.weight = 2.0 * rto::weights(c);
  swapped.features = -c.features, swapped.label = matrix::Ones(n, 1) - c.label;
  CHECK(distance_to(rto::reward_mle(reversed, {.bound = 5.0}).theta, e.theta) < 1e-10);
  CHECK(distance_to(rto::reward_mle(twice, {.bound = 5.0}).theta, rto::reward_mle(doubled, {.bound = 5.0}).theta) <
        1e-10);
  CHECK(distance_to(rto::reward_mle(swapped, {.bound = 5.0}).theta, e.theta) < 1e-10);
}

TEST_CASE("with dependent columns the estimate is the maximiser of least norm") {
  generator rng(26);
  for (int trial = 0; trial < 40; ++trial) {
    const Eigen::Index r = uniform_index(1, 3, rng), extra = uniform_index(1, 4, rng);
    const dense_comparisons base = bradley_terry_problem(60 * r, matrix(0.5 * normal_matrix(r, 1, rng)), rng);
    const matrix mix = normal_matrix(r, r + extra, rng);
    dense_comparisons c = base;
    c.features = base.features * mix;
    for (const double bound : {inf, 0.1}) {
      const estimate e = rto::reward_mle(c, {.bound = bound});
      if (e.status == mle_status::not_attained) continue;
      CHECK(e.rank == r);
      CHECK(e.converged);
      CHECK(kkt_residual(c, e) < 1e-10);
      // In the row space: nothing is left after projecting on it.
      const matrix projector = mix.transpose() * (mix * mix.transpose()).ldlt().solve(mix);
      CHECK((e.theta - projector * e.theta).norm() <= 1e-10 * e.norm);
      if (bound == inf) CHECK(distance_to(matrix(mix * e.theta), rto::reward_mle(base).theta) < 1e-9);
    }
  }
}

TEST_CASE("duplicate columns share the coefficient equally") {
  generator rng(27);
  const dense_comparisons base = bradley_terry_problem(80, matrix(matrix::Ones(2, 1)), rng);
  dense_comparisons c = base;
  c.features.resize(80, 4);
  c.features << base.features.col(0), base.features.col(1), base.features.col(0), matrix::Zero(80, 1);
  const estimate e = rto::reward_mle(c), b = rto::reward_mle(base);
  CHECK(e.rank == 2);
  CHECK(std::abs(e.theta(0, 0) - e.theta(2, 0)) < 1e-12);
  CHECK(std::abs(e.theta(0, 0) - 0.5 * b.theta(0, 0)) < 1e-10);
  CHECK(std::abs(e.theta(1, 0) - b.theta(1, 0)) < 1e-10);
  CHECK(e.theta(3, 0) == 0.0);
}

TEST_CASE("no data, no differences and all ties give zero; a bound of zero sits on the boundary") {
  const estimate none = rto::reward_mle(dense_comparisons{matrix(0, 2), matrix(0, 1), {}}, {.bound = 1.0});
  CHECK(none.status == mle_status::interior);
  CHECK(none.theta.norm() == 0.0);
  CHECK(none.rank == 0);
  CHECK(none.log_likelihood == 0.0);
  CHECK(none.converged);
  for (const double bound : {inf, 1.0}) {
    const estimate same =
        rto::reward_mle(dense_comparisons{matrix::Zero(4, 2), matrix::Ones(4, 1), {}}, {.bound = bound});
    CHECK(same.status == mle_status::interior);
    CHECK(same.theta.norm() == 0.0);
    CHECK(same.rank == 0);
    CHECK(close(same.log_likelihood, -4 * std::log(2.0), tolerance<double>::identity));
    generator rng(28);
    const estimate ties =
        rto::reward_mle(dense_comparisons{normal_matrix(9, 3, rng), matrix::Constant(9, 1, 0.5), {}}, {.bound = bound});
    CHECK(ties.status == mle_status::interior);
    CHECK(ties.theta.norm() == 0.0);
    CHECK(ties.rank == 3);
  }
  const estimate zero = rto::reward_mle(dense_comparisons{matrix::Ones(3, 2), matrix::Ones(3, 1), {}}, {.bound = 0.0});
  CHECK(zero.status == mle_status::boundary);
  CHECK(zero.theta.norm() == 0.0);
  CHECK(zero.norm == 0.0);
}

TEST_CASE("comparisons of weight zero do not exist: neither for the estimate nor for separability") {
  generator rng(29);
  dense_comparisons c = bradley_terry_problem(30, matrix(matrix::Ones(2, 1)), rng);
  const estimate e = rto::reward_mle(c, {.bound = 3.0});
  dense_comparisons more = c;
  more.features.conservativeResize(31, 2), more.label.conservativeResize(31, 1);
  more.features.row(30) << 100.0, -50.0;
  more.label(30, 0) = 1.0;
  more.weight = matrix::Ones(31, 1);
  more.weight(30, 0) = 0.0;
  CHECK(distance_to(rto::reward_mle(more, {.bound = 3.0}).theta, e.theta) < 1e-12);
  // One against one on a line is not separable; without one of them it is.
  matrix x = matrix::Ones(2, 1), y(2, 1), w(2, 1);
  y << 1.0, 0.0;
  w << 1.0, 0.0;
  CHECK(rto::reward_mle(dense_comparisons{x, y, {}}).status == mle_status::interior);
  CHECK(rto::reward_mle(dense_comparisons{x, y, w}).status == mle_status::not_attained);
}

TEST_CASE("separable data without a bound are reported as not attained, with a direction that proves it") {
  generator rng(30);
  for (int trial = 0; trial < 60; ++trial) {
    const Eigen::Index d = uniform_index(1, 6, rng), n = uniform_index(1, 60, rng);
    const matrix v = normal_matrix(d, 1, rng);
    dense_comparisons c{normal_matrix(n, d, rng), {}, {}};
    c.label = ((c.features * v).array() > 0.0).cast<double>().matrix();
    const estimate e = rto::reward_mle(c);
    CHECK(e.status == mle_status::not_attained);
    CHECK(!e.converged);
    REQUIRE(e.separability == separability_verdict::separable);
    const Eigen::ArrayXd side = (2.0 * c.label.array() - 1.0) * (c.features * e.direction).array();
    CHECK(side.minCoeff() > 0.0);
    CHECK(std::abs(e.direction.norm() - 1.0) < 1e-12);
    const estimate bounded = rto::reward_mle(c, {.bound = 2.5});
    CHECK(bounded.status == mle_status::boundary);
    CHECK(std::abs(bounded.norm - 2.5) < 1e-10);
    CHECK(kkt_residual(c, bounded) < 1e-10);
  }
}

TEST_CASE("a limit on the iterations is reported as not converged, not hidden") {
  generator rng(31);
  const dense_comparisons c = bradley_terry_problem(50, matrix(2.0 * matrix::Ones(3, 1)), rng);
  const estimate e = rto::reward_mle(c, {.bound = 10.0, .max_iterations = 1});
  CHECK(!e.converged);
  CHECK(e.iterations == 1);
  CHECK(e.gradient_norm > 1e-3);
}

TEST_CASE("reward_mle rejects options and data out of their domain") {
  const dense_comparisons c{matrix::Ones(2, 2), matrix::Ones(2, 1), {}};
  for (const double bad : {-1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(rto::reward_mle(c, {.bound = bad}), std::domain_error);
  CHECK_THROWS_AS(rto::reward_mle(c, {.tolerance = 0.0}), std::domain_error);
  dense_comparisons bad = c;
  bad.label(0, 0) = 1.5;
  CHECK_THROWS_AS(rto::reward_mle(bad), std::domain_error);
  bad = c;
  bad.label = matrix::Ones(3, 1);
  CHECK_THROWS_AS(rto::reward_mle(bad), std::invalid_argument);
}

TEST_CASE("L-BFGS finds the estimate of Newton's method, inside the ball and on its boundary") {
  generator rng(32);
  int compared = 0;
  for (int trial = 0; trial < 40; ++trial) {
    const dense_comparisons c = random_problem(rng);
    for (const double bound : {inf, 1.0, 0.2}) {
      const estimate newton = rto::reward_mle(c, {.bound = bound, .solver = rto::mle_solver::newton});
      const estimate l_bfgs = rto::reward_mle(c, {.bound = bound, .solver = rto::mle_solver::l_bfgs});
      if (newton.status == mle_status::not_attained) continue;  // quasi-separation is not l_bfgs's to see
      ++compared;
      CHECK(l_bfgs.status == newton.status);
      CHECK(l_bfgs.converged);
      CHECK(distance_to(l_bfgs.theta, newton.theta) < 1e-7);
      CHECK(std::abs(l_bfgs.multiplier - newton.multiplier) < 1e-7 * (1.0 + newton.multiplier));
      if (newton.status == mle_status::boundary) CHECK(std::abs(l_bfgs.norm / bound - 1.0) < 1e-10);
    }
  }
  CHECK(compared > 100);
}
