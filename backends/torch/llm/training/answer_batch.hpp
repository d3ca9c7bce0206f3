#pragma once
// Answers put through a model side by side, and the log-probabilities of their tokens.
#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "llm/model/token_log_probability.hpp"

namespace rto::llm {

/// Packed rows of which some tokens are to be predicted. What comes after the last of those is left out: it changes
/// nothing.
struct answer_batch {
  packed_rows rows;                   ///< only rows with a token to be predicted
  at::Tensor from;                    ///< [n] the packed tokens that predict
  at::Tensor targets;                 ///< [n] the ids that they are to predict
  at::Tensor place;                   ///< [n] where each goes in [answers, longest], row by row
  at::Tensor mask;                    ///< [answers, longest] float: 1 on a prefix of each row
  std::vector<std::int64_t> lengths;  ///< predicted tokens of each answer

  [[nodiscard]] std::int64_t answers() const { return static_cast<std::int64_t>(lengths.size()); }
  [[nodiscard]] std::int64_t longest() const { return mask.size(1); }
  /// [answers, 1]
  [[nodiscard]] at::Tensor length_column() const;
};

/// \throws std::invalid_argument without an answer
answer_batch make_answer_batch(std::span<const encoded_answer> answers, at::Device device);

/// [n] in packed order -> [answers, longest], 0 in the padding.
at::Tensor padded(const at::Tensor& values, const answer_batch& batch);

/// The hidden states from which the tokens are predicted, [n, hidden], and the head.
head_input predicting_states(const language_model& model, const answer_batch& batch, bool recompute = false);

/// log pi(y_t|s_t) of every predicted token, [answers, longest] float, 0 in the padding.
/// \param recompute keeps less for the backward pass (forward_options)
at::Tensor answer_log_probabilities(const language_model& model, const answer_batch& batch, bool recompute = false);

}  // namespace rto::llm
