#pragma once
// Figures and tables as data; sim/report draws them in the house style.
#include <limits>
#include <string>
#include <vector>

namespace rto::sim {

enum class mark {
  line,        // measured, as a line with points
  points,      // measured, points only (with error bars where low/high are given)
  prediction,  // dashed line without points: a formula
  bound,       // dotted line: an upper or lower bound
  steps,       // a step function
  bars,        // vertical bars at x
};

/// One curve; in labels `^{..}` and `_{..}` are set high and low. `low` and `high` are empty or as long as `y`: drawn
/// as a band with `line`, as error bars with `points` and `bars`.
struct series {
  std::string label{};
  std::vector<double> x{}, y{};
  std::vector<double> low{}, high{};
  mark style = mark::line;
  std::string colour_of{};  // label of the curve of the same panel whose colour this one takes: a formula and its data
};

struct axis {
  std::string label{};  // with the unit: "queries", "SubOpt (nats)"
  bool logarithmic = false;
  double minimum = std::numeric_limits<double>::quiet_NaN();  // NaN: chosen by the data
  double maximum = std::numeric_limits<double>::quiet_NaN();
  /// Of the horizontal axis: what stands at 1, 2, ... Such a panel is drawn on its side, names from top to bottom and
  /// values to the right, so that long names can be read; its curves are points, bars, or straight lines (predictions,
  /// bounds).
  std::vector<std::string> names{};
};

/// One pair of axes.
struct panel {
  std::string title{};
  axis x{}, y{};
  std::vector<series> curves{};
};

/// A figure: one to four panels side by side, or a drawing made by code.
struct figure {
  std::string id{};       // file name without extension: "prop-3.2-counts"
  std::string title{};    // what it shows, a short phrase
  std::string caption{};  // HTML: how to read it, what the intervals are
  std::vector<panel> panels{};
  std::string svg{};  // a drawing: complete <svg> element with viewBox, own fonts `sans-serif`; then `panels` is empty
};

/// A table; cells are HTML and numbers are right-aligned.
struct table {
  std::string title{};
  std::vector<std::string> header{};
  std::vector<std::vector<std::string>> rows{};
  std::string caption{};
};

/// A box beside the numbers.
struct note {
  enum class kind {
    remark,            // anything worth saying
    fails_as_printed,  // the printed statement, the counterexample, both numbers, and the corrected statement
    reconstruction,    // the formula is a reconstruction, and from what
    finding,           // what was found and the paper does not say; the report also collects these, each with its claim
  };
  kind type = kind::remark;
  std::string title{};
  std::string html{};
};

}  // namespace rto::sim
