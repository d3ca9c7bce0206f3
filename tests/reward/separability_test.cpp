#include <rto/reward/separability.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include <Eigen/SparseCore>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"

using namespace rto::test;
using rto::separability_verdict;

namespace {

/// The definition: s_i <v, x_i> >= 0 for hard labels, = 0 for soft ones, > 0 at least once, to rounding.
bool proves_separation(const dense_comparisons& c, const matrix& v) {
  if (std::abs(v.norm() - 1.0) > 1e-10) return false;
  bool strict = false;
  for (Eigen::Index i = 0; i < c.features.rows(); ++i) {
    const double norm = c.features.row(i).norm(), y = c.label(i, 0);
    if (norm == 0.0 || (c.weighted() && c.weight(i, 0) == 0.0)) continue;
    const double margin = (c.features.row(i) * v)(0, 0) / norm;
    if (y > 0.0 && y < 1.0) {
      if (std::abs(margin) > 1e-11) return false;
    } else {
      const double side = y == 1.0 ? margin : -margin;
      if (side < -1e-11) return false;
      strict = strict || side > 1e-11;
    }
  }
  return strict;
}

void check(const dense_comparisons& c, bool separable) {
  const auto result = rto::decide_separability(c);
  CHECK(result.verdict == (separable ? separability_verdict::separable : separability_verdict::not_separable));
  if (separable && result.verdict == separability_verdict::separable) CHECK(proves_separation(c, result.direction));
}

/// Labels such that v separates strictly every row that it does not annihilate; those get both labels.
dense_comparisons quasi_separable(Eigen::Index n, Eigen::Index d, generator& rng) {
  matrix v = matrix::Zero(d, 1);
  v(0, 0) = 1.0;
  dense_comparisons c{normal_matrix(n, d, rng), matrix(n, 1), {}};
  for (Eigen::Index i = 0; i < n; ++i) {
    if (i % 2 == 0) c.features(i, 0) = 0.0;
    if (i > 0 && i % 4 == 0) c.features.row(i) = c.features.row(i - 2);  // both labels on the same difference
    c.label(i, 0) = i % 2 == 1 ? (c.features(i, 0) > 0 ? 1.0 : 0.0) : (i % 4 == 0 ? 1.0 : 0.0);
  }
  return c;
}

/// Applies an orthogonal map and a random scale to every row: separability does not see them.
void disguise(dense_comparisons& c, generator& rng) {
  const Eigen::Index d = c.features.cols();
  const matrix q = Eigen::HouseholderQR<matrix>(normal_matrix(d, d, rng)).householderQ();
  c.features = c.features * q;
  for (Eigen::Index i = 0; i < c.features.rows(); ++i) c.features.row(i) *= std::pow(10.0, 6.0 * uniform(rng) - 3.0);
}

}  // namespace

TEST_CASE("completely separable sets are separable, thousands of them") {
  generator rng(41);
  for (int trial = 0; trial < 1500; ++trial) {
    const Eigen::Index d = uniform_index(1, 8, rng), n = uniform_index(1, 60, rng);
    const matrix v = normal_matrix(d, 1, rng);
    dense_comparisons c{normal_matrix(n, d, rng), {}, {}};
    c.label = ((c.features * v).array() > 0.0).cast<double>().matrix();
    disguise(c, rng);
    check(c, true);
  }
}

TEST_CASE("quasi-separable sets are separable, thousands of them") {
  generator rng(42);
  for (int trial = 0; trial < 1500; ++trial) {
    const Eigen::Index d = uniform_index(2, 8, rng), n = uniform_index(2, 60, rng);
    dense_comparisons c = quasi_separable(n, d, rng);
    disguise(c, rng);
    check(c, true);
  }
}

TEST_CASE(
    "sets with a strictly positive combination of the signed rows that vanishes are not separable, thousands of them") {
  generator rng(43);
  for (int trial = 0; trial < 1500; ++trial) {
    const Eigen::Index d = uniform_index(1, 8, rng), n = uniform_index(1, 40, rng);
    dense_comparisons c{normal_matrix(n + 1, d, rng), matrix::Ones(n + 1, 1), {}};
    c.features.row(n).setZero();
    for (Eigen::Index i = 0; i < n; ++i) c.features.row(n) -= (0.1 + uniform(rng)) * c.features.row(i);
    for (Eigen::Index i = 0; i <= n; ++i)
      if (uniform(rng) < 0.5) c.features.row(i) *= -1.0, c.label(i, 0) = 0.0;
    disguise(c, rng);
    check(c, false);
  }
}

TEST_CASE("a soft label forbids every direction that it sees") {
  generator rng(44);
  for (int trial = 0; trial < 600; ++trial) {
    const Eigen::Index d = uniform_index(2, 7, rng), n = uniform_index(2, 40, rng), soft = uniform_index(1, d - 1, rng);
    // v = e_1 separates; soft rows with a zero first entry leave it free, others span everything.
    dense_comparisons c{normal_matrix(n + soft, d, rng), matrix(n + soft, 1), {}};
    for (Eigen::Index i = 0; i < n; ++i) c.label(i, 0) = c.features(i, 0) > 0.0 ? 1.0 : 0.0;
    for (Eigen::Index i = n; i < n + soft; ++i) c.features(i, 0) = 0.0, c.label(i, 0) = 0.1 + 0.8 * uniform(rng);
    dense_comparisons open = c;
    disguise(open, rng);
    check(open, true);
    dense_comparisons closed{matrix(n + d, d), matrix(n + d, 1), {}};
    closed.features << c.features.topRows(n), normal_matrix(d, d, rng);
    closed.label << c.label.topRows(n), matrix::Constant(d, 1, 0.5);
    disguise(closed, rng);
    check(closed, false);
  }
}

