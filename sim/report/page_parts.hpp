#pragma once
// What the parts of report.html have in common: badges, numbers in words, tables.
#include <string>
#include <vector>

#include "sim/engine/claim.hpp"
#include "sim/engine/run.hpp"
#include "sim/report/page.hpp"

namespace rto::sim {

/// The class of a verdict in the style sheet: "holds-as-corrected".
std::string verdict_class(verdict v);
/// A verdict in its colour.
std::string badge(verdict v);
/// The verdict of a claim, and beside it, where it is not about a statement of the paper, the word that says so.
std::string claim_badges(const claim_result& r);
/// "analogue" and "not in the paper"; empty for what the paper states.
std::string origin_word(claim_origin origin);
/// What that word means, one sentence.
std::string origin_meaning(claim_origin origin);

/// `1 replicate`, `20 400 replicates`.
std::string counted(double n, const std::string& one, const std::string& many);
/// "12 hold, 1 fails as printed"
std::string tally_of(const std::vector<check>& checks);

/// 1.5e-07 as 1.5·10 to the power of -7, wherever it stands in a piece of HTML.
std::string with_powers(const std::string& html);
/// A plain text with its powers set.
std::string value_html(const std::string& text);
/// Measured value and interval of a check.
std::string measured_html(const check& c);

/// A table in a box that scrolls by itself, folded where it is long.
std::string table_html(const table& t);

/// The section of one claim.
std::string claim_html(const claim_result& r, const run_options& options, const std::vector<drawn_figure>& figures);

}  // namespace rto::sim
