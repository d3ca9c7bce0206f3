#pragma once
// Log-probabilities of given tokens from hidden states, without the logits of all of them at once.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include <rto/torch/token_statistics.hpp>

namespace rto::llm {

/// A model's hidden states [rows, hidden] and head [vocabulary, hidden]: its logits, not yet computed.
struct head_input {
  at::Tensor hidden, weight;
};

struct token_log_probability_options {
  token_statistics_options statistics{};
  /// Type of the products, where it is not that of the tensors (bf16 over fp32 weights). Everything after is float.
  std::optional<at::ScalarType> compute{};
  /// Logits up to this size are kept for the backward pass; larger ones are computed again there, piece by piece.
  std::int64_t kept_bytes = std::int64_t{256} << 20;
  std::int64_t piece_bytes = std::int64_t{64} << 20;
};

/// log softmax(h_i W^T)_{y_i}, and the entropy and the divergence from a reference's softmax where asked for.
/// \param model hidden states and head  \param tokens [rows] int64
/// \param reference of the same rows, constants; where a divergence is asked for (its head may be narrower or wider in
///   `hidden`, not in the vocabulary)
/// \returns [rows, 1] each, nats, float
/// \gradient with respect to hidden states and head; not differentiable a second time
/// \throws std::invalid_argument for shapes and types, and on the CPU for a token out of range
/// \cost one product in the forward pass and two in the backward pass, three where logits are not kept
token_statistics token_log_probabilities(const head_input& model, const at::Tensor& tokens,
                                         const token_log_probability_options& options = {},
                                         const head_input& reference = {});

}  // namespace rto::llm
