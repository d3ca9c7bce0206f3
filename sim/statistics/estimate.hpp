#pragma once
// Estimates with the interval they come with.
#include <cmath>
#include <limits>

namespace rto::sim {

struct interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();

  /// False for the default interval: none was computed.
  bool given() const { return !std::isnan(low) && !std::isnan(high); }
  bool contains(double x) const { return low <= x && x <= high; }
};

struct estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  interval range;  // two-sided, level stated by whoever computed it
};

}  // namespace rto::sim
