#pragma once
// Proportions: intervals and exact bounds of the binomial distribution.
#include <cstdint>

#include "sim/statistics/estimate.hpp"

namespace rto::sim {

/// A proportion with Wilson's score interval: short, of the right coverage on average. \throws std::domain_error
/// \source E. B. Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22
estimate wilson_interval(std::int64_t successes, std::int64_t trials, double confidence = 0.95);

/// A proportion with Clopper and Pearson's exact interval: coverage of at least `confidence` for every true proportion.
/// \throws std::domain_error \source C. J. Clopper, E. S. Pearson 1934, "The use of confidence or fiducial limits
/// illustrated in the case of the binomial", Biometrika 26
estimate clopper_pearson_interval(std::int64_t successes, std::int64_t trials, double confidence = 0.95);

/// The smallest count k with P(X <= k) >= level for X ~ binomial(trials, probability): more than k is evidence at level
/// 1 - level that the probability is larger. \throws std::domain_error
std::int64_t binomial_bound(std::int64_t trials, double probability, double level = 0.999);

/// The exact upper tail P(X >= count). \throws std::domain_error
double binomial_upper_tail(std::int64_t count, std::int64_t trials, double probability);

}  // namespace rto::sim
