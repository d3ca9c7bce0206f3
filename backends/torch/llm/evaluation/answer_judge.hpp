#pragma once
// Which of two models' answers a reward prefers.
#include <vector>

#include "llm/data/encoding.hpp"
#include "llm/evaluation/answer_scorer.hpp"
#include "llm/judging/verdicts.hpp"

namespace rto::llm {

struct scored_answers {
  std::vector<encoded_answer> samples;  ///< what the reward saw, one for each answer
  std::vector<double> rewards;
};

/// The rewards of a file's answers to the prompts `which`, encoded as training data are.
/// \throws sim::user_error for a prompt and answer that do not fit `options.max_length`, naming the line's number
scored_answers score_answers(const answer_file& answers, std::span<const std::size_t> which, const text_coder& coder,
                             const encoding_options& options, const answer_scorer& reward);

/// The judgements of a reward over pairs of answers: 1 where the model's has the larger one, 0 where it has the
/// smaller one, 1/2 where they are equal.
std::vector<judgement> judge(const answer_file& model, const answer_file& baseline,
                             const std::vector<answer_pair>& pairs, const text_coder& coder,
                             const encoding_options& options, const answer_scorer& reward);

}  // namespace rto::llm
