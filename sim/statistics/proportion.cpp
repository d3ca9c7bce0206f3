#include "sim/statistics/proportion.hpp"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/normal.hpp>
#include <stdexcept>
#include <string>

namespace rto::sim {
namespace {

void check_counts(const char* function, std::int64_t successes, std::int64_t trials) {
  if (successes < 0 || trials < successes)
    throw std::domain_error(std::string("rto::sim::") + function + ": 0 <= successes <= trials, got " +
                            std::to_string(successes) + " of " + std::to_string(trials));
}

void check_probability(const char* function, double p) {
  if (!(p >= 0 && p <= 1))
    throw std::domain_error(std::string("rto::sim::") + function + ": probability in [0, 1], got " + std::to_string(p));
}

estimate proportion(std::int64_t successes, std::int64_t trials) {
  estimate e;
  if (trials > 0) e.value = static_cast<double>(successes) / static_cast<double>(trials);
  return e;
}

}  // namespace

estimate wilson_interval(std::int64_t successes, std::int64_t trials, double confidence) {
  check_counts("wilson_interval", successes, trials);
  check_probability("wilson_interval", confidence);
  estimate e = proportion(successes, trials);
  if (trials == 0) {
    e.range = {0, 1};
    return e;
  }
  const double n = static_cast<double>(trials), p = e.value;
  const double z =
      boost::math::quantile(boost::math::complement(boost::math::normal_distribution<double>(), (1 - confidence) / 2));
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // At the ends the formula gives 0 or 1 exactly, but for rounding.
  e.range = {successes == 0 ? 0 : centre - half, successes == trials ? 1 : centre + half};
  return e;
}

estimate clopper_pearson_interval(std::int64_t successes, std::int64_t trials, double confidence) {
  check_counts("clopper_pearson_interval", successes, trials);
  check_probability("clopper_pearson_interval", confidence);
  estimate e = proportion(successes, trials);
  if (trials == 0) {
    e.range = {0, 1};
    return e;
  }
  using binomial = boost::math::binomial_distribution<double>;
  const double n = static_cast<double>(trials), k = static_cast<double>(successes), tail = (1 - confidence) / 2;
  e.range = {binomial::find_lower_bound_on_p(n, k, tail), binomial::find_upper_bound_on_p(n, k, tail)};
  return e;
}

std::int64_t binomial_bound(std::int64_t trials, double probability, double level) {
  check_counts("binomial_bound", 0, trials);
  check_probability("binomial_bound", probability);
  check_probability("binomial_bound", level);
  const boost::math::binomial_distribution<double> count(static_cast<double>(trials), probability);
  std::int64_t low = 0, high = trials;  // P(X <= trials) = 1
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (boost::math::cdf(count, static_cast<double>(middle)) >= level) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

double binomial_upper_tail(std::int64_t count, std::int64_t trials, double probability) {
  check_counts("binomial_upper_tail", std::max<std::int64_t>(count, 0), trials);
  check_probability("binomial_upper_tail", probability);
  if (count <= 0) return 1;
  const boost::math::binomial_distribution<double> x(static_cast<double>(trials), probability);
  return boost::math::cdf(boost::math::complement(x, static_cast<double>(count - 1)));
}

}  // namespace rto::sim
