#pragma once
// What a text looks like in numbers: six of style, and its tokens.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rto::sim {

inline constexpr std::array<const char*, 6> style_feature_names = {"log1p_chars", "words_per_100",    "question_marks",
                                                                   "apology",     "negations_per_10", "mean_word_len"};

/// log(1 + code points), words / 100, question marks, whether it says "sorry" or "apolog...", negation words / 10 (no,
/// not, never, cannot, can't, don't, won't, isn't, shouldn't), mean word length. Words are runs of ASCII letters and
/// apostrophes; case does not matter. \pre the text is UTF-8
std::array<double, 6> style_features(std::string_view text);

/// The reply that a dialogue ends in: what follows the last "\n\nAssistant:"; all of it where there is none.
std::string_view last_reply(std::string_view dialogue);

/// A token: its place in the text (bytes) and a digest of it in lower case.
struct text_token {
  std::size_t begin = 0, end = 0;
  std::uint64_t digest = 0;
};

/// Splits into words (runs of ASCII letters, digits, apostrophes and of anything that is not ASCII) and single
/// punctuation characters; white space separates and is no token.
std::vector<text_token> tokens_of(std::string_view text);

/// A hashed feature: a column and a sign, by which collisions cancel on average.
/// \source K. Weinberger, A. Dasgupta, J. Langford, A. Smola, J. Attenberg 2009, "Feature hashing for large scale
/// multitask learning" (arXiv:0902.2206)
struct hashed_feature {
  int column = 0;
  double sign = 1;
};

/// The feature of the `length` tokens that end with token `last`; tokens before the first are a start mark.
hashed_feature hashed_ngram(const std::vector<text_token>& tokens, std::size_t last, std::size_t length,
                            std::size_t columns);

}  // namespace rto::sim
