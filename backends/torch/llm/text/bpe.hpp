#pragma once
// Byte pair encoding of one word.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "llm/text/flat_map.hpp"
#include "llm/text/token.hpp"
#include "llm/text/vocabulary.hpp"
#include "llm/text/word_cache.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

/// What one thread needs to encode; to be used again, so that the words of the last text are remembered.
struct bpe_memory {
  word_cache cache;
  std::vector<std::uint32_t> symbols, ranks, products, left, right;
  std::vector<std::uint64_t> queue;
};

/// Merges the pair of neighbours of the lowest rank, leftmost first, until none is left.
/// \source Sennrich, Haddow and Birch 2016, arXiv 1508.07909, Algorithm 1; byte-level as in Radford et al. 2019; byte
/// fallback as in SentencePiece (Kudo and Richardson 2018, arXiv 1808.06226)
class bpe {
 public:
  /// The field `model` of a tokenizer file; its tokens go into `tokens`.
  /// \param byte_level words are bytes, spelt in the vocabulary with the byte alphabet; otherwise they are characters
  /// \throws sim::field_error naming the place
  bpe(const sim::json& model, const std::string& place, bool byte_level, vocabulary& tokens);

  /// Appends the ids of a word. \pre the word is UTF-8 and not empty
  /// \cost n log n in its characters; a short word that came before costs one look-up
  void encode(std::string_view word, token_ids& ids, bpe_memory& memory) const;

  std::optional<token_id> unk() const { return unk_; }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  void read_options(const sim::json& model, const std::string& place);
  void read_vocabulary(const sim::json& model, const std::string& place, vocabulary& tokens);
  void find_symbols(const sim::json& model, const std::string& place, const vocabulary& tokens);
  void read_merges(const sim::json& model, const std::string& place, const vocabulary& tokens);
  void add_joint(std::string_view left, std::string_view right);

  void encode_part(std::string_view part, token_ids& ids, bpe_memory& memory) const;
  void merge(std::string_view part, token_ids& ids, bpe_memory& memory) const;
  void find_symbols_of(std::string_view part, std::vector<std::uint32_t>& symbols) const;
  std::uint32_t symbol_of(char32_t c) const;
  void merge_few(std::uint32_t* symbols, std::size_t count, token_ids& ids, bpe_memory& memory) const;
  void merge_many(const std::uint32_t* symbols, std::size_t count, token_ids& ids, bpe_memory& memory) const;

  static std::uint64_t pair(std::uint32_t a, std::uint32_t b) { return (std::uint64_t{a} << 32) | b; }

  bool byte_level_, byte_fallback_ = false, fuse_unk_ = false, ignore_merges_ = false;
  std::optional<token_id> unk_;
  flat_map merges_;                         // pair of ids -> rank and id of the product
  std::array<std::uint32_t, 256> low_{};    // symbols (ids) of the bytes, or of the first characters
  flat_map characters_;                     // symbols of the characters from 256 on
  std::array<std::uint32_t, 256> bytes_{};  // ids of <0x00> to <0xFF>
  vocabulary words_;                        // with ignore_merges: tokens as the text they stand for
  // Pairs of symbols between which some merge can happen; elsewhere a text may be cut before it is merged.
  flat_map joints_;
  bool may_cut_ = true;
  bool cut_at_spaces_ = false;  // before every U+2581 that follows another character
};

}  // namespace rto::llm
