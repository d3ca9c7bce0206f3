#pragma once
// Straight lines through points, and power laws through their logarithms.
#include <vector>

#include "sim/statistics/estimate.hpp"

namespace rto::sim {

struct line_fit {
  estimate slope, intercept;      // with Student's t intervals on n - 2 degrees of freedom (none with n = 2)
  double residual_deviation = 0;  // sqrt(residual sum of squares / (n - 2))
  double n = 0;
};

/// Ordinary least squares y = intercept + slope x.
/// \param x,y as long as each other, at least two different x  \throws std::invalid_argument, std::domain_error
line_fit fit_line(const std::vector<double>& x, const std::vector<double>& y, double confidence = 0.95);

/// y = c x^slope by least squares of log y on log x; `intercept` is log c. All values must be positive. \throws
/// std::domain_error
line_fit fit_power_law(const std::vector<double>& x, const std::vector<double>& y, double confidence = 0.95);

}  // namespace rto::sim
