#include <rto/reward/inference.hpp>

#include <cmath>
#include <stdexcept>
#include <vector>

#include <rto/reward/reward_mle.hpp>

#include "support/catch.hpp"
#include "support/comparison_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {

/// Citations among four statistics journals (Stigler 1994): the cited journal wins over the citing one. Biometrika is
/// the baseline; features are Comm Statist, JASA, JRSS-B.
dense_comparisons citations() {
  dense_comparisons c{matrix::Zero(6, 3), matrix(6, 1), matrix(6, 1)};
  const double wins[6][2] = {{730, 33}, {498, 320}, {221, 284}, {68, 813}, {17, 276}, {142, 325}};
  const int first[6] = {-1, -1, -1, 0, 0, 1}, second[6] = {0, 1, 2, 1, 2, 2};
  for (int i = 0; i < 6; ++i) {
    if (first[i] >= 0) c.features(i, first[i]) = 1.0;
    c.features(i, second[i]) = -1.0;
    c.weight(i, 0) = wins[i][0] + wins[i][1];
    c.label(i, 0) = wins[i][0] / c.weight(i, 0);
  }
  return c;
}

/// max l over theta_j = t, by a dense grid-free route: the column moves into an offset that a scan of the others meets.
double profile_by_search(const dense_comparisons& c, double t) {  // two coefficients, the first fixed
  double low = -20.0, high = 20.0;
  const auto value = [&](double other) {
    matrix theta(2, 1);
    theta << t, other;
    return rto::bradley_terry_log_likelihood(c, theta);
  };
  for (int k = 0; k < 200; ++k) {
    const double a = low + (high - low) / 3, b = high - (high - low) / 3;
    (value(a) < value(b) ? low : high) = value(a) < value(b) ? a : b;
  }
  return value(0.5 * (low + high));
}

}  // namespace

TEST_CASE("estimates, standard errors and log-likelihood of the citation data are the published ones") {
  const dense_comparisons c = citations();
  const auto fit = rto::reward_mle(c);
  REQUIRE(fit.status == rto::mle_status::interior);
  const auto inference = rto::make_wald_inference(c, fit.theta);
  const std::vector<double> estimate = {-2.9490724968439097, -0.47956976975199284, 0.26895405581947157};
  const std::vector<double> error = {0.10254533551120881, 0.060588729248230715, 0.07082996511114129};
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(std::abs(fit.theta(static_cast<Eigen::Index>(j), 0) - estimate[j]) < 1e-12);
    CHECK(std::abs(inference.standard_error[j] - error[j]) < 1e-12);
    CHECK(std::abs(inference.z[j] - estimate[j] / error[j]) < 1e-9);
  }
  CHECK(std::abs(fit.log_likelihood + 1622.889808827598) < 1e-9);
  CHECK((inference.covariance * inference.information - matrix::Identity(3, 3)).norm() < 1e-12);
}

TEST_CASE("one proportion: the Wald interval is the textbook one and the likelihood-ratio ends solve their equation") {
  dense_comparisons c{matrix::Ones(1, 1), matrix::Constant(1, 1, 0.7), matrix::Constant(1, 1, 20.0)};
  const auto fit = rto::reward_mle(c);
  const auto inference = rto::make_wald_inference(c, fit.theta);
  CHECK(std::abs(inference.standard_error[0] - 1.0 / std::sqrt(20 * 0.7 * 0.3)) < 1e-13);
  const auto wald = rto::wald_interval(fit.theta(0, 0), inference.standard_error[0], 0.95);
  CHECK(std::abs(wald.high - fit.theta(0, 0) - 1.959963984540054 * inference.standard_error[0]) < 1e-13);
  CHECK(std::abs(wald.high + wald.low - 2 * fit.theta(0, 0)) < 1e-13);
  const auto range = rto::likelihood_ratio_interval(c, fit.theta, inference, 0, 0.95);
  CHECK(range.converged);
  for (const double end : {range.low, range.high}) {
    const double l = rto::bradley_terry_log_likelihood(c, matrix(matrix::Constant(1, 1, end)));
    CHECK(std::abs(2 * (fit.log_likelihood - l) - 3.841458820694124) < 1e-8);
  }
  CHECK(range.low < fit.theta(0, 0));
  CHECK(range.high > fit.theta(0, 0));
}

