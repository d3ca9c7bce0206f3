#pragma once
// What the reference policy says of the answers: computed once before the first step, or beside every step.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "llm/training/answer_batch.hpp"

namespace rto::llm {

/// log pi_ref(y|x), sums over tokens, [answers] float on the host: one forward pass over all answers, without
/// gradients. \param micro_batch answers of one pass
at::Tensor sequence_log_probabilities(const language_model& model, std::span<const encoded_answer> answers,
                                      std::size_t micro_batch);

/// Sums over tokens of a batch, [answers, 1].
at::Tensor sequence_log_probabilities(const language_model& model, const answer_batch& batch, bool recompute = false);

/// D(y) = sum_t KL(pi_ref(.|s_t) || pi(.|s_t)) of every answer, [answers, 1], with the policy's log pi(y_t|s_t) of the
/// same pass, [answers, longest].
struct diverging_scores {
  at::Tensor log_probability;  ///< [answers, longest]
  at::Tensor reference;        ///< [answers, longest]
  at::Tensor divergence;       ///< [answers, 1]
};
diverging_scores scores_with_divergence(const language_model& policy, const language_model& reference,
                                        const answer_batch& batch, bool recompute = false);

}  // namespace rto::llm
