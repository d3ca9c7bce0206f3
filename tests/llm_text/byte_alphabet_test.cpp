#include "llm/text/byte_alphabet.hpp"

#include <set>

#include "support/catch.hpp"

using namespace rto::llm;

TEST_CASE("the byte alphabet gives every byte one character of its own, and the character leads back") {
  std::set<char32_t> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t character = byte_alphabet()[static_cast<std::size_t>(byte)];
    characters.insert(character);
    CHECK(byte_of(character) == static_cast<std::uint8_t>(byte));
  }
  CHECK(characters.size() == 256);
  CHECK_FALSE(byte_of(U' ').has_value());
  CHECK_FALSE(byte_of(U'\U0001F600').has_value());
}

TEST_CASE("bytes are spelt as GPT-2's vocabulary has them") {
  CHECK(spell_bytes(" a") == "\u0120a");
  CHECK(spell_bytes("\n") == "\u010A");
  CHECK(spell_bytes("\u00e9") == "\u00C3\u00A9");
}
