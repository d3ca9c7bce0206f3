#include "sim/statistics/cross_fitting.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace rto::sim {

std::vector<std::size_t> cross_fitted_choice(const std::vector<std::vector<double>>& values) {
  const std::size_t n = values.empty() ? 0 : values.front().size();
  if (n < 2)
    throw std::invalid_argument(fmt::format("rto::sim::cross_fitted_choice: two replicates or more, got {}", n));
  std::size_t best[2] = {0, 0};  // by the half that it is for
  for (std::size_t half = 0; half < 2; ++half) {
    double largest = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (values[k].size() != n)
        throw std::invalid_argument(
            fmt::format("rto::sim::cross_fitted_choice: as many replicates of every alternative, got {} and {}", n,
                        values[k].size()));
      double sum = 0;
      for (std::size_t r = 1 - half; r < n; r += 2) sum += values[k][r];
      if (k == 0 || sum > largest) largest = sum, best[half] = k;
    }
  }
  std::vector<std::size_t> choice;
  for (std::size_t r = 0; r < n; ++r) choice.push_back(best[r % 2]);
  return choice;
}

}  // namespace rto::sim
