#include "sim/statistics/line_fit.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <stdexcept>
#include <string>

#include "sim/statistics/sample.hpp"

namespace rto::sim {

line_fit fit_line(const std::vector<double>& x, const std::vector<double>& y, double confidence) {
  if (x.size() != y.size() || x.size() < 2)
    throw std::invalid_argument("rto::sim::fit_line: x and y of equal length >= 2, got " + std::to_string(x.size()) +
                                " and " + std::to_string(y.size()));
  if (!(confidence > 0 && confidence < 1))
    throw std::domain_error("rto::sim::fit_line: confidence in (0, 1), got " + std::to_string(confidence));
  const double n = static_cast<double>(x.size()), x_mean = mean(x), y_mean = mean(y);
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
  }
  if (!(xx > 0)) throw std::domain_error("rto::sim::fit_line: at least two different x, got one");

  line_fit fit;
  fit.n = n;
  fit.slope.value = xy / xx;
  fit.intercept.value = y_mean - fit.slope.value * x_mean;
  if (x.size() == 2) return fit;
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double residual = y[i] - fit.intercept.value - fit.slope.value * x[i];
    squares += residual * residual;
  }
  fit.residual_deviation = std::sqrt(squares / (n - 2));
  const double t = boost::math::quantile(boost::math::complement(boost::math::students_t(n - 2), (1 - confidence) / 2));
  const double slope_half = t * fit.residual_deviation / std::sqrt(xx);
  const double intercept_half = t * fit.residual_deviation * std::sqrt(1 / n + x_mean * x_mean / xx);
  fit.slope.range = {fit.slope.value - slope_half, fit.slope.value + slope_half};
  fit.intercept.range = {fit.intercept.value - intercept_half, fit.intercept.value + intercept_half};
  return fit;
}

line_fit fit_power_law(const std::vector<double>& x, const std::vector<double>& y, double confidence) {
  std::vector<double> log_x, log_y;
  for (const double v : x) {
    if (!(v > 0)) throw std::domain_error("rto::sim::fit_power_law: positive x, got " + std::to_string(v));
    log_x.push_back(std::log(v));
  }
  for (const double v : y) {
    if (!(v > 0)) throw std::domain_error("rto::sim::fit_power_law: positive y, got " + std::to_string(v));
    log_y.push_back(std::log(v));
  }
  return fit_line(log_x, log_y, confidence);
}

}  // namespace rto::sim
