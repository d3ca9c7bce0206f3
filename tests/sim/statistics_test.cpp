#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <vector>

#include <boost/random/normal_distribution.hpp>

#include "sim/engine/stream.hpp"
#include "sim/statistics/cross_fitting.hpp"
#include "sim/statistics/line_fit.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"
#include "sim/statistics/shuffle.hpp"
#include "support/catch.hpp"

using namespace rto::sim;

TEST_CASE("mean_interval is Student's: R's t.test(c(1,2,3,4,10))") {
  const estimate e = mean_interval({1, 2, 3, 4, 10});
  CHECK(e.value == 4);
  CHECK(e.range.low == Approx(-0.389947).epsilon(1e-5));
  CHECK(e.range.high == Approx(8.389947).epsilon(1e-5));
  CHECK_FALSE(mean_interval({1}).range.given());
  CHECK(std::isnan(mean({})));
  CHECK_THROWS_AS(mean_interval({1, 2}, 1.0), std::domain_error);
}

TEST_CASE("the intervals of a proportion are the textbook's: 8 of 10") {
  const estimate exact = clopper_pearson_interval(8, 10);
  CHECK(exact.range.low == Approx(0.4439045).epsilon(1e-6));
  CHECK(exact.range.high == Approx(0.9747893).epsilon(1e-6));
  const estimate score = wilson_interval(8, 10);
  CHECK(score.range.low == Approx(0.4901625).epsilon(1e-6));
  CHECK(score.range.high == Approx(0.9433178).epsilon(1e-6));
}

TEST_CASE("a proportion of none or all has an interval that ends at 0 or 1") {
  CHECK(wilson_interval(0, 20).range.low == 0);
  CHECK(wilson_interval(20, 20).range.high == 1);
  CHECK(clopper_pearson_interval(0, 20).range.low == 0);
  CHECK(clopper_pearson_interval(0, 20).range.high == Approx(1 - std::pow(0.025, 1.0 / 20)));
  CHECK_THROWS_AS(wilson_interval(3, 2), std::domain_error);
}

TEST_CASE("binomial_bound is the smallest count whose distribution function reaches the level") {
  CHECK(binomial_bound(1, 0.5, 0.5) == 0);
  CHECK(binomial_bound(1, 0.5, 0.51) == 1);
  CHECK(binomial_bound(10, 0.0) == 0);
  CHECK(binomial_bound(10, 1.0) == 10);
  const std::int64_t k = binomial_bound(200, 0.1, 0.999);
  CHECK(binomial_upper_tail(k + 1, 200, 0.1) <= 0.001);
  CHECK(binomial_upper_tail(k, 200, 0.1) > 0.001);
  CHECK(binomial_upper_tail(0, 5, 0.3) == 1);
  CHECK(binomial_upper_tail(5, 5, 0.5) == Approx(1.0 / 32));
}

TEST_CASE("quantile interpolates between order statistics") {
  CHECK(quantile({3, 1, 2, 4}, 0.5) == 2.5);
  CHECK(quantile({3, 1, 2, 4}, 0.0) == 1);
  CHECK(quantile({3, 1, 2, 4}, 1.0) == 4);
  CHECK(quantile({3, 1, 2, 4}, 0.25) == 1.75);
  CHECK(std::isnan(quantile({}, 0.5)));
  CHECK_THROWS_AS(quantile({1}, 1.5), std::domain_error);
}

TEST_CASE("the median's interval of nine values ends at the second and the eighth") {
  // P(binomial(9, 1/2) <= 1) = 10/512 < 0.025.
  const estimate e = quantile_interval({1, 2, 3, 4, 5, 6, 7, 8, 9}, 0.5);
  CHECK(e.value == 5);
  CHECK(e.range.low == 2);
  CHECK(e.range.high == 8);
  CHECK(std::isinf(quantile_interval({1, 2}, 0.5).range.high));
}

