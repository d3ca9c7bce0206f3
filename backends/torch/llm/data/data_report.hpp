#pragma once
// What became of a data file: how many samples, how long, what was left out and why; and one sample with everything.
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/text/token.hpp"

namespace rto::llm {

struct data_report {
  std::string name, format;  ///< of the file; as it was told or named
  bool conversational = false;
  std::size_t records = 0;  ///< read, with those left out
  std::size_t samples = 0;  ///< kept
  // Left out:
  std::size_t ties = 0;            ///< comparisons without a winner
  std::size_t without_prompt = 0;  ///< comparisons without a common prompt
  std::size_t too_long = 0;        ///< longer than allowed
  std::size_t no_room = 0;         ///< the prompt leaves no room for an answer
  std::size_t no_answer = 0;       ///< nothing to learn: no turn of the assistant, no answer
  std::size_t repeated = 0;        ///< a prompt that was there already
  // Kept, and worth knowing:
  std::size_t cut = 0;                             ///< cut to the length allowed
  std::size_t equal_answers = 0;                   ///< comparisons of an answer with itself
  std::size_t empty_answers = 0;                   ///< nothing but an end token
  std::size_t without_end = 0;                     ///< complete answers that don't end in the end token
  std::size_t joint_differs = 0, joint_tried = 0;  ///< prompt and answer encoded as one text give other ids
  std::vector<std::size_t> prompt_lengths, answer_lengths, rejected_lengths;  ///< tokens, one for each sample

  /// Tokens of all samples (a prompt counted once).
  std::size_t tokens() const;
};

/// Several lines for people.
std::string to_text(const data_report& report);

using token_decoder = std::function<std::string(std::span<const token_id>)>;

/// Every token of a sample with its id, its text and whether it is learnt.
std::string annotated(const encoded_answer& sample, const token_decoder& decode);
std::string annotated(const encoded_pair& sample, const token_decoder& decode);
std::string annotated(const labelled_answer& sample, const token_decoder& decode);
std::string annotated(const encoded_prompt& sample, const token_decoder& decode);

/// The first sample of at most `longest` tokens, else the shortest: short enough to be looked at whole.
template <class Sample> std::size_t sample_to_show(const std::vector<Sample>& samples, std::size_t longest = 160) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (token_count(samples[i]) <= longest) return i;
    if (token_count(samples[i]) < token_count(samples[best])) best = i;
  }
  return best;
}

}  // namespace rto::llm
