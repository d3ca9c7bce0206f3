#pragma once
// Sparse 0/1 features: every item (a state) switches on a few parameters, or a few rows of them.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rto::sim {

/// A linear map from rows of parameters [rows, width] to one row of numbers an item, sum_k w[index(item, k)]. Without
/// an index every item has a row of its own: the tabular case. Features of edges have width A and states as items.
struct indexed_features {
  std::int64_t items = 0;
  std::int64_t rows = 0;
  std::int64_t width = 1;
  std::int64_t active = 1;          // rows an item switches on
  std::vector<std::int32_t> index;  // [items, active], empty: row = item

  std::int64_t parameters() const { return rows * width; }
  std::span<const std::int32_t> of(std::int64_t item) const {
    return std::span(index).subspan(static_cast<std::size_t>(item * active), static_cast<std::size_t>(active));
  }
  /// Calls visit(row) for every row of parameters that an item adds up.
  template <class Visit> void for_each_row(std::int64_t item, Visit visit) const {
    if (index.empty()) return visit(item);
    for (const std::int32_t row : of(item)) visit(std::int64_t{row});
  }
};

/// Without an index: every item has a row of parameters of its own.
inline indexed_features tabular_features(std::int64_t items, std::int64_t width = 1) {
  return {items, items, width, 1, {}};
}

/// The same numbers as items of width 1, from the same parameters: item s A + a is number a of item s.
inline indexed_features number_features(const indexed_features& features) {
  if (features.width == 1) return features;
  indexed_features numbers{features.items * features.width, features.parameters(), 1, features.active, {}};
  if (features.index.empty()) return numbers;
  for (std::int64_t item = 0; item < features.items; ++item)
    for (std::int64_t column = 0; column < features.width; ++column)
      for (const std::int32_t row : features.of(item))
        numbers.index.push_back(static_cast<std::int32_t>(row * features.width + column));
  return numbers;
}

}  // namespace rto::sim
