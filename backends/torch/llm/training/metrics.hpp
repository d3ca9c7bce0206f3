#pragma once
// Numbers that a step of training gives, collected over its micro-batches without waiting for the device.
#include <ATen/ATen.h>

#include <string>
#include <utility>
#include <vector>

namespace rto::llm {

using metric_values = std::vector<std::pair<std::string, double>>;

/// Means over all items of a step, whatever its micro-batches: each adds a sum and how many items it is of.
class metric_sums {
 public:
  /// \param sum a single number, of a tensor on any device (no gradient is kept)
  void add(const std::string& name, const at::Tensor& sum, double count);

  /// The means in the order in which they were first added; NaN of no items. Waits for the device, once.
  [[nodiscard]] metric_values means() const;

 private:
  struct entry {
    std::string name;
    at::Tensor sum;
    double count = 0;
  };
  std::vector<entry> entries_;
};

}  // namespace rto::llm
