#include "llm/training/gradient.hpp"

#include <fmt/format.h>

#include <vector>

namespace rto::llm {
namespace {

std::vector<at::Tensor> gradients_of(const std::vector<named_tensor>& parameters) {
  std::vector<at::Tensor> all;
  for (const auto& [name, parameter] : parameters)
    if (parameter.grad().defined()) all.push_back(parameter.grad());
  return all;
}

}  // namespace

at::Tensor gradient_norm(const std::vector<named_tensor>& parameters) {
  const at::NoGradGuard no_gradients;
  const std::vector<at::Tensor> gradients = gradients_of(parameters);
  if (gradients.empty()) return at::zeros({}, at::kFloat);
  // A norm of each tensor, then the norm of the norms, as torch.nn.utils has it.
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients, 2)).to(at::kFloat), 2);
}

void clip_gradients(const std::vector<named_tensor>& parameters, const at::Tensor& norm, double most) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> gradients = gradients_of(parameters);
  if (gradients.empty()) return;
  at::_foreach_mul_(gradients, (most / (norm + 1e-6)).clamp_max(1.0));
}

std::optional<std::string> first_not_finite(const std::vector<named_tensor>& tensors, bool gradients) {
  const at::NoGradGuard no_gradients;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& x = gradients ? tensor.grad() : tensor;
    if (!x.defined() || !x.is_floating_point()) continue;
    const at::Tensor finite = at::isfinite(x);
    if (finite.all().item<bool>()) continue;
    const std::int64_t bad = x.numel() - finite.sum().item<std::int64_t>();
    const bool nan = at::isnan(x).any().item<bool>();
    return fmt::format("{}{} has {} ({} of {} entries)", gradients ? "the gradient of " : "", name,
                       nan ? "NaN" : "infinity", bad, x.numel());
  }
  return std::nullopt;
}

void clear_gradients(const std::vector<named_tensor>& parameters) {
  for (const auto& [name, parameter] : parameters) parameter.mutable_grad().reset();
}

}  // namespace rto::llm
