#include <rto/preference/comparison.hpp>

#include <limits>
#include <stdexcept>
#include <string>

#include <Eigen/SparseCore>

#include <rto/array/eigen_matrix.hpp>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"

using namespace rto::test;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

dense_comparisons good() { return {matrix::Ones(3, 2), matrix::Constant(3, 1, 0.5), matrix::Ones(3, 1)}; }

std::string complaint(const dense_comparisons& c) {
  try {
    rto::validate(c);
  } catch (const std::exception& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("validate accepts hard, soft and tied labels, zero weights, and no comparisons at all") {
  dense_comparisons c = good();
  CHECK_NOTHROW(rto::validate(c));
  c.label << 0.0, 0.25, 1.0;
  c.weight << 0.0, 3.0, 0.5;
  CHECK_NOTHROW(rto::validate(c));
  CHECK_NOTHROW(rto::validate(dense_comparisons{matrix(0, 2), matrix(0, 1), {}}));
  CHECK_NOTHROW(rto::validate(dense_comparisons{matrix(0, 0), matrix(), {}}));
}

TEST_CASE("validate names the argument that is out of its domain") {
  for (const double bad : {not_a_number, inf, -inf}) {
    dense_comparisons c = good();
    c.features(1, 1) = bad;
    CHECK_THROWS_AS(rto::validate(c), std::domain_error);
    CHECK(complaint(c).find("features") != std::string::npos);
  }
  for (const double bad : {not_a_number, -1e-9, 1.0 + 1e-9, inf}) {
    dense_comparisons c = good();
    c.label(2, 0) = bad;
    CHECK_THROWS_AS(rto::validate(c), std::domain_error);
    CHECK(complaint(c).find("label") != std::string::npos);
  }
  for (const double bad : {not_a_number, -1e-300, inf}) {
    dense_comparisons c = good();
    c.weight(0, 0) = bad;
    CHECK_THROWS_AS(rto::validate(c), std::domain_error);
    CHECK(complaint(c).find("weight") != std::string::npos);
  }
}

TEST_CASE("validate rejects labels and weights of another length") {
  dense_comparisons c = good();
  c.label = matrix::Ones(2, 1);
  CHECK_THROWS_AS(rto::validate(c), std::invalid_argument);
  c = good();
  c.weight = matrix::Ones(4, 1);
  CHECK_THROWS_AS(rto::validate(c), std::invalid_argument);
}

TEST_CASE("validate sees a NaN among the stored entries of sparse features") {
  Eigen::SparseMatrix<double, Eigen::RowMajor> x(3, 4);
  x.insert(1, 2) = not_a_number;
  CHECK_THROWS_AS(rto::validate(rto::comparison_set<decltype(x)>{x, matrix::Ones(3, 1), {}}), std::domain_error);
}

TEST_CASE("difference subtracts the features of the second trajectory from those of the first") {
  generator rng(5);
  const matrix first = normal_matrix(6, 3, rng), second = normal_matrix(6, 3, rng);
  const auto c = rto::difference(first, second, matrix(matrix::Ones(6, 1)));
  CHECK((c.features - (first - second)).norm() == 0.0);
  CHECK_THROWS_AS(rto::difference(first, matrix(second.topRows(5)), matrix(matrix::Ones(6, 1))), std::invalid_argument);
  CHECK_THROWS_AS(rto::difference(first, second, matrix(matrix::Ones(5, 1))), std::invalid_argument);
}

TEST_CASE("weights are ones where a comparison set has none") {
  dense_comparisons c = good();
  c.weight = matrix{};
  CHECK(!c.weighted());
  CHECK((rto::weights(c) - matrix::Ones(3, 1)).norm() == 0.0);
}
