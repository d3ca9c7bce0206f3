#pragma once
// Adam with decoupled weight decay, in one kernel for all parameters.
#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/checkpoint/safetensors.hpp"

namespace rto::llm {

/// Which parameters the weight decay pulls to 0.
enum class decay_rule {
  all,            ///< every one
  matrices_only,  ///< those of two dimensions or more: neither biases nor the gains of norms
};

struct adamw_options {
  double beta1 = 0.9, beta2 = 0.999;  ///< in [0, 1)
  double epsilon = 1e-8;              ///< > 0
  double weight_decay = 0.0;          ///< >= 0, per unit of learning rate
  decay_rule decay = decay_rule::matrices_only;
};

/// theta <- theta - lr (m^ / (sqrt(v^) + eps) + wd theta), m^ and v^ the bias-corrected means of the gradient and of
/// its square. \source Loshchilov & Hutter 2019 (arXiv 1711.05101), Algorithm 2; computed by torch's fused kernel
class adamw {
 public:
  /// \param parameters leaves of one floating-point type; the moments are kept beside them, on their devices
  /// \throws std::domain_error where an option is out of its domain
  adamw(std::vector<named_tensor> parameters, const adamw_options& options);

  /// One step with the gradients that the parameters hold; a parameter without one is left alone.
  void step(double learning_rate);

  /// All that a later run needs to go on bit for bit: `exp_avg.NAME`, `exp_avg_sq.NAME`, `step.NAME`.
  [[nodiscard]] std::vector<named_tensor> state() const;
  /// Takes the state back from a safetensors file. \throws sim::user_error naming what is missing, left over or of
  /// another shape
  void load(const std::filesystem::path& file);

  /// Bytes of the moments.
  [[nodiscard]] std::int64_t bytes() const;
  [[nodiscard]] const std::vector<named_tensor>& parameters() const { return parameters_; }

 private:
  std::vector<named_tensor> parameters_;
  adamw_options options_;
  std::vector<at::Tensor> means_, squares_, steps_;
};

}  // namespace rto::llm
