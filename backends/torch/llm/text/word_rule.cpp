#include "llm/text/word_rule.hpp"

#include <limits>

#include "llm/text/code_point.hpp"

namespace rto::llm {
namespace {

constexpr std::string_view gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view cl100k_before_digits = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
constexpr std::string_view cl100k_after_digits = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

bool is_line_end(char c) { return c == '\n' || c == '\r'; }

// Length of 's, 't, 're, 've, 'm, 'll or 'd at `at`, where the apostrophe stands; 0 when it is none of them.
std::size_t contraction(std::string_view text, std::size_t at, bool any_case) {
  const auto letter = [&](std::size_t k) -> char {
    if (at + k >= text.size()) return 0;
    const char c = text[at + k];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
  if (any_case && first == '\xC5' && second == '\xBF') return 3;  // the long s folds to s
  return 0;
}

}  // namespace

std::optional<word_rule> word_rule::of_pattern(std::string_view pattern) {
  if (pattern == gpt2_pattern) return gpt2();
  if (!pattern.starts_with(cl100k_before_digits) || !pattern.ends_with(cl100k_after_digits)) return std::nullopt;
  pattern.remove_prefix(cl100k_before_digits.size());
  if (pattern.size() < cl100k_after_digits.size()) return std::nullopt;
  pattern.remove_suffix(cl100k_after_digits.size());
  if (pattern == R"(\p{N})") return word_rule(false, 1);
  if (pattern == R"(\p{N}{1,3})") return word_rule(false, 3);
  if (pattern == R"(\p{N}+)") return word_rule(false, std::numeric_limits<std::size_t>::max());
  return std::nullopt;
}

word_rule word_rule::gpt2() { return word_rule(true, std::numeric_limits<std::size_t>::max()); }

std::size_t word_rule::end_of_word(std::string_view text, std::size_t at) const {
  return gpt2_ ? end_of_gpt2_word(text, at) : end_of_cl100k_word(text, at);
}

std::size_t word_rule::end_of_gpt2_word(std::string_view text, std::size_t at) const {
  if (text[at] == '\'') {
    if (const std::size_t length = contraction(text, at, false)) return at + length;
  }
  if (text[at] == ' ' && at + 1 < text.size()) {
    const character_class next = (*classes_)[code_point_at(text, at + 1).value];
    if (next != character_class::space) return end_of_run(text, at + 1, next);
  }
  const character_class kind = (*classes_)[code_point_at(text, at).value];
  return kind == character_class::space ? end_of_space(text, at, false) : end_of_run(text, at, kind);
}

std::size_t word_rule::end_of_cl100k_word(std::string_view text, std::size_t at) const {
  if (text[at] == '\'') {
    if (const std::size_t length = contraction(text, at, true)) return at + length;
  }
  const code_point first = code_point_at(text, at);
  const character_class kind = (*classes_)[first.value];
  if (kind == character_class::letter) return end_of_run(text, at, kind);
  if (kind == character_class::number) {
    std::size_t end = at + first.length;
    for (std::size_t count = 1; count < digits_ && end < text.size(); ++count) {
      const code_point c = code_point_at(text, end);
      if ((*classes_)[c.value] != character_class::number) break;
      end += c.length;
    }
    return end;
  }
  const std::size_t second = at + first.length;
  const character_class next =
      second < text.size() ? (*classes_)[code_point_at(text, second).value] : character_class::space;
  if (next == character_class::letter && !is_line_end(text[at])) return end_of_run(text, second, next);
  if (kind == character_class::other || (text[at] == ' ' && next == character_class::other)) {
    std::size_t end = end_of_run(text, kind == character_class::other ? at : second, character_class::other);
    while (end < text.size() && is_line_end(text[end])) ++end;
    return end;
  }
  return end_of_space(text, at, true);
}

std::size_t word_rule::end_of_run(std::string_view text, std::size_t at, character_class kind) const {
  while (at < text.size()) {
    const code_point c = code_point_at(text, at);
    if ((*classes_)[c.value] != kind) break;
    at += c.length;
  }
  return at;
}

// \s*[\r\n]+ where lines are kept apart, then \s+(?!\S) and \s+: white space before a word leaves it its last
// character.
std::size_t word_rule::end_of_space(std::string_view text, std::size_t at, bool lines_apart) const {
  std::size_t end = at, last = at, after_line = at;
  while (end < text.size()) {
    const code_point c = code_point_at(text, end);
    if ((*classes_)[c.value] != character_class::space) break;
    last = end;
    end += c.length;
    if (c.length == 1 && is_line_end(text[last])) after_line = end;
  }
  if (lines_apart && after_line > at) return after_line;
  return end == text.size() || last == at ? end : last;
}

}  // namespace rto::llm
