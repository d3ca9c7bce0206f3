#pragma once
// Choosing the best of several alternatives and judging it on other data than those that chose it.
#include <cstddef>
#include <vector>

namespace rto::sim {

/// For every replicate the alternative with the largest mean over the other half of the replicates (halves: even and
/// odd numbers; the first of equal ones). What the chosen alternative makes on a replicate is then no overestimate, as
/// it would be with the best of all means on the same replicates.
/// \param values [alternatives][replicates], at least one alternative and two replicates
/// \throws std::invalid_argument for fewer, or for unequal lengths
std::vector<std::size_t> cross_fitted_choice(const std::vector<std::vector<double>>& values);

}  // namespace rto::sim
