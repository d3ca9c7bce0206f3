#include <utf8proc.h>

#include <memory>

#include "llm/text/code_point.hpp"
#include "llm/text/normalizer.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

std::string normal(std::string_view text, normal_form form = normal_form::nfc) {
  std::string buffer;
  return std::string(normalize(text, form, buffer));
}

std::string reference(const std::string& text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | options));
  REQUIRE(size >= 0);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(result, &std::free);
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

std::string text_of(char32_t c) {
  std::string text;
  append_code_point(text, c);
  return text;
}

}  // namespace

TEST_CASE("normal forms of the examples of Unicode Standard Annex 15") {
  CHECK(normal("e\u0301") == "\u00e9");
  CHECK(normal("\u212b") == "\u00c5");
  CHECK(normal("D\u0307\u0323") == "\u1e0c\u0307");
  CHECK(normal("\u1100\u1161\u11a8") == "\uac01");
  CHECK(normal("\uac00\u11a8!") == "\uac01!");
  CHECK(normal("\u0958") == "\u0915\u093c");  // excluded from composition
  CHECK(normal("\ufb01") == "\ufb01");
  CHECK(normal("\ufb01", normal_form::nfkc) == "fi");
  CHECK(normal("\u00e9", normal_form::nfd) == "e\u0301");
  CHECK(normal("\ufb01\u00e9", normal_form::nfkd) == "fie\u0301");
  CHECK(normal("") == "");
}

TEST_CASE("every character, and every pair that composes, becomes what utf8proc makes of it") {
  for (char32_t c = 1; c < 0x20000; ++c) {
    if ((c >= 0xD800 && c < 0xE000) || c == 0x11938) continue;  // the last is newer than the tables that are followed
    const std::string one = text_of(c), apart = reference(one, UTF8PROC_DECOMPOSE);
    const std::string expected = reference(one, UTF8PROC_COMPOSE);
    if (normal(one) != expected || normal("_" + apart + "y") != "_" + expected + "y") {
      INFO(static_cast<std::uint32_t>(c));
      CHECK(normal(one) == expected);
      CHECK(normal("_" + apart + "y") == "_" + expected + "y");
    }
  }
}

TEST_CASE("marks that are newer than the tables of tokenizers stand for themselves") {
  CHECK(normal("a\u09fe\u0301") == "a\u09fe\u0301");
  CHECK(normal("a\u0350\u09fe\u0319") == "a\u0350\u09fe\u0319");
}

TEST_CASE("a text that NFC leaves alone is not copied") {
  const std::string text = "plain, na\u00efve, \u4eba\u306f\uff01";
  std::string buffer;
  CHECK(normalize(text, normal_form::nfc, buffer).data() == text.data());
}
