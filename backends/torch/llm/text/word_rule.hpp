#pragma once
// The two patterns that split nearly every text, by hand: many times as fast as a regular expression engine.
#include <cstddef>
#include <optional>
#include <string_view>

#include "llm/text/character_class.hpp"

namespace rto::llm {

/// Splits a text into words as the pattern of GPT-2 or of cl100k (Llama 3, Qwen 2, dolma2) does. Every character
/// belongs to a word. \source Radford et al. 2019 (GPT-2) for the first; the patterns are those of the tokenizer files,
/// letter for letter
class word_rule {
 public:
  /// The rule of a pattern; none for a pattern that is neither.
  static std::optional<word_rule> of_pattern(std::string_view pattern);
  static word_rule gpt2();

  /// Where the word that begins at `at` ends. \pre `text` is UTF-8, `at` < its size and begins a code point
  /// \cost linear in the word's length, the white space after it included
  std::size_t end_of_word(std::string_view text, std::size_t at) const;

 private:
  word_rule(bool gpt2, std::size_t digits) : gpt2_(gpt2), digits_(digits) {}

  std::size_t end_of_gpt2_word(std::string_view text, std::size_t at) const;
  std::size_t end_of_cl100k_word(std::string_view text, std::size_t at) const;
  std::size_t end_of_run(std::string_view text, std::size_t at, character_class kind) const;
  std::size_t end_of_space(std::string_view text, std::size_t at, bool lines_apart) const;

  const character_classes* classes_ = &character_classes::get();
  bool gpt2_;
  std::size_t digits_;  // the most that one word takes
};

}  // namespace rto::llm
