#pragma once
// Gradients of all parameters together: their norm, its bound, and which of them is not finite.
#include <ATen/ATen.h>

#include <optional>
#include <string>

#include "llm/checkpoint/safetensors.hpp"

namespace rto::llm {

/// sqrt(sum of squares) over all gradients of the parameters, rank 0; parameters without a gradient count as 0.
at::Tensor gradient_norm(const std::vector<named_tensor>& parameters);

/// Scales every gradient by min(1, most / (norm + 1e-6)), on the device, without waiting for it.
/// \source torch.nn.utils.clip_grad_norm_
void clip_gradients(const std::vector<named_tensor>& parameters, const at::Tensor& norm, double most);

/// `NAME has NaN (3 of 96 entries)`: the first tensor, in the order given, with an entry that is not finite.
/// \param gradients look at the gradients and not at the values
std::optional<std::string> first_not_finite(const std::vector<named_tensor>& tensors, bool gradients = false);

/// Removes the gradients.
void clear_gradients(const std::vector<named_tensor>& parameters);

}  // namespace rto::llm
