#pragma once
// Ids of words that came by lately: most words of a text are few and come often.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "llm/text/word_hash.hpp"

namespace rto::llm {

/// Remembers words of at most 24 bytes and 9 ids, one cache line each; a word puts out the one that had its place.
class word_cache {
 public:
  static constexpr std::size_t longest_word = 24, most_ids = 9;

  struct entry {
    short_word word{std::string_view()};
    std::uint8_t length = 0, count = 0;  // length 0: nothing is there
    std::array<std::uint32_t, most_ids> ids;
  };

  /// The entry that is the word's place, whether or not the word is in it. \pre 0 < word.size() <= longest_word
  entry& place(const short_word& word, std::size_t length) { return entries_[word.hash(length) & (size - 1)]; }

  static bool holds(const entry& e, const short_word& word, std::size_t length) {
    return e.word.a == word.a && e.word.b == word.b && e.word.c == word.c && e.length == length;
  }
  static void put(entry& e, const short_word& word, std::size_t length, std::span<const std::int64_t> ids) {
    if (ids.size() > most_ids) return;
    e.word = word;
    e.length = static_cast<std::uint8_t>(length);
    e.count = static_cast<std::uint8_t>(ids.size());
    std::transform(ids.begin(), ids.end(), e.ids.begin(),
                   [](std::int64_t id) { return static_cast<std::uint32_t>(id); });
  }

 private:
  static constexpr std::size_t size = 1u << 15;
  static_assert(sizeof(entry) == 64);
  std::unique_ptr<entry[]> entries_ = std::make_unique<entry[]>(size);
};

}  // namespace rto::llm
