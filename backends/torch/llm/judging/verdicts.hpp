#pragma once
// Judging by somebody else: pairs of answers go out in random order, verdicts come back.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/judging/win_rate.hpp"

namespace rto::llm {

/// One model's answers to a list of prompts, from JSON lines {"prompt": ..., "text": ...} as `rto-llm generate` writes
/// them ("response" in place of "text" is read too).
struct answer_file {
  std::string name;
  std::vector<std::string> prompts, responses;
};

/// \param name what the answers are called in tables; empty: the file's name without ending
/// \throws sim::user_error `file:line: ...`; an empty file too
answer_file read_answers(const std::filesystem::path& file, std::string name = {});

/// Indices of one prompt's answers in two files, and whether the second is shown first.
struct answer_pair {
  std::size_t model, baseline;
  bool swapped;
};

/// The prompts that both files have, in the order of the first; with `limit` > 0 a random choice of so many, which
/// depends on the prompts and `seed` alone, so that it is the same for every pair of models.
/// \throws sim::user_error when there is none
std::vector<answer_pair> paired_answers(const answer_file& model, const answer_file& baseline, std::uint64_t seed,
                                        std::int64_t limit);

enum class judge_task { dialogue, summarization };

/// What a judge is asked about one prompt: which of the answers A and B is better.
/// \source arXiv 2404.18922, appendix D.3 (table 6), after Rafailov et al. 2023: helpfulness for dialogue; the better
///   summary for summarisation
std::string judge_prompt(judge_task task, const std::string& prompt, const std::string& a, const std::string& b);

/// Writes one JSON line a common prompt: {"id", "order": "ab" or "ba", "prompt", "a", "b", "ask"}; which model is A is
/// drawn per prompt from `seed`. With `limit` > 0 a random choice of so many prompts, the same for every pair of
/// models. \returns how many were written  \throws sim::user_error when the files share no prompt, or writing fails
std::int64_t export_pairs(const answer_file& model, const answer_file& baseline, judge_task task, std::uint64_t seed,
                          std::int64_t limit, const std::filesystem::path& out);

/// Reads what came back: the exported lines with "verdict": "A", "B" or "tie", or a preference of A in [0, 1], or the
/// judge's whole answer, whose last line names A or B ("More helpful: A").
/// \throws sim::user_error `file:line: ...` for a line without a verdict, or one that says neither
std::vector<judgement> import_verdicts(const std::filesystem::path& file, const std::string& model,
                                       const std::string& baseline);

}  // namespace rto::llm
