#pragma once
// Figures, tables and notes of claim prop-3.2.
#include <string>

#include "sim/engine/claim.hpp"

namespace rto::sim::proposition_32 {

/// The values of A and k at which the dependence on H is drawn and fitted: the middle ones of the grid.
struct reference_point {
  int actions;
  int k;
};
reference_point reference(const settings& s);

/// A^H of the largest tree that token learners ran on, as text.
std::string largest_tree(const outcomes& results);

void add_report(const settings& s, const outcomes& results, conclusion& c);

}  // namespace rto::sim::proposition_32