TEST_CASE("likelihood-ratio ends put the profile likelihood, maximised by search, at the chi-squared quantile") {
  generator rng(71);
  for (int trial = 0; trial < 10; ++trial) {
    const dense_comparisons c = bradley_terry_problem(40, matrix(matrix::Ones(2, 1)), rng);
    const auto fit = rto::reward_mle(c);
    if (fit.status != rto::mle_status::interior) continue;
    const auto inference = rto::make_wald_inference(c, fit.theta);
    const auto range = rto::likelihood_ratio_interval(c, fit.theta, inference, 0, 0.9);
    REQUIRE(range.converged);
    for (const double end : {range.low, range.high})
      CHECK(std::abs(2 * (fit.log_likelihood - profile_by_search(c, end)) - 2.705543454095404) < 1e-7);
  }
}

TEST_CASE("likelihood-ratio and Wald intervals agree for many comparisons, and shrink like one over the root of n") {
  generator rng(72);
  const matrix theta = matrix::Constant(3, 1, 0.4);
  double width = 0.0;
  for (const Eigen::Index n : {2000, 32000}) {
    const dense_comparisons c = bradley_terry_problem(n, theta, rng);
    const auto fit = rto::reward_mle(c);
    const auto inference = rto::make_wald_inference(c, fit.theta);
    const auto ratio = rto::likelihood_ratio_interval(c, fit.theta, inference, 1, 0.95);
    const auto wald = rto::wald_interval(fit.theta(1, 0), inference.standard_error[1], 0.95);
    CHECK(std::abs((ratio.high - ratio.low) / (wald.high - wald.low) - 1.0) < 0.01);
    if (width > 0.0) CHECK(std::abs(width / (wald.high - wald.low) / 4.0 - 1.0) < 0.1);
    width = wald.high - wald.low;
  }
}

TEST_CASE("the likelihood-ratio interval covers the truth as often as it says, at small n") {
  // 1500 replicates at 90 %: the count lies within 4 standard errors, plus 1.5 % that the chi-squared limit is off by.
  generator rng(73);
  const matrix theta = matrix::Constant(1, 1, 0.8);
  int covered = 0, used = 0;
  for (int trial = 0; trial < 1500; ++trial) {
    const dense_comparisons c = bradley_terry_problem(60, theta, rng);
    const auto fit = rto::reward_mle(c);
    if (fit.status != rto::mle_status::interior) continue;
    ++used;
    const auto range = rto::likelihood_ratio_interval(c, fit.theta, rto::make_wald_inference(c, fit.theta), 0, 0.9);
    covered += range.low <= 0.8 && 0.8 <= range.high;
  }
  CHECK(used > 1450);
  CHECK(std::abs(static_cast<double>(covered) / used - 0.9) < 4 * std::sqrt(0.09 / used) + 0.015);
}

TEST_CASE("the likelihood-ratio test has the chi-squared p value, and rejects models that are not nested") {
  const auto test = rto::likelihood_ratio_test(-10.0, -12.0, 1);
  CHECK(test.statistic == 4.0);
  CHECK(std::abs(test.p_value - 0.04550026389635842) < 1e-12);
  CHECK(std::abs(rto::likelihood_ratio_test(-10.0, -12.0, 2).p_value - std::exp(-2.0)) < 1e-12);
  CHECK(rto::likelihood_ratio_test(-10.0, -10.0, 3).p_value == 1.0);
  CHECK_THROWS_AS(rto::likelihood_ratio_test(-12.0, -10.0, 1), std::domain_error);
  CHECK_THROWS_AS(rto::likelihood_ratio_test(-10.0, -12.0, 0), std::domain_error);
}

TEST_CASE("inference rejects a model that is not identified, and levels and coefficients out of range") {
  matrix x(4, 2);
  x << 1, 1, -1, -1, 2, 2, 1, 1;
  dense_comparisons c{x, matrix::Constant(4, 1, 0.4), {}};
  CHECK_THROWS_AS(rto::make_wald_inference(c, rto::reward_mle(c).theta), std::domain_error);
  c.features.col(1) << 1, 2, -1, 0;
  const auto fit = rto::reward_mle(c);
  const auto inference = rto::make_wald_inference(c, fit.theta);
  CHECK_THROWS_AS(rto::likelihood_ratio_interval(c, fit.theta, inference, 2, 0.9), std::invalid_argument);
  CHECK_THROWS_AS(rto::likelihood_ratio_interval(c, fit.theta, inference, 0, 1.0), std::domain_error);
  CHECK_THROWS_AS(rto::wald_interval(0.0, 1.0, 0.0), std::domain_error);
}
