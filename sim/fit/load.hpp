#pragma once
// From data files to the comparison model.
#include "sim/data/delimited.hpp"
#include "sim/fit/comparison_model.hpp"
#include "sim/fit/options.hpp"
#include "sim/fit/roles.hpp"

namespace rto::sim {

/// Reads `options.data` and builds the model. \throws user_error for bad data: file, line, column, expected, found
comparison_model load_comparisons(const fit_options& options);

/// A table of contests: abilities of items, or a linear model of their predictors.
comparison_model load_contests(delimited_reader& table, const table_roles& roles, const fit_options& options);

/// A table of feature differences.
comparison_model load_features(delimited_reader& table, const table_roles& roles, const fit_options& options);

/// JSON lines of chosen and rejected texts.
comparison_model load_texts(const fit_options& options);

}  // namespace rto::sim
