#pragma once
// The two normalisations of transformers.
#include "llm/model/linear.hpp"

namespace rto::llm {

/// LayerNorm with bias, or RMSNorm: x / sqrt(mean x^2 + eps) in float, then the gain.
/// \source J. Ba et al. 2016, arXiv 1607.06450; B. Zhang, R. Sennrich 2019, arXiv 1910.07467
struct norm {
  std::string name;
  at::Tensor weight, bias;  // leaves; no bias: RMSNorm
  double epsilon = 1e-5;

  norm() = default;
  norm(std::string name, std::int64_t size, bool root_mean_square, double epsilon, const parameter_source& source);
  bool defined() const { return weight.defined(); }
  /// Over the last dimension of x.
  at::Tensor operator()(const at::Tensor& x) const;
};

}  // namespace rto::llm
