#pragma once
// Means, variances and quantiles of a sample, with intervals.
#include <vector>

#include "sim/statistics/estimate.hpp"

namespace rto::sim {

/// The arithmetic mean, summed in order. NaN for an empty sample.
double mean(const std::vector<double>& sample);

/// The unbiased variance sum (x - mean)^2 / (n - 1). NaN with fewer than two values.
double variance(const std::vector<double>& sample);

/// The mean with Student's t interval: mean +- t_{n-1} s / sqrt(n); no interval with fewer than two values.
/// \param confidence two-sided level in (0, 1)  \throws std::domain_error
estimate mean_interval(const std::vector<double>& sample, double confidence = 0.95);

/// The mean of n values given by their sufficient statistics.
estimate mean_interval(double mean, double variance, double n, double confidence = 0.95);

/// a_i - b_i of paired observations: the mean of the differences has an interval of its own. \throws
/// std::invalid_argument for unequal lengths
std::vector<double> paired_differences(std::vector<double> a, const std::vector<double>& b);

/// The difference of two independent means, with Welch's t interval.
estimate mean_difference(const std::vector<double>& a, const std::vector<double>& b, double confidence = 0.95);

/// The quantile by linear interpolation between order statistics (Hyndman and Fan's type 7, the default of R and
/// NumPy). NaN when empty. \param probability in [0, 1]  \throws std::domain_error
double quantile(std::vector<double> sample, double probability);

/// A quantile with the distribution-free interval between two order statistics (exact binomial coverage of at least
/// `confidence`; infinite ends where the sample is too small).
estimate quantile_interval(std::vector<double> sample, double probability, double confidence = 0.95);

}  // namespace rto::sim
