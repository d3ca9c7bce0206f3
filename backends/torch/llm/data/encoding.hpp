#pragma once
// Records to ids. A prompt and an answer are encoded once each, apart, as generation does it: what was sampled after a
// prompt's ids is what is trained after them.
#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llm/data/data_report.hpp"
#include "llm/data/preference_sample.hpp"
#include "llm/data/record.hpp"
#include "llm/text/chat_template.hpp"
#include "llm/text/token.hpp"

namespace rto::llm {

class tokenizer;

/// What encoding data needs of a tokenizer.
struct text_coder {
  std::function<token_ids(std::string_view)> encode;  ///< without tokens around the text; those written in it are found
  std::function<std::string(std::span<const token_id>)> decode;
  token_ids before;  ///< what stands before a text that no template made (bos, where the tokenizer has it so)
  std::optional<token_id> eos = {};  ///< ends a complete answer
  std::optional<chat_template> chat = {};
};

/// \param name for messages about the chat template
text_coder coder_of(const tokenizer& t, const std::string& name = "");

enum class over_long {
  drop,        ///< a sample longer than allowed is left out
  cut_answer,  ///< its answer is cut at the right end (and has no end token then); with a prompt too long it is dropped
  cut_prompt   ///< its prompt loses what comes first, never its end (the header of the answer); a whole conversation is
               ///< cut at the right end
};

struct encoding_options {
  std::size_t max_length = 1024;      ///< of prompt and answer together, tokens
  std::size_t max_prompt_length = 0;  ///< 0: only `max_length` less one
  over_long too_long = over_long::drop;
  bool only_last_turn = false;       ///< of a conversation's assistant: learn the last turn, not all
  bool dialogue_as_chat = false;     ///< HH-RLHF's texts as messages through the chat template
  bool end_texts = true;             ///< the end token after a document and after an answer that no template made
  std::optional<std::tm> now = {};   ///< the date a chat template may print; unset: the day of encoding
  sim::ordered_json variables = {};  ///< more variables of the chat template; null: none
};

template <class Sample> struct encoded_data {
  std::vector<Sample> samples;
  /// A digest of each sample's prompt: samples of one prompt belong on one side of a split.
  std::vector<std::uint64_t> prompts;
  data_report report;
};

/// Comparisons. \throws sim::user_error for records of another kind, for a conversation without a chat template (but
///   user and assistant alternate: then HH-RLHF's marks are written), and where the template with the answer does not
///   begin with the template without it, so that no prompt can be told apart; naming file and line
encoded_data<encoded_pair> encode_pairs(const record_set& set, const text_coder& coder,
                                        const encoding_options& options);

/// Supervised learning: prompts with completions; of comparisons the chosen answer; of labelled ones the desirable;
/// texts whole; conversations with a mask on the assistant's turns (by the template's {% generation %}, else by
/// rendering every prefix). \throws as encode_pairs
encoded_data<encoded_answer> encode_answers(const record_set& set, const text_coder& coder,
                                            const encoding_options& options);

/// Labelled answers; of a comparison both. \throws as encode_pairs
encoded_data<labelled_answer> encode_labelled(const record_set& set, const text_coder& coder,
                                              const encoding_options& options);

/// Prompts, of every kind of record that has one, each once. \throws as encode_pairs
encoded_data<encoded_prompt> encode_prompts(const record_set& set, const text_coder& coder,
                                            const encoding_options& options);

/// Texts as one stream of ids, an end token after each, in blocks of `length` (the last one may be shorter).
/// \throws sim::user_error for records that are no texts
encoded_data<encoded_answer> encode_blocks(const record_set& set, const text_coder& coder, std::size_t length);

}  // namespace rto::llm