TEST_CASE("dependent columns change nothing") {
  generator rng(45);
  for (int trial = 0; trial < 300; ++trial) {
    const Eigen::Index d = uniform_index(2, 5, rng), n = uniform_index(4, 40, rng);
    dense_comparisons c = quasi_separable(n, d, rng);
    const matrix mix = normal_matrix(d, d + 3, rng);
    c.features = c.features * mix;
    check(c, true);
    dense_comparisons both{matrix(2 * n, d + 3), matrix(2 * n, 1), {}};  // every difference won and lost
    both.features << c.features, c.features;
    both.label << matrix::Ones(n, 1), matrix::Zero(n, 1);
    check(both, false);
  }
}

TEST_CASE("margins down to 1e-8 of the rows are decided") {
  generator rng(46);
  for (const double margin : {1e-2, 1e-4, 1e-6, 1e-8}) {
    for (int trial = 0; trial < 30; ++trial) {
      const Eigen::Index d = uniform_index(2, 6, rng), n = uniform_index(10, 80, rng);
      dense_comparisons c{normal_matrix(n, d, rng), matrix(n, 1), {}};
      for (Eigen::Index i = 0; i < n; ++i) {
        c.label(i, 0) = uniform(rng) < 0.5 ? 0.0 : 1.0;
        c.features(i, 0) = (c.label(i, 0) == 1.0 ? margin : -margin) * (1.0 + uniform(rng));
      }
      check(c, true);
      // The same with one row on the wrong side whose rest is the mirror of another: they contradict each other.
      dense_comparisons broken{matrix(n + 1, d), matrix(n + 1, 1), {}};
      broken.features << c.features, c.features.row(0);
      broken.label << c.label, matrix::Constant(1, 1, 1.0 - c.label(0, 0));
      // v must annihilate row 0; the others are still free, so that this is separable unless they span nothing else.
      CHECK(rto::decide_separability(broken).verdict != separability_verdict::undecided);
    }
  }
}

TEST_CASE("no comparison, no hard label, no difference: not separable; a single hard one: separable") {
  check(dense_comparisons{matrix(0, 3), matrix(0, 1), {}}, false);
  check(dense_comparisons{matrix::Zero(3, 2), matrix::Ones(3, 1), {}}, false);
  generator rng(47);
  check(dense_comparisons{normal_matrix(5, 2, rng), matrix::Constant(5, 1, 0.3), {}}, false);
  check(dense_comparisons{normal_matrix(1, 4, rng), matrix::Zero(1, 1), {}}, true);
}

TEST_CASE("comparisons of weight zero do not count") {
  matrix x(2, 1), y(2, 1), w(2, 1);
  x << 1.0, 2.0;
  y << 1.0, 0.0;
  w << 1.0, 0.0;
  check(dense_comparisons{x, y, {}}, false);
  check(dense_comparisons{x, y, w}, true);
}

TEST_CASE("the Motzkin multipliers certify what the active-set method decides, at the estimate") {
  // The cheap certificate never contradicts the decision, and it does certify ordinary data.
  generator rng(48);
  int certified = 0, free = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const Eigen::Index d = uniform_index(1, 5, rng), n = uniform_index(d + 1, 30 * d, rng);
    const dense_comparisons c = bradley_terry_problem(n, matrix(0.8 * normal_matrix(d, 1, rng)), rng);
    const rto::detail::shifted_objective<matrix> objective(c);
    const rto::detail::separability_data<matrix> data(objective);
    const auto space = rto::make_row_space(c.features, matrix(data.inverse_norm.matrix()));
    // A few gradient steps scaled by the inverse information: enough of a maximum for the certificate.
    matrix theta = matrix::Zero(d, 1);
    for (int step = 0; step < 12; ++step) {
      const auto at = rto::evaluate_bradley_terry(c, theta);
      theta += (at.information + 1e-11 * matrix::Identity(d, d)).ldlt().solve(at.gradient);
      if (!(theta.norm() < 1e3)) theta.setZero();
    }
    const bool certificate = rto::detail::certainly_not_separable(objective, data, space, matrix(c.features * theta));
    const bool separable = rto::decide_separability(c).verdict == separability_verdict::separable;
    if (certificate) CHECK(!separable);
    certified += certificate;
    free += !separable;
  }
  CHECK(free > 200);
  CHECK(certified > 0.9 * free);
}

TEST_CASE("sparse features and maps of the caller's memory are decided like dense ones") {
  generator rng(49);
  using sparse = Eigen::SparseMatrix<double, Eigen::RowMajor>;
  using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  for (int trial = 0; trial < 100; ++trial) {
    const Eigen::Index d = uniform_index(2, 5, rng), n = uniform_index(4, 30, rng);
    const dense_comparisons c =
        trial % 2 == 0 ? quasi_separable(n, d, rng) : bradley_terry_problem(n, matrix(matrix::Ones(d, 1)), rng);
    const auto verdict = rto::decide_separability(c).verdict;
    const rto::comparison_set<sparse> s{c.features.sparseView(), c.label, {}};
    CHECK(rto::decide_separability(s).verdict == verdict);
    const row_major rows = c.features;
    const rto::comparison_set<Eigen::Map<const row_major>> m{{rows.data(), n, d}, c.label, {}};
    CHECK(rto::decide_separability(m).verdict == verdict);
  }
}
