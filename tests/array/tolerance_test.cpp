#include "support/tolerance.hpp"

#include "support/catch.hpp"

using rto::eigen_array;
using rto::test::distance;
using rto::test::tolerance;

TEST_CASE("a tolerance belongs to the scalar type, through arrays and autodiff scalars") {
  using gradient_scalar = Eigen::AutoDiffScalar<Eigen::VectorXd>;
  STATIC_REQUIRE(tolerance<eigen_array<double>>::identity == tolerance<double>::identity);
  STATIC_REQUIRE(tolerance<gradient_scalar>::identity == tolerance<double>::identity);
  STATIC_REQUIRE(tolerance<eigen_array<gradient_scalar>>::identity == tolerance<double>::identity);
  STATIC_REQUIRE(tolerance<eigen_array<float>>::identity > 1e6 * tolerance<double>::identity);
}

TEST_CASE("distance sees every disagreement and only those") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  CHECK(distance(std::vector{1.0, inf, nan}, std::vector{1.0, inf, nan}) == 0);
  CHECK(distance(std::vector{1.0, 2.0}, std::vector{1.0, 4.0}) == 0.5);
  CHECK(distance(std::vector{1.0}, std::vector{inf}) == inf);
  CHECK(distance(std::vector{nan}, std::vector{1.0}) == inf);
  CHECK(distance(std::vector{1.0}, std::vector{1.0, 1.0}) == inf);
  eigen_array<double> wide(1, 2), tall(2, 1);
  wide << 1, 2;
  tall << 1, 2;
  CHECK(distance(wide, tall) == inf);
}
