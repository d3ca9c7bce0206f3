#pragma once
// UTF-8: where a text stops being it, and its code points.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rto::sim {

/// Index of the first byte that does not belong to well-formed UTF-8 (Unicode 15, table 3-7: no overlong forms, no
/// surrogates, nothing above U+10FFFF), or `npos`.
std::size_t first_invalid_utf8(std::string_view text);

/// What stands at a byte of a text: a well-formed sequence (`complete`), the beginning of one that the text's end cuts
/// (`cut`), or else the longest beginning of one, at least a byte: what one U+FFFD stands for (Unicode 15,
/// section 3.9).
struct utf8_unit {
  std::size_t length;
  bool complete, cut;
};
/// \pre at < text.size()
utf8_unit utf8_unit_at(std::string_view text, std::size_t at);

/// Number of code points. \pre the text is UTF-8
std::size_t code_point_count(std::string_view text);

/// Byte offset of every code point, and the text's length at the end: `offsets[k]` turns a code-point offset into a
/// byte offset. \pre the text is UTF-8
std::vector<std::size_t> code_point_offsets(std::string_view text);

/// The text for a one-line message: control characters and invalid bytes as \xNN, cut after about `limit` bytes.
std::string printable(std::string_view text, std::size_t limit = 40);
/// The same between quotation marks.
std::string in_quotes(std::string_view text, std::size_t limit = 40);

}  // namespace rto::sim
