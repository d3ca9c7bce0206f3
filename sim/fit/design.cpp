#include "sim/fit/design.hpp"

namespace rto::sim {

namespace {

void copy_rows(const sparse_rows& from, std::span<const std::size_t> rows, sparse_design& to) {
  to.resize(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(from.columns));
  std::size_t entries = 0;
  for (const std::size_t row : rows) entries += from.start[row + 1] - from.start[row];
  to.reserve(static_cast<Eigen::Index>(entries));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    to.startVec(static_cast<Eigen::Index>(i));
    for (std::size_t k = from.start[rows[i]]; k < from.start[rows[i] + 1]; ++k)
      to.insertBack(static_cast<Eigen::Index>(i), from.column[k]) = from.value[k];
  }
  to.finalize();
}

}  // namespace

sparse_comparisons comparisons_of(const comparison_model& model, std::span<const std::size_t> rows) {
  sparse_comparisons set;
  copy_rows(model.x, rows, set.features);
  const auto n = static_cast<Eigen::Index>(rows.size());
  set.label.resize(n, 1);
  set.weight.resize(n, 1);
  for (Eigen::Index i = 0; i < n; ++i) {
    set.label(i, 0) = model.label[rows[static_cast<std::size_t>(i)]];
    set.weight(i, 0) = model.weight[rows[static_cast<std::size_t>(i)]];
  }
  return set;
}

}  // namespace rto::sim
