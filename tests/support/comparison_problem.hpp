#pragma once

// Random comparison data, and data of known separability, for the tests of preference and reward.

#include <cmath>
#include <cstdint>

#include <Eigen/Core>
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <rto/array/eigen_matrix.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>

namespace rto::test {

using matrix = eigen_matrix<double>;
using dense_comparisons = comparison_set<matrix>;
using generator = boost::random::mt19937_64;

inline matrix normal_matrix(Eigen::Index n, Eigen::Index d, generator& rng) {
  boost::random::normal_distribution<double> normal;
  matrix x(n, d);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < d; ++j) x(i, j) = normal(rng);
  return x;
}

inline double uniform(generator& rng) { return boost::random::uniform_01<double>{}(rng); }

inline Eigen::Index uniform_index(Eigen::Index low, Eigen::Index high, generator& rng) {
  return boost::random::uniform_int_distribution<Eigen::Index>(low, high)(rng);
}

/// Features of rows of norm about sqrt(d), labels drawn from the model with parameter theta.
inline dense_comparisons bradley_terry_problem(Eigen::Index n, const matrix& theta, generator& rng) {
  dense_comparisons c{normal_matrix(n, theta.rows(), rng), matrix{}, matrix{}};
  const matrix margin = c.features * theta;
  c.label = sample_preferences(margin, rng);
  return c;
}

}  // namespace rto::test
