#include "llm/training/metrics.hpp"

#include <algorithm>

namespace rto::llm {

void metric_sums::add(const std::string& name, const at::Tensor& sum, double count) {
  const at::NoGradGuard no_gradients;
  const at::Tensor value = sum.detach().to(at::kDouble);
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const entry& e) { return e.name == name; });
  if (it == entries_.end()) {
    entries_.push_back({name, value, count});
  } else {
    it->sum = it->sum + value;
    it->count += count;
  }
}

metric_values metric_sums::means() const {
  if (entries_.empty()) return {};
  std::vector<at::Tensor> sums;
  for (const entry& e : entries_) sums.push_back(e.sum.reshape({}));
  const at::Tensor host = at::stack(sums).to(at::kCPU);
  metric_values means;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    means.emplace_back(entries_[i].name, host[static_cast<std::int64_t>(i)].item<double>() / entries_[i].count);
  return means;
}

}  // namespace rto::llm
