#pragma once
// What `reproduce` leaves behind: results.json, report.html, one CSV and one SVG a figure, and the table on the
// console.
#include <filesystem>
#include <string>
#include <vector>

#include "sim/engine/run.hpp"

namespace rto::sim {

/// results.json, format rto-results/1.
ordered_json results_json(const run_result& run, const run_options& options);

/// The table claim, predicted, measured with confidence interval, verdict for a terminal, at most `width` columns.
std::string console_table(const run_result& run, std::size_t width = 118);

/// Writes everything into options.out; each file aside and renamed. Figures are drawn by gnuplot when it is there.
/// Returns the path of report.html. \throws user_error
std::filesystem::path write_report(const run_result& run, const run_options& options);

/// `0.481 [0.446, 0.516]`, for console and page.
std::string shown_measured(const check& c);

}  // namespace rto::sim
