#pragma once
// Sparse 0/1 features: every item (a state) switches on a few parameters, or a few rows of them.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rto::sim {

/// A linear map from rows of parameters [rows, width] to one row of numbers an item, sum_k w[index(item, k)]. Without
/// an index every item has a row of its own: the tabular case. With width A the items are states, and number s A + a
/// belongs to the edge (s, a).
struct indexed_features {
  std::int64_t items = 0;
  std::int64_t rows = 0;
  std::int64_t width = 1;
  std::int64_t active = 1;          // rows an item switches on
  std::vector<std::int32_t> index;  // [items, active], empty: row = item

  std::int64_t numbers() const { return items * width; }
  std::int64_t parameters() const { return rows * width; }
  std::span<const std::int32_t> of(std::int64_t item) const {
    return std::span(index).subspan(static_cast<std::size_t>(item * active), static_cast<std::size_t>(active));
  }
  /// Calls visit(row) for every row of parameters that an item adds up.
  template <class Visit> void for_each_row(std::int64_t item, Visit visit) const {
    if (index.empty()) return visit(item);
    for (const std::int32_t row : of(item)) visit(std::int64_t{row});
  }
  /// Calls visit(parameter) for every parameter that a number adds up.
  template <class Visit> void for_each_parameter(std::int64_t number, Visit visit) const {
    if (index.empty()) return visit(number);
    if (width == 1) return for_each_row(number, visit);
    for (const std::int32_t row : of(number / width)) visit(row * width + number % width);
  }
};

inline indexed_features tabular_features(std::int64_t items, std::int64_t width = 1) {
  return {items, items, width, 1, {}};
}

}  // namespace rto::sim
