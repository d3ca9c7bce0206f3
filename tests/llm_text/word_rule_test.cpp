#include "llm/text/word_rule.hpp"

#include <random>

#include "llm/text/pattern.hpp"
#include "sim/io/error.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

const std::string gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
std::string cl100k(const std::string& digits) {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + digits +
         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

std::vector<std::string> words(const word_rule& rule, const std::string& text) {
  std::vector<std::string> list;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = rule.end_of_word(text, at);
    REQUIRE(end > at);
    list.push_back(text.substr(at, end - at));
    at = end;
  }
  return list;
}

std::vector<std::string> matches(const pattern& expression, const std::string& text) {
  std::vector<std::string> list;
  expression.each_match(text, [&](const text_range& r) { list.push_back(text.substr(r.begin, r.end - r.begin)); });
  return list;
}

}  // namespace

TEST_CASE("the words of a rule are the matches of its pattern") {
  const std::vector<std::string> pieces{"a",
                                        "Z",
                                        "s",
                                        "S",
                                        "t",
                                        "re",
                                        "VE",
                                        "ll",
                                        "LL",
                                        "d",
                                        "m",
                                        "'",
                                        "'",
                                        "\u017f",
                                        "\u00e9",
                                        "\u4eba",
                                        "\u0661",
                                        "1",
                                        "2",
                                        "3",
                                        "\u00bd",
                                        " ",
                                        " ",
                                        " ",
                                        "\t",
                                        "\n",
                                        "\r",
                                        "\u00a0",
                                        "\u2003",
                                        "\u0085",
                                        "\u180e",
                                        "\u3000",
                                        ".",
                                        "!",
                                        "-",
                                        "_",
                                        "\u0301",
                                        "\U0001f600",
                                        "\U00010400",
                                        "\u200d",
                                        std::string(1, '\0'),
                                        "\x7f",
                                        "\u2028"};
  std::mt19937 random(5);
  for (const std::string& expression : {gpt2, cl100k(R"(\p{N})"), cl100k(R"(\p{N}{1,3})"), cl100k(R"(\p{N}+)")}) {
    const auto rule = word_rule::of_pattern(expression);
    REQUIRE(rule.has_value());
    const pattern reference(expression, "test");
    for (int trial = 0; trial < 4000; ++trial) {
      std::string text;
      const std::size_t size = 1 + random() % 14;
      for (std::size_t k = 0; k < size; ++k) text += pieces[random() % pieces.size()];
      const auto expected = matches(reference, text);
      if (words(*rule, text) != expected) {
        INFO(expression << " on " << text);
        CHECK(words(*rule, text) == expected);
      }
    }
  }
  CHECK_FALSE(word_rule::of_pattern(gpt2 + "|x").has_value());
  CHECK_FALSE(word_rule::of_pattern(cl100k(R"(\p{N}{1,2})")).has_value());
}

TEST_CASE("a sentence falls into the words that GPT-2 gives it") {
  CHECK(words(word_rule::gpt2(), "I'm  here, 24x\n\n ok ") ==
        std::vector<std::string>{"I", "'m", " ", " here", ",", " 24", "x", "\n\n", " ok", " "});
}

TEST_CASE("a pattern matches as Oniguruma does: white space without U+180E, words with marks") {
  CHECK(matches(pattern(R"(\s+)", "t"), "a\u180e \u2003b") == std::vector<std::string>{" \u2003"});
  CHECK(matches(pattern(R"([^\S\n]+)", "t"), "a\u180e \n\tb") == std::vector<std::string>{" ", "\t"});
  CHECK(matches(pattern(R"(\w+)", "t"), "e\u0301_1-x") == std::vector<std::string>{"e\u0301_1", "x"});
  CHECK(matches(pattern(R"(\p{N}*)", "t"), "a12\u4eba3") == std::vector<std::string>{"12", "3"});
}

TEST_CASE("a pattern that means something else elsewhere is refused") {
  for (const char* expression : {"^a", "a$", R"(\h)", R"(\R)", R"(\X)", R"(\A)", "[[a]]", "[[:alpha:]]", "[a&&b]",
                                 R"([\W])", "(", "[", "a{2,1}"})
    CHECK_THROWS_AS(pattern(expression, "file: field"), rto::sim::field_error);
}
