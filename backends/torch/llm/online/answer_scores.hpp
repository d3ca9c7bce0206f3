#pragma once
// What models say of sampled answers, [answers, longest] float on the model's device, 0 in the padding.
#include <ATen/ATen.h>

#include <span>
#include <vector>

#include "llm/training/answer_batch.hpp"

namespace rto::llm {

/// log pi(y_t|s_t) of every token of a batch at a temperature. \param temperature > 0 that divides the logits: what the
///   tokens were sampled with  \gradient through the model's parameters  \returns [answers, longest]
at::Tensor log_probabilities_at(const language_model& model, const answer_batch& batch, double temperature,
                                bool recompute = false);

/// V(s_t), the score at the state before every token. \param critic with a score head  \gradient through its parameters
at::Tensor state_values(const language_model& critic, const answer_batch& batch, bool recompute = false);

/// Zeros at the end of every row, up to `time` columns.
at::Tensor widened(const at::Tensor& x, std::int64_t time);

/// The answers of a rollout, a few at a time, without gradients.
class rollout_scorer {
 public:
  /// \param answers outlive the scorer  \param micro_batch answers of one forward pass, >= 1
  /// \throws std::invalid_argument without an answer
  rollout_scorer(std::span<const encoded_answer> answers, std::size_t micro_batch, double temperature);

  /// 1 at every token of an answer, [answers, longest].
  [[nodiscard]] at::Tensor mask(at::Device device) const;
  [[nodiscard]] at::Tensor log_probabilities(const language_model& model) const;
  /// With -sum_v pi(v) log pi(v) at every token.
  struct with_entropy {
    at::Tensor log_probability, entropy;
  };
  [[nodiscard]] with_entropy log_probabilities_and_entropy(const language_model& model) const;
  [[nodiscard]] at::Tensor values(const language_model& critic) const;
  /// r(x, y), the score at the last token, [answers, 1].
  [[nodiscard]] at::Tensor sequence_rewards(const language_model& reward) const;
  /// The score at every token itself, what a token-level reward model says of it.
  [[nodiscard]] at::Tensor token_scores(const language_model& reward) const;

 private:
  /// `of(part)` of every part, one below the other, [answers, longest].
  template <class Score> at::Tensor gather(const Score& of) const;

  std::span<const encoded_answer> answers_;
  std::size_t micro_batch_;
  double temperature_;
  std::int64_t longest_ = 0;
};

}  // namespace rto::llm
