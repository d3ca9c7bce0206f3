#pragma once
// What a trainer learns from, as token ids. A prompt and an answer are encoded once each and only ever put side by
// side: nothing is decoded and encoded again. None of it is padded, and no mask is made by comparing ids with an end or
// padding token.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "llm/text/token.hpp"

namespace rto::llm {

/// A prompt without an answer: what generation starts from.
struct encoded_prompt {
  token_ids ids;
};

/// A prompt with its answer: supervised learning. Plain text is an answer to an empty prompt.
struct encoded_answer {
  token_ids ids;                   ///< the prompt's, then the answer's (with its end token where it is complete)
  std::int64_t prompt_length = 0;  ///< of `ids`; the answer is the rest
  /// One for each id, 1 where the id is to be predicted (the assistant's turns), 0 elsewhere; empty: 1 from
  /// prompt_length on. An id at position 0 has nothing to be predicted from, whatever the mask says.
  std::vector<std::uint8_t> loss_mask = {};
  bool complete = true;  ///< false: cut, and without the end token therefore

  /// Whether the id at `position` is to be predicted.
  [[nodiscard]] bool trained(std::size_t position) const {
    if (position == 0) return false;
    return loss_mask.empty() ? position >= static_cast<std::size_t>(prompt_length) : loss_mask[position] != 0;
  }
};

/// One answer that people liked or did not (KTO). `answer.loss_mask` is empty.
struct labelled_answer {
  encoded_answer answer;
  bool desirable = true;
};

/// Two answers to one prompt, of which the first was preferred.
struct encoded_pair {
  token_ids prompt, chosen, rejected;  ///< the answers with their end tokens where they are complete
  std::optional<double> margin = {};   ///< finite: how much better the chosen one is, in units of reward
  bool chosen_complete = true, rejected_complete = true;
};

/// Prompt and answer side by side.
[[nodiscard]] inline encoded_answer side_by_side(const token_ids& prompt, const token_ids& answer,
                                                 bool complete = true) {
  encoded_answer joined{prompt, static_cast<std::int64_t>(prompt.size()), {}, complete};
  joined.ids.insert(joined.ids.end(), answer.begin(), answer.end());
  return joined;
}

/// How many ids a sample has in all (both answers of a pair, and the prompt twice): for batches of about equal work.
[[nodiscard]] inline std::size_t token_count(const encoded_prompt& sample) { return sample.ids.size(); }
[[nodiscard]] inline std::size_t token_count(const encoded_answer& sample) { return sample.ids.size(); }
[[nodiscard]] inline std::size_t token_count(const labelled_answer& sample) { return sample.answer.ids.size(); }
[[nodiscard]] inline std::size_t token_count(const encoded_pair& sample) {
  return 2 * sample.prompt.size() + sample.chosen.size() + sample.rejected.size();
}

}  // namespace rto::llm
