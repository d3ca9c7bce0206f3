// What the kernels of token_statistics.hpp and their callers agree on; includes no more of LibTorch than a tensor.
#pragma once

#include <ATen/core/Tensor.h>

namespace rto {

/// Which way round a divergence between the rows of two logits goes.
enum class divergence_direction {
  none,
  policy_to_reference,  // KL(pi || pi_ref) = sum_a pi (log pi - log pi_ref)
  reference_to_policy,  // KL(pi_ref || pi)
};

struct token_statistics_options {
  bool entropy = false;
  divergence_direction divergence = divergence_direction::none;
};

namespace detail {

/// The numbers of a row that its gradient needs.
struct row_statistics {
  at::Tensor log_total, log_probability, entropy, divergence, reference_log_total;
};

// The CUDA kernels, backends/torch/kernels/token_statistics.cu; there with RTO_TORCH_KERNELS only.
row_statistics token_statistics_cuda(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference,
                                     const token_statistics_options& options);
void token_statistics_gradient_cuda(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference,
                                    const row_statistics& of, const token_statistics_options& options,
                                    const at::Tensor& d_log_probability, const at::Tensor& d_entropy,
                                    const at::Tensor& d_divergence, at::Tensor& gradient);

inline at::ScalarType accumulation_type(at::ScalarType type) {
  return type == at::kHalf || type == at::kBFloat16 ? at::kFloat : type;
}

}  // namespace detail

}  // namespace rto
