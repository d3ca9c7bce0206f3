#pragma once
// Comparisons as the estimator takes them: feature differences, labels and weights, with the names to show.
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace rto::sim {

/// Rows of numbers, zeros not stored (compressed sparse rows).
struct sparse_rows {
  std::size_t columns = 0;
  std::vector<std::size_t> start{0};  // row i is [start[i], start[i + 1]) of the two below
  std::vector<int> column;            // ascending within a row, each once
  std::vector<double> value;

  std::size_t rows() const { return start.size() - 1; }
  /// Appends a row; entries of one column are added up, in any order.
  void append(std::vector<std::pair<int, double>> entries);
};

/// n comparisons (rows) and d parameters.
struct comparison_model {
  std::string kind;                     // "contests", "features" or "text", as in the JSON
  std::vector<std::string> parameters;  // [d]
  sparse_rows x;                        // [n, d] features(first) - features(second)
  std::vector<double> label;            // [n] share of the comparisons of the row that the first won, in [0, 1]
  std::vector<double> weight;           // [n] number of comparisons of the row, > 0
  double log_binomial_constant = 0;     // sum of log(n choose wins): grouped rows as binomial counts
  std::vector<std::string> notes;       // what was detected, dropped or merged: one sentence each

  std::vector<std::string> items;          // of contests; the reference first
  std::vector<std::pair<int, int>> pairs;  // [n] first and second item of a row

  std::size_t rows() const { return label.size(); }
  double comparisons() const;
};

}  // namespace rto::sim
