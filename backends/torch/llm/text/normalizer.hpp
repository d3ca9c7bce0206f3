#pragma once
// What is done to a text before it is split.
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llm/text/pattern.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

enum class normal_form { nfc, nfd, nfkc, nfkd };

/// The text in a Unicode normal form. \source Unicode Standard Annex 15 \pre `text` is UTF-8
/// \returns `text` itself where a quick look shows that NFC changes nothing, otherwise a view of `buffer`
/// \cost linear, n log n in a run of combining marks
std::string_view normalize(std::string_view text, normal_form form, std::string& buffer);

/// A step Replace of a normalizer or a decoder: a literal or a pattern, and what takes the place of each occurrence.
class replacement {
 public:
  /// \throws sim::field_error naming the place
  replacement(const sim::json& value, const std::string& place);
  std::string operator()(std::string_view text) const;

 private:
  std::variant<std::string, pattern> what_;
  std::string content_;
};

/// Replaces every occurrence of `what`, left to right. \pre `what` is not empty
std::string replace_all(std::string_view text, std::string_view what, std::string_view by);

/// The field `normalizer` of a tokenizer file: NFC, NFD, NFKC, NFKD, Prepend, Replace, and a Sequence of them.
class normalizer {
 public:
  normalizer() = default;
  /// \throws sim::field_error naming the place
  normalizer(const sim::json& value, const std::string& place) { add(value, place); }

  bool empty() const { return steps_.empty(); }
  std::string operator()(std::string_view text) const;

 private:
  struct prepend {
    std::string content;
  };
  using step = std::variant<normal_form, prepend, replacement>;

  void add(const sim::json& value, const std::string& place);
  static std::string apply(const step& s, std::string text);

  std::vector<step> steps_;
};

}  // namespace rto::llm
