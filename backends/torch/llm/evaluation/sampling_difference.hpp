#pragma once
// Whether sampling and training see the same probabilities.
#include <cstdint>
#include <span>

#include "llm/generation/generate.hpp"

namespace rto::llm {

struct sampling_difference {
  double largest = 0;       ///< of |log pi(y_t|s_t) while sampling - the same by the trainers' pass|, nats
  std::int64_t tokens = 0;  ///< compared
};

/// Scores what was sampled once more by `answer_log_probabilities`, without a cache. \param batch answers of one pass
/// \pre an answer a prompt
sampling_difference compare_with_scoring(const language_model& model, std::span<const token_ids> prompts,
                                         std::span<const generated_text> answers, std::size_t batch);

}  // namespace rto::llm
