#include "torch/conformance.hpp"

#include <iostream>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>

#include <rto/mdp/policy.hpp>

namespace rto::test {

sample normal_sample(std::int64_t rows, std::int64_t cols, unsigned seed, double scale, double shift) {
  boost::random::mt19937_64 rng(seed);
  boost::random::normal_distribution<double> normal(shift, scale);
  sample x{rows, cols, {}};
  // Rounded to float, so that every array type is given the same numbers.
  for (std::int64_t k = 0; k < rows * cols; ++k) x.entries.push_back(static_cast<float>(normal(rng)));
  return x;
}

sample prefix_mask(const std::vector<std::int64_t>& lengths, std::int64_t cols) {
  sample x{static_cast<std::int64_t>(lengths.size()), cols, {}};
  for (const std::int64_t length : lengths)
    for (std::int64_t t = 0; t < cols; ++t) x.entries.push_back(t < length ? 1 : 0);
  return x;
}

sample with_padding(sample x, const sample& mask) {
  for (std::size_t k = 0; k < x.entries.size(); ++k)
    if (mask.entries[k] == 0) x.entries[k] = not_a_number;
  return x;
}

sample policy_sample(std::int64_t rows, std::int64_t cols, unsigned seed, bool forbid) {
  const sample logits = normal_sample(rows, cols, seed);
  eigen_array<double> x = Eigen::Map<const eigen_array<double>>(logits.entries.data(), rows, cols);
  if (forbid)
    for (Eigen::Index i = 1; i < rows; ++i) x(i, 0) = -infinity;
  return {rows, cols, array::to_host(policy_from_logits(x))};
}

const std::vector<tensor_kind>& tensor_kinds() {
  static const std::vector<tensor_kind> kinds = [] {
    at::set_num_threads(1);  // the arrays are small: threads would only wait for each other
    std::vector<tensor_kind> list = {{"CPU double", at::kDouble, false},
                                     {"CPU float", at::kFloat, false},
                                     {"CPU double, not contiguous", at::kDouble, true}};
    if (at::hasCUDA() && at::getNumGPUs() > 0) {
      const auto on_gpu = [](at::ScalarType type) { return at::TensorOptions().dtype(type).device(at::kCUDA); };
      list.push_back({"CUDA double", on_gpu(at::kDouble), false});
      list.push_back({"CUDA float", on_gpu(at::kFloat), false});
      list.push_back({"CUDA double, not contiguous", on_gpu(at::kDouble), true});
    } else {
      std::cout << "SKIPPED: the conformance suite on CUDA: "
                << (at::hasCUDA() ? "no GPU is visible" : "the CUDA half of LibTorch is not linked") << std::endl;
    }
    return list;
  }();
  return kinds;
}

at::Tensor tensor_of(const tensor_kind& kind, const sample& x) {
  const at::Tensor like = at::empty({0}, kind.options);
  at::Tensor y = array_traits<at::Tensor>::from_host(like, x.entries, x.rows, x.cols);
  if (!kind.strided) return y;
  at::Tensor block = at::full({2 * x.cols, 3 * x.rows}, not_a_number, kind.options);
  at::Tensor view = block.t().slice(0, 0, 3 * x.rows, 3).slice(1, 1, 2 * x.cols, 2);
  view.copy_(y);
  return view;
}

}  // namespace rto::test
