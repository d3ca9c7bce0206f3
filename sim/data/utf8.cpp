#include "sim/data/utf8.hpp"

#include <fmt/format.h>

namespace rto::sim {

namespace {

unsigned char byte(std::string_view text, std::size_t k) { return static_cast<unsigned char>(text[k]); }

bool begins_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

utf8_unit utf8_unit_at(std::string_view text, std::size_t at) {
  const unsigned char lead = byte(text, at);
  if (lead < 0x80) return {1, true, false};
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
    return {1, false, false};
  }
  for (std::size_t k = 1; k < length; ++k) {
    if (at + k == text.size()) return {k, false, true};
    if (byte(text, at + k) < low || byte(text, at + k) > high) return {k, false, false};
    low = 0x80;
    high = 0xbf;
  }
  return {length, true, false};
}

std::size_t first_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const utf8_unit unit = utf8_unit_at(text, at);
    if (!unit.complete) return at;
    at += unit.length;
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
    const utf8_unit unit = utf8_unit_at(text, at);
    const unsigned char c = byte(text, at);
    if (!unit.complete || c < 0x20 || c == 0x7f) {
      shown += fmt::format("\\x{:02x}", c);
      ++at;
    } else {
      shown += text.substr(at, unit.length);
      at += unit.length;
    }
  }
  return shown;
}

std::string in_quotes(std::string_view text, std::size_t limit) { return '"' + printable(text, limit) + '"'; }

}  // namespace rto::sim
