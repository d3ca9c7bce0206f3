#pragma once
// Rewards of single tokens, to be looked at.
#include <span>
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"

namespace rto::llm {

/// A reward of each of an answer's predicted tokens, for every answer.
using token_reward_rows = std::vector<std::vector<double>>;

/// beta log(pi(y_t|s_t) / pi_ref(y_t|s_t)) (`implicit_reward`).
/// \source RTO (arXiv 2404.18922), (4.5)
token_reward_rows implicit_token_rewards(const language_model& policy, const language_model& reference,
                                         std::span<const encoded_answer> answers, double beta, std::size_t batch);

/// What a token adds to a reward model's score: r(x, y_1..y_t) - r(x, y_1..y_t-1); their sum is the score of the whole
/// less that of the prompt (of the first token, where there is no prompt: it has nothing before it).
/// \param model with a score head
token_reward_rows score_increments(const language_model& model, std::span<const encoded_answer> answers,
                                   std::size_t batch);

}  // namespace rto::llm
