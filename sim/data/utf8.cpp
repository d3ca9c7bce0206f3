#include "sim/data/utf8.hpp"

#include <fmt/format.h>

namespace rto::sim {

namespace {

unsigned char byte(std::string_view text, std::size_t k) { return static_cast<unsigned char>(text[k]); }

// Length of the well-formed sequence at `at`, 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const unsigned char lead = byte(text, at);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80, high = 0xbf;  // range of the second byte
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (at + length > text.size()) return 0;
  if (byte(text, at + 1) < low || byte(text, at + 1) > high) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte(text, at + k) & 0xc0) != 0x80) return 0;
  }
  return length;
}

bool begins_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

std::size_t first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::size_t code_point_count(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += begins_code_point(c) ? 1 : 0;
  return count;
}

std::vector<std::size_t> code_point_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  offsets.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins_code_point(text[at])) offsets.push_back(at);
  }
  offsets.push_back(text.size());
  return offsets;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    if (shown.size() >= limit) return shown + "...";
    const std::size_t length = sequence_length(text, at);
    const unsigned char c = byte(text, at);
    if (length == 0 || c < 0x20 || c == 0x7f) {
      shown += fmt::format("\\x{:02x}", c);
      ++at;
    } else {
      shown += text.substr(at, length);
      at += length;
    }
  }
  return shown;
}

}  // namespace rto::sim
