#pragma once
// Sparse 0/1 features: every item (a state, or a state with a token) switches on a few parameters.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/training/parameters.hpp"

namespace rto::sim {

/// A linear map from parameters to one number an item, sum_k w[index(item, k)]. Without an index every item has a
/// parameter of its own: the tabular case.
struct indexed_features {
  std::int64_t items = 0;
  std::int64_t parameters = 0;
  std::int64_t active = 1;          // parameters an item switches on
  std::vector<std::int32_t> index;  // [items, active], empty: parameter = item

  double value(const trainable_parameters& w, std::int64_t item) const {
    if (index.empty()) return w[item];
    double sum = 0;
    for (const std::int32_t k : of(item)) sum += w[k];
    return sum;
  }
  void add_gradient(trainable_parameters& w, std::int64_t item, double g) const {
    if (index.empty()) {
      w.add_gradient(item, g);
      return;
    }
    for (const std::int32_t k : of(item)) w.add_gradient(k, g);
  }
  std::span<const std::int32_t> of(std::int64_t item) const {
    return std::span(index).subspan(static_cast<std::size_t>(item * active), static_cast<std::size_t>(active));
  }
};

inline indexed_features tabular_features(std::int64_t items) { return {items, items, 1, {}}; }

}  // namespace rto::sim
