#pragma once
// Tokens that are looked for in the text before it is split into words: special ones and those added to a vocabulary.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/text/token.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

struct added_token {
  token_id id = 0;
  std::string content;
  bool single_word = false;             // only where no letter or digit touches it
  bool lstrip = false, rstrip = false;  // takes the white space before, after it
  bool normalized = false;              // looked for after normalisation, itself normalised
  bool special = false;

  /// An entry of `added_tokens` in a tokenizer file, or of `added_tokens_decoder` (whose key is the id).
  static added_token parse(const sim::json& value, const std::string& place, std::optional<token_id> id = {});
};

/// Finds tokens in a text: leftmost first, of those the longest.
class token_matcher {
 public:
  struct entry {
    std::string pattern;  // what is looked for
    added_token token;
  };
  /// Of two entries with the same pattern the first counts; empty patterns are never found.
  explicit token_matcher(std::vector<entry> entries = {});

  bool empty() const { return entries_.empty(); }

  /// Calls `on_text(part, begin)` for every part of the text between tokens (none is empty; `begin` is its offset) and
  /// `on_token(id)` for every token, in order.
  template <class OnText, class OnToken> void split(std::string_view text, OnText&& on_text, OnToken&& on_token) const {
    std::size_t done = 0;
    for (std::size_t from = 0; from < text.size();) {
      const std::optional<match> found = find(text, from);
      if (!found) break;
      from = found->end;
      const std::optional<match> taken = extend(text, *found, done);
      if (!taken) continue;
      if (done < taken->begin) on_text(text.substr(done, taken->begin - done), done);
      on_token(entries_[taken->entry].token.id);
      done = taken->end;
    }
    if (done < text.size()) on_text(text.substr(done), done);
  }

 private:
  struct match {
    std::size_t begin, end, entry;
  };
  struct node {
    std::uint32_t first = 0, count = 0;  // of its children
    std::int32_t entry = -1;
  };

  std::uint32_t build(std::size_t begin, std::size_t end, std::size_t depth, const std::vector<std::size_t>& order);
  std::optional<match> find(std::string_view text, std::size_t from) const;
  std::optional<match> extend(std::string_view text, match found, std::size_t done) const;

  std::vector<entry> entries_;
  std::vector<node> nodes_;
  std::vector<char> bytes_;              // of the children of all nodes
  std::vector<std::uint32_t> children_;  // their nodes
  std::array<bool, 256> begins_{};       // bytes with which a pattern begins
};

}  // namespace rto::llm
