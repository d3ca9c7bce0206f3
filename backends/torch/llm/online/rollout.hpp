#pragma once
// Answers sampled from the policy: what Algorithm 2 learns from.
#include <span>
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/generation/generate.hpp"

namespace rto::llm {

/// Answers, those of one prompt side by side. `complete` of an answer says that the policy ended it; one that was cut
/// at the length limit is kept as it is, without an end token that nobody sampled.
struct rollout {
  std::vector<encoded_answer> answers;
  std::vector<std::vector<float>> sampler_log_probabilities;  ///< of every token, as the sampler computed them
  std::int64_t answers_per_prompt = 1;

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(answers.size()); }
};

/// \param answers_per_prompt >= 1; the answers are numbered from `options.first_sequence` on
/// \throws std::invalid_argument as `generate`, and for no prompt or answers_per_prompt < 1
rollout sample_rollout(const language_model& policy, std::span<const token_ids> prompts,
                       std::int64_t answers_per_prompt, const generation_options& options);

}  // namespace rto::llm
