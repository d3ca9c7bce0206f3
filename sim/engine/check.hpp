#pragma once
// What a claim comes down to: checks with predicted and measured values, and the verdicts.
#include <optional>
#include <string>
#include <vector>

#include "sim/statistics/estimate.hpp"

namespace rto::sim {

/// Verdicts of a check and, combined, of a claim.
enum class verdict {
  holds,               // the statement as printed, within the stated tolerance
  holds_as_corrected,  // the corrected statement holds; the printed one is loose, silent or wrong
  fails_as_printed,    // the printed statement is contradicted, as is known and explained: an expected result, not an
                       // error
  inconclusive,        // the run is too small to tell
  skipped,             // something it needs is not there
  contradicted,        // a statement that should hold (printed or corrected) does not: exit status 1
};

/// `holds as corrected`, ... as in results.json.
std::string to_text(verdict v);

/// The verdict of a claim from those of its checks: the first of contradicted, fails as printed, inconclusive, holds as
/// corrected, holds that occurs; skipped when there is nothing else.
verdict combine(const std::vector<verdict>& verdicts);

/// A predicted or measured value: a number, a text, or a number with the text to show for it (`at most 0.05`).
struct quantity {
  std::optional<double> value;
  std::string text;  // shown; made from the number when empty

  quantity() = default;
  quantity(double number) : value(number) {}               // NOLINT(google-explicit-constructor)
  quantity(const char* words) : text(words) {}             // NOLINT(google-explicit-constructor)
  quantity(std::string words) : text(std::move(words)) {}  // NOLINT(google-explicit-constructor)
  quantity(double number, std::string words) : value(number), text(std::move(words)) {}

  /// What a table shows.
  std::string shown() const;
};

/// A number as tables show it: four significant digits, whole numbers whole, thousands apart, powers of ten where
/// needed.
std::string shown_number(double x);

/// A cell of a table: the estimate with its interval in small print, to `digits` decimals (HTML).
std::string shown_interval(const estimate& e, int digits);

struct check {
  std::string id{};      // short, unique within the claim: "T1-count"
  std::string tested{};  // one sentence in plain words (HTML allowed): what was compared with what, on what
  quantity predicted{};
  quantity measured{};
  interval range{};  // confidence interval of `measured`, when it is an estimate
  double n = 0;      // number of independent observations behind `measured`
  verdict result = verdict::inconclusive;
  double confidence = 0.95;  // level of `range`
};

// The usual kinds of check. `if_true` is the verdict when it passes: `holds`, or `holds_as_corrected` where the
// statement tested is a corrected one.

/// An identity to rounding: the largest error is at most `tolerance`; otherwise (NaN included) contradicted.
check identity_check(std::string id, std::string tested, double largest_error, double tolerance, double n,
                     verdict if_true = verdict::holds);
/// Two exact values (counts): equal or contradicted.
check equality_check(std::string id, std::string tested, double predicted, double measured, double n,
                     verdict if_true = verdict::holds);
/// A statement about every instance: `violations` of `n` instances violate it; any is a contradiction.
check always_check(std::string id, std::string tested, double violations, double n, verdict if_true = verdict::holds);
/// An estimate whose interval should contain the prediction; otherwise contradicted. Choose a wide level (e.g. 0.999):
/// a sound program must not fail once in twenty seeds. Inconclusive with fewer than two observations (no interval).
check interval_check(std::string id, std::string tested, double predicted, const estimate& measured, double n,
                     double confidence, verdict if_true = verdict::holds);
/// A fitted slope: passes within `tolerance` of the prediction; inconclusive when it does not but its interval reaches
/// there; contradicted otherwise.
check slope_check(std::string id, std::string tested, double predicted, double tolerance, const estimate& slope,
                  double n, double confidence, verdict if_true = verdict::holds);
/// A printed upper bound that is known to fail: `fails_as_printed` where `measured` exceeds `bound`, `holds` where it
/// does not.
check printed_bound_check(std::string id, std::string tested, double bound, double measured, double n);

/// A one-sided statement about an estimate: `if_true` where its whole interval is on the stated side of `border`,
/// `if_false` where it is wholly on the other side, else (and without an interval) inconclusive.
check side_check(std::string id, std::string tested, quantity predicted, const estimate& measured, double border,
                 bool above, double n, double confidence, verdict if_true, verdict if_false);

}  // namespace rto::sim
