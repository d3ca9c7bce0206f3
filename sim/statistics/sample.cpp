#include "sim/statistics/sample.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <stdexcept>
#include <string>

namespace rto::sim {
namespace {

void check_level(const char* function, double level, bool closed) {
  if (closed ? !(level >= 0 && level <= 1) : !(level > 0 && level < 1))
    throw std::domain_error(std::string("rto::sim::") + function + ": level in " + (closed ? "[0, 1]" : "(0, 1)") +
                            ", got " + std::to_string(level));
}

double t_quantile(double degrees, double confidence) {
  return boost::math::quantile(boost::math::complement(boost::math::students_t(degrees), (1 - confidence) / 2));
}

}  // namespace

double mean(const std::vector<double>& sample) {
  double sum = 0;
  for (const double x : sample) sum += x;
  return sum / static_cast<double>(sample.size());
}

double variance(const std::vector<double>& sample) {
  if (sample.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double centre = mean(sample);
  double sum = 0;
  for (const double x : sample) sum += (x - centre) * (x - centre);
  return sum / static_cast<double>(sample.size() - 1);
}

std::vector<double> paired_differences(std::vector<double> a, const std::vector<double>& b) {
  if (a.size() != b.size())
    throw std::invalid_argument("rto::sim::paired_differences: need lists of one length, got " +
                                std::to_string(a.size()) + " and " + std::to_string(b.size()));
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

estimate mean_interval(double mean, double variance, double n, double confidence) {
  check_level("mean_interval", confidence, false);
  estimate e;
  e.value = mean;
  if (n >= 2 && std::isfinite(variance) && std::isfinite(mean)) {
    const double half = t_quantile(n - 1, confidence) * std::sqrt(variance / n);
    e.range = {mean - half, mean + half};
  }
  return e;
}

estimate mean_interval(const std::vector<double>& sample, double confidence) {
  return mean_interval(mean(sample), variance(sample), static_cast<double>(sample.size()), confidence);
}

estimate mean_difference(const std::vector<double>& a, const std::vector<double>& b, double confidence) {
  check_level("mean_difference", confidence, false);
  estimate e;
  e.value = mean(a) - mean(b);
  if (a.size() < 2 || b.size() < 2) return e;
  const double na = static_cast<double>(a.size()), nb = static_cast<double>(b.size());
  const double va = variance(a) / na, vb = variance(b) / nb;
  if (!(va + vb > 0)) {
    e.range = {e.value, e.value};
    return e;
  }
  const double degrees = (va + vb) * (va + vb) / (va * va / (na - 1) + vb * vb / (nb - 1));
  const double half = t_quantile(degrees, confidence) * std::sqrt(va + vb);
  e.range = {e.value - half, e.value + half};
  return e;
}

double quantile(std::vector<double> sample, double probability) {
  check_level("quantile", probability, true);
  if (sample.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(sample.begin(), sample.end());
  const double position = probability * static_cast<double>(sample.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const double weight = position - static_cast<double>(below);
  if (weight == 0 || below + 1 == sample.size()) return sample[below];
  return sample[below] + weight * (sample[below + 1] - sample[below]);
}

estimate quantile_interval(std::vector<double> sample, double probability, double confidence) {
  check_level("quantile_interval", confidence, false);
  estimate e;
  e.value = quantile(sample, probability);
  if (sample.empty()) return e;
  std::sort(sample.begin(), sample.end());
  const std::size_t n = sample.size();
  // The number of values below the true quantile is binomial(n, probability).
  const boost::math::binomial_distribution<double> below(static_cast<double>(n), probability);
  const double tail = (1 - confidence) / 2, infinity = std::numeric_limits<double>::infinity();
  std::size_t low = 0;  // largest l with P(below < l) <= tail; order statistic l from 1
  while (low < n && boost::math::cdf(below, static_cast<double>(low)) <= tail) ++low;
  std::size_t high = n + 1;  // smallest u with P(below >= u) <= tail
  while (high > 1 && boost::math::cdf(boost::math::complement(below, static_cast<double>(high) - 2)) <= tail) --high;
  e.range = {low == 0 ? -infinity : sample[low - 1], high > n ? infinity : sample[high - 1]};
  return e;
}

}  // namespace rto::sim
