#include <rto/theory/concentrability.hpp>

#include <cmath>
#include <limits>

#include <rto/array/eigen_matrix.hpp>

#include "support/catch.hpp"

using array_2d = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

TEST_CASE("expected_bonus weighs the bonus by the occupancy") {
  array_2d occupancy(2, 2), bonus(2, 2);
  occupancy << 0.25, 0.75, 0.5, 0.0;
  bonus << 4, 8, 2, 100;
  CHECK(rto::expected_bonus(occupancy, bonus) == 8.0);
  CHECK_THROWS_AS(rto::expected_bonus(occupancy, bonus.topRows(1).eval()), std::invalid_argument);
}

TEST_CASE("expected_features is the occupancy-weighted sum of the feature rows") {
  matrix occupancy(3, 1), features(3, 2), expected(2, 1);
  occupancy << 0.5, 0.5, 1;
  features << 1, 0, 3, 2, -1, 4;
  expected << 1, 5;
  CHECK(rto::expected_features(occupancy, features) == expected);
  CHECK_THROWS_AS(rto::expected_features(features, features), std::invalid_argument);
}

TEST_CASE("value_coverage is the norm in the inverse covariance") {
  matrix covariance(2, 2), x(2, 1), v(2, 1);
  covariance << 4, 1, 1, 3;
  x << 2, 1;
  v << 1, -1;
  const auto sigma = rto::factorize_covariance(covariance, 1.0);
  const matrix difference = x - v;
  CHECK(rto::value_coverage(x, v, sigma) ==
        Approx(std::sqrt((difference.transpose() * covariance.inverse() * difference)(0, 0))));
  CHECK(rto::value_coverage(x, x, sigma) == 0.0);
  CHECK_THROWS_AS(rto::value_coverage(covariance, v, sigma), std::invalid_argument);
}

TEST_CASE("concentrability_coefficient is infinite exactly where the data miss what the policy visits") {
  array_2d policy(1, 3), data(1, 3);
  policy << 0.5, 0.5, 0.0;
  data << 0.25, 0.75, 0.0;
  CHECK(rto::concentrability_coefficient(policy, data) == 2.0);
  data << 0.0, 1.0, 0.0;
  CHECK(rto::concentrability_coefficient(policy, data) == std::numeric_limits<double>::infinity());
}
