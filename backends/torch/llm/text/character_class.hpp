#pragma once
// What the patterns of tokenizers tell apart: letters, numbers, white space, the rest.
#include <array>
#include <cstdint>

namespace rto::llm {

enum class character_class : std::uint8_t { other, letter, number, space };

/// The class of a code point: \p{L}, \p{N} (general categories), \s (Unicode's White_Space), or none of them.
character_class classify(char32_t c);

/// True for what a regular expression's \w matches: letters, marks, decimal digits, connectors and the like.
bool is_word_character(char32_t c);

/// `classify` of the Basic Multilingual Plane from a table, for loops over text.
class character_classes {
 public:
  static const character_classes& get();
  character_class operator[](char32_t c) const { return c < table_.size() ? table_[c] : classify(c); }

 private:
  character_classes();
  std::array<character_class, 0x10000> table_;
};

}  // namespace rto::llm
