#include "llm/text/byte_alphabet.hpp"

#include "llm/text/code_point.hpp"

namespace rto::llm {
namespace {

constexpr bool printable(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

constexpr std::array<char32_t, 256> make_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const auto place = static_cast<std::size_t>(byte);
    alphabet[place] = printable(byte) ? static_cast<char32_t>(byte) : next++;
  }
  return alphabet;
}

constexpr std::array<char32_t, 256> alphabet = make_alphabet();
constexpr char32_t last_character = 256 + 67;  // 68 bytes are not printable

}  // namespace

const std::array<char32_t, 256>& byte_alphabet() { return alphabet; }

std::optional<std::uint8_t> byte_of(char32_t character) {
  static const auto bytes = [] {
    std::array<std::int16_t, last_character + 1> table{};
    table.fill(-1);
    for (std::size_t byte = 0; byte < alphabet.size(); ++byte) table[alphabet[byte]] = static_cast<std::int16_t>(byte);
    return table;
  }();
  if (character > last_character || bytes[character] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(bytes[character]);
}

std::string spell_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) append_code_point(text, alphabet[static_cast<std::uint8_t>(c)]);
  return text;
}

}  // namespace rto::llm
