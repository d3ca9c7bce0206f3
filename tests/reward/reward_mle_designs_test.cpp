// The same estimates from dense, sparse and mapped features, and from many more features than Newton's method likes.
#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/SparseCore>

#include <rto/reward/reward_mle.hpp>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

using sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;
using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// n differences with `entries` of d features each, labels drawn from a random parameter; a share is tied.
rto::comparison_set<sparse> sparse_problem(Eigen::Index n, Eigen::Index d, int entries, double tied, generator& rng) {
  std::vector<Eigen::Triplet<double>> triplets;
  for (Eigen::Index i = 0; i < n; ++i)
    for (int k = 0; k < entries; ++k)
      triplets.emplace_back(static_cast<int>(i), static_cast<int>(uniform_index(0, d - 1, rng)),
                            uniform(rng) < 0.5 ? -1.0 : 1.0);
  rto::comparison_set<sparse> c{sparse(n, d), {}, {}};
  c.features.setFromTriplets(triplets.begin(), triplets.end());
  c.label = rto::sample_preferences(matrix(c.features * normal_matrix(d, 1, rng)), rng);
  for (Eigen::Index i = 0; i < n; ++i)
    if (uniform(rng) < tied) c.label(i, 0) = 0.5;
  return c;
}

}  // namespace

TEST_CASE("sparse features and maps of row-major memory give the dense estimate") {
  generator rng(81);
  for (const double bound : {0.3, 100.0}) {
    const auto s = sparse_problem(300, 12, 3, 0.2, rng);
    const dense_comparisons dense{matrix(s.features), s.label, {}};
    const row_major rows = dense.features;
    const rto::comparison_set<Eigen::Map<const row_major>> mapped{{rows.data(), 300, 12}, s.label, {}};
    const auto a = rto::reward_mle(dense, {.bound = bound}), b = rto::reward_mle(s, {.bound = bound}),
               c = rto::reward_mle(mapped, {.bound = bound});
    CHECK(a.converged);
    CHECK(a.status == b.status);
    CHECK(a.status == c.status);
    CHECK(a.rank == b.rank);
    CHECK((a.theta - b.theta).norm() < 1e-10);
    CHECK((a.theta - c.theta).norm() < 1e-10);
  }
}

TEST_CASE("thousands of sparse features: L-BFGS is chosen, converges, and meets the optimality conditions") {
  generator rng(82);
  const auto c = sparse_problem(20000, 1200, 12, 0.3, rng);
  for (const double bound : {10.0, 1000.0}) {
    const auto e = rto::reward_mle(c, {.bound = bound});
    CHECK(e.rank == -1);  // not computed: it would need a [d, d] matrix
    CHECK(e.converged);
    const matrix z = c.features * e.theta;
    const matrix p = z.unaryExpr([](double x) { return rto::array::sigmoid(x); });
    const matrix gradient = c.features.transpose() * (p - c.label);
    CHECK((gradient + e.multiplier * e.theta).norm() < 1e-7 * c.features.norm());
    CHECK(std::abs((gradient + e.multiplier * e.theta).norm() - e.gradient_norm) < 1e-9 * c.features.norm());
    if (bound == 10.0) {
      CHECK(e.status == rto::mle_status::boundary);
      CHECK(std::abs(e.norm / bound - 1.0) < 1e-10);
    } else {
      CHECK(e.status == rto::mle_status::interior);
      CHECK(e.multiplier == 0.0);
    }
  }
}

TEST_CASE("more features than comparisons: separable, and L-BFGS says so with a direction") {
  generator rng(83);
  const auto c = sparse_problem(400, 5000, 20, 0.0, rng);
  const auto e = rto::reward_mle(c);
  CHECK(e.status == rto::mle_status::not_attained);
  REQUIRE(e.separability == rto::separability_verdict::separable);
  const Eigen::ArrayXd side = (2.0 * c.label.array() - 1.0) * (c.features * e.direction).array();
  CHECK(side.minCoeff() > 0.0);
}

TEST_CASE("tall data: a hundred thousand comparisons recover the parameter to its standard error") {
  generator rng(84);
  const matrix theta = 0.3 * normal_matrix(16, 1, rng);
  const dense_comparisons c = bradley_terry_problem(100000, theta, rng);
  const auto e = rto::reward_mle(c);
  CHECK(e.converged);
  CHECK(e.iterations <= 10);
  CHECK(e.rank == 16);
  CHECK(e.separability == rto::separability_verdict::not_separable);
  const matrix difference = e.theta - theta;
  const double deviance =
      (difference.transpose() * rto::evaluate_bradley_terry(c, e.theta).information * difference)(0, 0);
  CHECK(deviance < 16 + 4 * std::sqrt(32.0));  // chi-squared with 16 degrees of freedom
}
