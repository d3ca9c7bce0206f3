#pragma once
// What a fit comes to: everything that the outputs show.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/fit/comparison_model.hpp"
#include "sim/fit/options.hpp"
#include "sim/io/json.hpp"
#include "sim/statistics/estimate.hpp"

namespace rto::sim {

struct parameter_result {
  std::string name;
  double estimate = 0;                 // NaN where the maximum is not attained
  double std_error = 0, z = 0, p = 0;  // NaN where there is none
  interval wald, likelihood_ratio;
};

struct held_out_result {
  std::string scheme;         // "20 % of the rows", "5 folds"
  estimate accuracy;          // Wilson's interval
  double log_likelihood = 0;  // mean per comparison, nats
  double comparisons = 0;
  std::int64_t rows = 0, fits = 0, not_attained = 0;
};

struct confidence_result {
  double bound = 0, lambda = 0, delta = 0;
  double max_row_norm = 0;
  std::optional<double> radius;                            // nothing without a finite bound
  double smallest_eigenvalue = 0, largest_eigenvalue = 0;  // of Sigma_D
  double log_determinant_ratio = 0;                        // log det(Sigma_D / lambda)
  std::vector<double> sigma;                               // [d, d] Sigma_D, empty where d is large
};

struct fit_result {
  std::string status;  // "interior", "boundary", "not_attained"
  bool converged = false;
  std::string separability;  // "separable", "not separable", "undecided"
  std::int64_t iterations = 0, rank = 0;
  double gradient_norm = 0, multiplier = 0, norm = 0;
  double log_likelihood = 0, log_likelihood_at_zero = 0;
  double test_of_zero = 0, p_of_zero = 0;  // 2 (l - l(0)) and its chi-squared p-value on `rank` degrees of freedom
  std::vector<parameter_result> parameters;
  std::vector<double> covariance;  // [d, d] of the estimates, empty where there is none or d is large
  std::optional<held_out_result> held_out;
  std::optional<confidence_result> confidence;
  std::vector<std::string> warnings;  // what a reader has to know before using the numbers

  /// 0 converged, 3 not attained or not converged.
  int exit_status() const { return converged ? 0 : 3; }
};

/// Fits and evaluates. \throws user_error for settings that do not go together
fit_result fit(const comparison_model& model, const fit_options& options);

/// What the comparison graph says, where there is one: items that cannot be compared, or that never lost to the rest.
std::vector<std::string> diagnose_contests(const comparison_model& model);

// The outputs.
ordered_json to_json(const comparison_model& model, const fit_result& result, const fit_options& options);
std::string to_text(const comparison_model& model, const fit_result& result, const fit_options& options);
std::string to_csv(const fit_result& result);
std::string to_latex(const comparison_model& model, const fit_result& result, const fit_options& options);

}  // namespace rto::sim
