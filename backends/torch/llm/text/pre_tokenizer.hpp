#pragma once
// How a normalised text is split into the words that byte pair encoding works on.
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llm/text/pattern.hpp"
#include "llm/text/word_rule.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

/// When the mark of a space is put before a text: always, only before what begins the whole text, never.
enum class prepend_scheme { always, first, never };
prepend_scheme read_prepend_scheme(const sim::json& metaspace, const std::string& place);

/// The field `pre_tokenizer` of a tokenizer file: ByteLevel, Split, Digits, Metaspace, and a Sequence of them.
class pre_tokenizer {
 public:
  pre_tokenizer() = default;
  /// \throws sim::field_error naming the place
  pre_tokenizer(const sim::json& value, const std::string& place);

  /// True when words are bytes, to be spelt with the byte alphabet.
  bool byte_level() const { return byte_level_; }

  /// Calls `f(word)` for every word of `text`, in order; none is empty.
  /// \param at_start whether the text is the beginning of what is encoded \pre `text` is UTF-8
  template <class F> void each_word(std::string_view text, bool at_start, F&& f) const {
    if (only_rule_) {
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = only_rule_->end_of_word(text, at);
        f(text.substr(at, end - at));
        at = end;
      }
    } else if (steps_.empty()) {
      if (!text.empty()) f(text);
    } else {
      std::deque<std::string> made;
      for (const std::string_view word : split(text, at_start, made)) f(word);
    }
  }

 private:
  enum class behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
  struct byte_level_step {
    bool add_prefix_space, use_rule;
  };
  struct digits {
    bool individual;
  };
  struct metaspace {
    std::string replacement;
    prepend_scheme scheme;
    bool split;
  };
  struct splitter {
    std::variant<std::string, word_rule, pattern> what;
    behavior how;
    bool invert;
  };
  using step = std::variant<byte_level_step, digits, metaspace, splitter>;
  struct piece {
    text_range range;
    bool match;
  };

  void add(const sim::json& value, const std::string& place);
  static splitter read_split(const sim::json& value, const std::string& place);
  void find_only_rule();

  // `made` holds the texts that a step wrote anew.
  std::vector<std::string_view> split(std::string_view text, bool at_start, std::deque<std::string>& made) const;
  static void apply(const step& s, std::string_view text, bool at_start, std::deque<std::string>& made,
                    std::vector<std::string_view>& words);
  template <class EachMatch>
  static void append(std::string_view text, behavior how, bool invert, EachMatch&& each_match,
                     std::vector<std::string_view>& words);

  std::vector<step> steps_;
  std::optional<word_rule> only_rule_;  // when that is all there is to do
  bool byte_level_ = false;
};

}  // namespace rto::llm
