#include "sim/fit/comparison_model.hpp"

#include <algorithm>
#include <numeric>

namespace rto::sim {

void sparse_rows::append(std::vector<std::pair<int, double>> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t k = 0; k < entries.size();) {
    double sum = 0;
    const int c = entries[k].first;
    for (; k < entries.size() && entries[k].first == c; ++k) sum += entries[k].second;
    if (sum != 0) {
      column.push_back(c);
      value.push_back(sum);
    }
  }
  start.push_back(column.size());
}

double comparison_model::comparisons() const { return std::accumulate(weight.begin(), weight.end(), 0.0); }

}  // namespace rto::sim
