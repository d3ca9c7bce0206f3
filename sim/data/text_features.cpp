#include "sim/data/text_features.hpp"

#include <algorithm>
#include <cmath>

#include "sim/data/dialogue.hpp"
#include "sim/data/utf8.hpp"
#include "sim/io/file.hpp"

namespace rto::sim {

namespace {

// ASCII only, whatever the locale.
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = lower(c);
  return result;
}

constexpr std::string_view negations[] = {"no",    "not",   "never", "cannot",   "can't",
                                          "don't", "won't", "isn't", "shouldn't"};

// A bijection of 64-bit words that mixes well (the finaliser of SplitMix64).
std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

std::array<double, 6> style_features(std::string_view text) {
  const std::string low = lower(text);
  double words = 0, letters = 0, negation_count = 0;
  for (std::size_t at = 0; at < low.size();) {
    std::size_t end = at;
    while (end < low.size() && (is_letter(low[end]) || low[end] == '\'')) ++end;
    if (end == at) {
      ++at;
      continue;
    }
    const std::string_view word = std::string_view(low).substr(at, end - at);
    words += 1;
    letters += static_cast<double>(word.size());
    if (std::find(std::begin(negations), std::end(negations), word) != std::end(negations)) negation_count += 1;
    at = end;
  }
  const bool apology = low.find("sorry") != std::string::npos || low.find("apolog") != std::string::npos;
  return {std::log1p(static_cast<double>(code_point_count(text))),
          words / 100,
          static_cast<double>(std::count(low.begin(), low.end(), '?')),
          apology ? 1.0 : 0.0,
          negation_count / 10,
          words > 0 ? letters / words : 0.0};
}

std::string_view last_reply(std::string_view dialogue) {
  const std::size_t prompt = shared_prompt(dialogue, dialogue);
  return prompt == std::string_view::npos ? dialogue : dialogue.substr(prompt);
}

std::vector<text_token> tokens_of(std::string_view text) {
  const auto in_word = [](char c) {
    return is_letter(c) || is_digit(c) || c == '\'' || static_cast<unsigned char>(c) >= 0x80;
  };
  std::vector<text_token> tokens;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    if (in_word(text[at])) {
      while (end < text.size() && in_word(text[end])) ++end;
    }
    tokens.push_back({at, end, digest(lower(text.substr(at, end - at)))});
    at = end;
  }
  return tokens;
}

hashed_feature hashed_ngram(const std::vector<text_token>& tokens, std::size_t last, std::size_t length,
                            std::size_t columns) {
  constexpr std::uint64_t start_mark = 0x5bd1e995u;
  std::uint64_t hash = mixed(length);
  for (std::size_t k = length; k-- > 0;) {
    const std::uint64_t token = last >= k ? tokens[last - k].digest : start_mark;
    hash = mixed(hash ^ token) + 0x9e3779b97f4a7c15ULL;
  }
  hash = mixed(hash);
  return {static_cast<int>((hash >> 1) % columns), (hash & 1) != 0 ? 1.0 : -1.0};
}

}  // namespace rto::sim
