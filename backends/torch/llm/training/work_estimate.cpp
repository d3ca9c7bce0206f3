#include "llm/training/work_estimate.hpp"

#include <algorithm>
#include <chrono>

namespace rto::llm {
namespace {

std::int64_t bytes_of(const std::vector<named_tensor>& tensors, bool trainable_only) {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : tensors)
    if (!trainable_only || tensor.requires_grad()) total += static_cast<std::int64_t>(tensor.nbytes());
  return total;
}

}  // namespace

double forward_operations(const language_model& model, double length) {
  const model_config& c = model.config();
  double entries = 0;
  for (const auto& [name, tensor] : model.parameters())
    if (tensor.dim() == 2) entries += static_cast<double>(tensor.numel());
  // The embedding is looked up, not multiplied; where it is the head too, it is.
  const auto table = static_cast<double>(c.vocabulary * c.hidden);
  if (!c.tied || c.labels > 0) entries -= table;
  if (c.positions == position_kind::learned) entries -= static_cast<double>(c.context * c.hidden);
  const auto width = static_cast<double>(c.layers * c.heads * c.head_size);
  return 2 * entries + 2 * width * length;
}

double measured_peak(at::Device device, at::ScalarType type) {
  const at::NoGradGuard no_gradients;
  const std::int64_t n = device.is_cuda() ? 8192 : 1024;
  const at::Tensor a = at::ones({n, n}, at::TensorOptions(device).dtype(type)), b = at::ones_like(a);
  const auto finish = [&](const at::Tensor& c) { return c[0][0].item<float>(); };
  finish(at::mm(a, b));
  double best = 0, spent = 0;
  while (spent < 0.2) {
    const auto start = std::chrono::steady_clock::now();
    finish(at::mm(a, b));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto size = static_cast<double>(n);
    best = std::max(best, 2 * size * size * size / seconds);
    spent += seconds;
  }
  return best;
}

byte_list training_bytes(const language_model& model, const memory_needs& needs) {
  const model_config& c = model.config();
  const std::int64_t entry = needs.sixteen_bit ? 2 : 4;
  const std::int64_t weights = bytes_of(model.parameters(), false);
  const std::int64_t trained = needs.adapter > 0 ? needs.adapter : bytes_of(model.parameters(), true);
  // Of every layer and token: the input, both norms, queries, keys, values, what attention gives, both sides of the
  // activation (and of the gate).
  const std::int64_t attention = (2 * c.heads + 2 * c.key_value_heads) * c.head_size;
  const std::int64_t layer = 3 * c.hidden + attention + (c.gated_mlp() ? 4 : 2) * c.intermediate;
  const std::int64_t kept = needs.recompute ? c.layers * c.hidden + layer : c.layers * layer;
  byte_list all{
      {"weights (float32)", weights + needs.adapter}, {"gradients", trained}, {"moments of AdamW", 2 * trained}};
  if (needs.sixteen_bit) all.emplace_back("weights in bfloat16", weights / 2);
  if (needs.reference_model) all.emplace_back("reference model", weights);
  all.emplace_back("activations, about", needs.tokens * kept * entry);
  // Logits, and their gradient.
  if (needs.predicted > 0) all.emplace_back("logits and their gradient", 2 * needs.predicted * c.vocabulary * entry);
  return all;
}

}  // namespace rto::llm
