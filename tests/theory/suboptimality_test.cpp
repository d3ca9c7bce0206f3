#include <rto/theory/suboptimality.hpp>

#include <cmath>
#include <limits>

#include <rto/array/eigen.hpp>

#include "support/catch.hpp"

using array_2d = rto::eigen_array<double>;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

array_2d row(std::initializer_list<double> values) {
  array_2d x(1, static_cast<Eigen::Index>(values.size()));
  Eigen::Index j = 0;
  for (double v : values) x(0, j++) = v;
  return x;
}

}  // namespace

TEST_CASE("decompose_suboptimality equals the gap of a bandit computed by hand") {
  // One state, two actions, uniform reference, beta = 1: pi* = softmax(r), pi_hat = softmax(r_hat).
  const array_2d r = row({std::log(3.0), 0.0}), r_hat = row({0.0, std::log(3.0)});
  const array_2d optimum = row({0.75, 0.25}), policy = row({0.25, 0.75});
  const double kl = 0.75 * std::log(3.0) - 0.25 * std::log(3.0);
  const rto::suboptimality_terms terms = rto::decompose_suboptimality(optimum, policy, r, r_hat, 1.0, kl);
  CHECK(terms.reward_error_of_optimum == Approx(0.5 * std::log(3.0)));
  CHECK(terms.reward_error_of_policy == Approx(0.5 * std::log(3.0)));
  CHECK(terms.planning == Approx(-0.5 * std::log(3.0)));
  // J(pi*) = log((3 + 1) / 2); J(pi_hat) = 0.25 log 3 - KL(pi_hat || uniform).
  const double policy_kl = 0.25 * std::log(0.5) + 0.75 * std::log(1.5);
  CHECK(terms.total() == Approx(std::log(2.0) - (0.25 * std::log(3.0) - policy_kl)));
}

TEST_CASE("The planning term is not charged at beta = 0 and vanishes at beta = infinity") {
  CHECK(rto::planning_term(0.0, infinity) == 0.0);
  CHECK(rto::planning_term(infinity, 0.0) == 0.0);
  CHECK(rto::planning_term(0.5, 3.0) == -1.5);
  CHECK(rto::planning_term(0.5, infinity) == -infinity);
  CHECK_THROWS_AS(rto::planning_term(-1.0, 0.0), std::domain_error);
  CHECK_THROWS_AS(rto::planning_term(std::nan(""), 0.0), std::domain_error);
  CHECK_THROWS_AS(rto::planning_term(1.0, std::nan("")), std::domain_error);
}

TEST_CASE("pessimism_bound is twice the radius times the coverage, less beta times the KL divergence") {
  const rto::suboptimality_bound bound = rto::pessimism_bound(3.0, 0.25, 0.5, 0.125);
  CHECK(bound.coverage == 1.5);
  CHECK(bound.kl_divergence == -0.0625);
  CHECK(bound.total() == 1.4375);
  CHECK_THROWS_AS(rto::pessimism_bound(infinity, 1.0, 1.0, 0.0), std::domain_error);
  CHECK_THROWS_AS(rto::pessimism_bound(-1.0, 1.0, 1.0, 0.0), std::domain_error);
  CHECK_THROWS_AS(rto::pessimism_bound(1.0, std::nan(""), 1.0, 0.0), std::domain_error);
}

TEST_CASE("fast_rate_bound is span squared over eight beta") {
  CHECK(rto::fast_rate_bound(2.0, 0.5) == 1.0);
  CHECK(rto::fast_rate_bound(2.0, infinity) == 0.0);
  CHECK_THROWS_AS(rto::fast_rate_bound(1.0, 0.0), std::domain_error);
  CHECK_THROWS_AS(rto::fast_rate_bound(-1.0, 1.0), std::domain_error);
}

TEST_CASE("decompose_suboptimality rejects arrays of unequal shape") {
  const array_2d two = row({1, 2}), three = row({1, 2, 3});
  CHECK_THROWS_AS(rto::decompose_suboptimality(two, three, two, two, 1.0, 0.0), std::invalid_argument);
  CHECK_THROWS_AS(rto::decompose_suboptimality(two, two, two, three, 1.0, 0.0), std::invalid_argument);
}
