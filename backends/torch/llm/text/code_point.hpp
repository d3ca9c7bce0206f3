#pragma once
// Code points of a text that is known to be UTF-8, one at a time.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace rto::llm {

struct code_point {
  char32_t value;
  std::size_t length;  // in bytes
};

/// The code point that begins at byte `at`. \pre the text is UTF-8 and one begins there
inline code_point code_point_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + k])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {((lead & 0x1F) << 6) | (byte(1) & 0x3F), 2};
  if (lead < 0xF0) return {((lead & 0x0F) << 12) | ((byte(1) & 0x3F) << 6) | (byte(2) & 0x3F), 3};
  return {((lead & 0x07) << 18) | ((byte(1) & 0x3F) << 12) | ((byte(2) & 0x3F) << 6) | (byte(3) & 0x3F), 4};
}

/// The code point that ends before byte `at`. \pre the text is UTF-8 and `at` is above 0 and where one ends
inline code_point code_point_before(std::string_view text, std::size_t at) {
  std::size_t begin = at - 1;
  while ((static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return code_point_at(text, begin);
}

inline void append_code_point(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

struct code_point_range {
  char32_t first, last;
};

/// True when one of `ranges`, which are in order, holds `c`.
template <std::size_t Count> bool contains(const code_point_range (&ranges)[Count], char32_t c) {
  const auto* found =
      std::partition_point(ranges, ranges + Count, [c](const code_point_range& r) { return r.last < c; });
  return found != ranges + Count && found->first <= c;
}

}  // namespace rto::llm