TEST_CASE("fit_line agrees with R's lm(y ~ x) and its confint") {
  const line_fit fit = fit_line({1, 2, 3, 4, 5}, {2.1, 3.9, 6.2, 7.8, 10.1});
  CHECK(fit.slope.value == Approx(1.99));
  CHECK(fit.intercept.value == Approx(0.05));
  // Residuals 0.06, -0.13, 0.18, -0.21, 0.10 have squares of sum 0.107; t of three degrees at 97.5 % is 3.182446.
  CHECK(fit.slope.range.high - fit.slope.value == Approx(3.182446305 * std::sqrt(0.107 / 3 / 10)).epsilon(1e-8));
  CHECK_THROWS_AS(fit_line({1, 1}, {1, 2}), std::domain_error);
  CHECK_THROWS_AS(fit_line({1, 2}, {1}), std::invalid_argument);
}

TEST_CASE("fit_power_law finds the exponent") {
  const line_fit fit = fit_power_law({1, 10, 100}, {5, 0.5, 0.05});
  CHECK(fit.slope.value == Approx(-1));
  CHECK(std::exp(fit.intercept.value) == Approx(5));
  CHECK_THROWS_AS(fit_power_law({1, 2}, {0, 1}), std::domain_error);
}

TEST_CASE("paired differences are taken entry by entry, and need lists of one length") {
  CHECK(paired_differences({3, 1, 0.5}, {1, 1, 2}) == std::vector<double>{2, 0, -1.5});
  CHECK(paired_differences({}, {}).empty());
  CHECK_THROWS_AS(paired_differences({1, 2}, {1}), std::invalid_argument);
}

TEST_CASE("a shuffle visits every order of three equally often") {
  stream rng(17);
  std::map<std::vector<int>, int> seen;
  constexpr int n = 6000;
  for (int i = 0; i < n; ++i) {
    std::vector<int> order{0, 1, 2};
    shuffle(order, rng);
    ++seen[order];
  }
  REQUIRE(seen.size() == 6);
  // 4.5 standard errors of a count, six counts: a false alarm once in 25 000 seeds.
  for (const auto& [order, count] : seen) CHECK(std::abs(count - n / 6) <= 4.5 * std::sqrt(n * (1.0 / 6) * (5.0 / 6)));
}

TEST_CASE("a cross-fitted choice is made by the other half of the replicates") {
  // Alternative 0 is best on even replicates, 1 on odd ones: even replicates get what the odd ones chose.
  CHECK(cross_fitted_choice({{9, 0, 9, 0}, {1, 2, 1, 2}}) == std::vector<std::size_t>{1, 0, 1, 0});
  CHECK(cross_fitted_choice({{1, 1, 1}, {2, 2, 2}, {2, 2, 2}}) == std::vector<std::size_t>{1, 1, 1});
  CHECK_THROWS_AS(cross_fitted_choice({}), std::invalid_argument);
  CHECK_THROWS_AS(cross_fitted_choice({{1}}), std::invalid_argument);
  CHECK_THROWS_AS(cross_fitted_choice({{1, 2}, {1, 2, 3}}), std::invalid_argument);
}

TEST_CASE(
    "the best of equal alternatives gains nothing when it is chosen by other replicates, and much when by its own") {
  stream rng(11);
  boost::random::normal_distribution<double> normal;
  const std::size_t n = 20, alternatives = 20, repetitions = 200;
  std::vector<double> fair, greedy;
  for (std::size_t k = 0; k < repetitions; ++k) {
    std::vector<std::vector<double>> values(alternatives);
    for (auto& list : values)
      for (std::size_t r = 0; r < n; ++r) list.push_back(normal(rng));
    const std::vector<std::size_t> choice = cross_fitted_choice(values);
    double sum = 0, best = -1e9;
    for (std::size_t r = 0; r < choice.size(); ++r) sum += values[choice[r]][r];
    for (const auto& list : values) best = std::max(best, mean(list));
    fair.push_back(sum / static_cast<double>(choice.size()));
    greedy.push_back(best);
  }
  CHECK(mean_interval(fair, 0.9999).range.contains(0));  // a false alarm in ten thousand seeds
  CHECK(mean_interval(greedy, 0.9999).range.low > 0.2);
}
