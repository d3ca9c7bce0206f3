#pragma once
// Comparing a result with what a problem file expects.
#include <string>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::sim {

struct tolerances {
  double absolute = 0, relative = 0;
};

struct comparison {
  double largest_ratio = 0;              // largest error divided by what is allowed, over all fields of numbers
  std::size_t fields = 0;                // compared
  std::vector<std::string> differences;  // one text a field that differs: `V: error 3e-4, allowed 1e-9`
};

/// Compares every field of `expect` with the same field of `result`. Non-finite entries must match exactly; otherwise
/// per field (array or scalar) max|got - want| <= atol + rtol max|want|; integers, booleans and texts must be equal; a
/// null in `expect` does not apply. \source the comparison rule of the case files' README
comparison compare(const json& expect, const json& result, const tolerances& allowed);

}  // namespace rto::sim
