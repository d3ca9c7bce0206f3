#include <rto/reward/likelihood_confidence_set.hpp>

#include <cmath>
#include <span>
#include <vector>

#include <rto/array/eigen_matrix.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {
template <class M> comparison_set<M> comparisons_of(const M& x, const M& y) { return {x, y, M()}; }
}  // namespace

TEST_CASE("The likelihood confidence set keeps the candidates within zeta of the largest likelihood") {
  const auto set = make_likelihood_confidence_set({-5, -2, -4, -infinity, -2}, 2);
  CHECK(set.best == 1);  // the first of two
  CHECK(set.members == std::vector<std::int64_t>{1, 2, 4});
  CHECK(set.contains(4));
  CHECK(!set.contains(0));
  CHECK(!set.contains(3));
  CHECK(make_likelihood_confidence_set({-5, -2, -2}, 0).members == std::vector<std::int64_t>{1, 2});
  CHECK(make_likelihood_confidence_set({-5, -2, -infinity}, infinity).members == std::vector<std::int64_t>{0, 1});
}

TEST_CASE("The widths are log(|C| / delta) and half a quantile of chi squared") {
  CHECK(finite_class_zeta(20, 0.1) == Approx(std::log(200)));
  CHECK(smooth_class_zeta(2, 0.1) == Approx(-std::log(0.1)));  // chi^2_2 is exponential with mean 2
  CHECK(smooth_class_zeta(1, 0.05) == Approx(0.5 * 3.841458820694124));
}

TEMPLATE_TEST_CASE("The likelihood of a tabular reward is that of the differences of the trajectories' rewards", "",
                   RTO_NUMBER_ARRAY_TYPES) {
  using A = TestType;
  // Two states, two actions; (0,0)(1,1) against (0,1)(1,1), preferred; then against itself, a tie.
  const auto visits = make<A>(2, {1, -1, 0, 0, 0, 0, 0, 0});
  const matrix_t<A> x = visits.matrix(), y = column<A>({1, 0.5}).matrix();
  const std::vector<A> rewards{make<A>(2, {0.5, -0.25, 7, 3}), make<A>(2, {0, 0, 1, 1})};
  const auto l = reward_log_likelihoods(comparisons_of(x, y), std::span<const A>(rewards));
  CHECK(distance(l, {-std::log1p(std::exp(-0.75)) - std::log(2), -2 * std::log(2)}) <= tolerance<A>::identity);
}

TEST_CASE("A class that contains the truth has it in its set with probability at least 1 - delta") {
  generator rng(3);
  const matrix theta = normal_matrix(4, 1, rng);
  const matrix x = normal_matrix(60, 4, rng);
  std::vector<eigen_array<double>> rewards{eigen_array<double>(theta.transpose().array())};  // one state, four actions
  for (int k = 1; k < 16; ++k) rewards.push_back((theta + 0.2 * normal_matrix(4, 1, rng)).transpose().array());
  const double delta = 0.2;
  int missed = 0;
  constexpr int draws = 400;
  for (int k = 0; k < draws; ++k) {
    const comparison_set<matrix> data{x, sample_preferences(matrix(x * theta), rng), {}};
    const auto l = reward_log_likelihoods(data, std::span<const eigen_array<double>>(rewards));
    if (!make_likelihood_confidence_set(l, finite_class_zeta(16, delta)).contains(0)) ++missed;
  }
  CHECK(missed <= draws * delta + tolerance<double>::statistical * std::sqrt(draws * delta * (1 - delta)));
}

TEST_CASE("A likelihood confidence set rejects empty classes, classes that forbid the data, and bad widths") {
  CHECK_THROWS_AS(make_likelihood_confidence_set({}, 1), std::invalid_argument);
  CHECK_THROWS_AS(make_likelihood_confidence_set({-infinity, -infinity}, 1), std::domain_error);
  CHECK_THROWS_AS(make_likelihood_confidence_set({-1, not_a_number}, 1), std::domain_error);
  CHECK_THROWS_AS(make_likelihood_confidence_set({-1, infinity}, 1), std::domain_error);
  CHECK_THROWS_AS(make_likelihood_confidence_set({-1}, -1), std::domain_error);
  CHECK_THROWS_AS(make_likelihood_confidence_set({-1}, not_a_number), std::domain_error);
  CHECK_THROWS_AS(finite_class_zeta(0, 0.1), std::domain_error);
  CHECK_THROWS_AS(finite_class_zeta(3, 1), std::domain_error);
  CHECK_THROWS_AS(smooth_class_zeta(0, 0.1), std::domain_error);
  CHECK_THROWS_AS(smooth_class_zeta(1, 0), std::domain_error);
  const matrix x = matrix::Identity(2, 4), y = matrix::Ones(2, 1);
  using table = eigen_array<double>;
  const std::vector<table> wrong{table::Zero(2, 3)}, bad{table::Constant(2, 2, infinity)};
  CHECK_THROWS_AS(reward_log_likelihoods(comparisons_of(x, y), std::span<const table>(wrong)), std::invalid_argument);
  CHECK_THROWS_AS(reward_log_likelihoods(comparisons_of(x, y), std::span<const table>(bad)), std::domain_error);
}
