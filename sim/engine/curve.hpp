#pragma once
// Estimates as points of a curve.
#include <algorithm>
#include <limits>

#include "sim/engine/figure.hpp"
#include "sim/statistics/estimate.hpp"

namespace rto::sim {

/// Adds an estimate at x, with its interval. \param floor the least that the interval's lower end is drawn at: a
/// logarithmic axis has no zero
inline void add_point(series& curve, double x, const estimate& e,
                      double floor = -std::numeric_limits<double>::infinity()) {
  curve.x.push_back(x);
  curve.y.push_back(e.value);
  curve.low.push_back(std::max(e.range.low, floor));
  curve.high.push_back(e.range.high);
}

}  // namespace rto::sim
