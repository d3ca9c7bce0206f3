#include "llm/text/bpe.hpp"

#include <algorithm>
#include <functional>

#include "llm/text/code_point.hpp"

namespace rto::llm {
namespace {

constexpr std::string_view space_mark = "\u2581";
constexpr std::size_t few = 48;  // symbols that are searched from end to end for every merge

}  // namespace

void bpe::encode(std::string_view word, token_ids& ids, bpe_memory& memory) const {
  if (ignore_merges_) {
    if (const auto id = words_.find(word)) {
      ids.push_back(*id);
      return;
    }
  }
  if (cut_at_spaces_) {
    // Runs of marks stay with what follows them: a cut goes before a mark that another character precedes.
    for (std::size_t at = 0;;) {
      std::size_t body = at;
      while (word.substr(body, space_mark.size()) == space_mark) body += space_mark.size();
      const std::size_t end = std::min(word.find(space_mark, body), word.size());
      encode_part(word.substr(at, end - at), ids, memory);
      if (end == word.size()) return;
      at = end;
    }
  }
  encode_part(word, ids, memory);
}

void bpe::encode_part(std::string_view part, token_ids& ids, bpe_memory& memory) const {
  if (part.size() > word_cache::longest_word) {
    merge(part, ids, memory);
    return;
  }
  const short_word word(part);
  word_cache::entry& place = memory.cache.place(word, part.size());
  if (word_cache::holds(place, word, part.size())) {
    ids.insert(ids.end(), place.ids.begin(), place.ids.begin() + place.count);
    return;
  }
  const std::size_t begin = ids.size();
  merge(part, ids, memory);
  word_cache::put(place, word, part.size(), std::span(ids).subspan(begin));
}

void bpe::merge(std::string_view part, token_ids& ids, bpe_memory& memory) const {
  std::vector<std::uint32_t>& symbols = memory.symbols;
  symbols.clear();
  find_symbols_of(part, symbols);
  const auto merge_range = [&](std::size_t begin, std::size_t end) {
    if (end - begin <= few)
      merge_few(symbols.data() + begin, end - begin, ids, memory);
    else
      merge_many(symbols.data() + begin, end - begin, ids, memory);
  };
  std::size_t begin = 0;
  if (may_cut_ && symbols.size() > few) {
    for (std::size_t k = 1; k < symbols.size(); ++k) {
      if (joints_.contains(pair(symbols[k - 1], symbols[k]))) continue;
      merge_range(begin, k);
      begin = k;
    }
  }
  merge_range(begin, symbols.size());
}

std::uint32_t bpe::symbol_of(char32_t c) const {
  if (c < low_.size()) return low_[c];
  const std::uint64_t* id = characters_.find(c);
  return id == nullptr ? none : static_cast<std::uint32_t>(*id);
}

void bpe::find_symbols_of(std::string_view part, std::vector<std::uint32_t>& symbols) const {
  bool unknown = false;  // an unknown character waits, so that those after it may join it
  const auto flush = [&] {
    if (unknown) symbols.push_back(static_cast<std::uint32_t>(*unk_));
    unknown = false;
  };
  for (std::size_t at = 0; at < part.size();) {
    const code_point c = byte_level_ ? code_point{static_cast<unsigned char>(part[at]), 1} : code_point_at(part, at);
    const std::string_view bytes = part.substr(at, c.length);
    at += c.length;
    if (const std::uint32_t symbol = symbol_of(c.value); symbol != none) {
      flush();
      symbols.push_back(symbol);
      continue;
    }
    const auto byte_id = [&](char b) { return bytes_[static_cast<unsigned char>(b)]; };
    if (byte_fallback_ && std::all_of(bytes.begin(), bytes.end(), [&](char b) { return byte_id(b) != none; })) {
      for (const char b : bytes) symbols.push_back(byte_id(b));
      continue;
    }
    if (!unk_) continue;
    if (!fuse_unk_) flush();
    unknown = true;
  }
  flush();
}

void bpe::merge_few(std::uint32_t* symbols, std::size_t count, token_ids& ids, bpe_memory&) const {
  std::array<std::uint32_t, few> ranks, products;
  const auto look_up = [&](std::size_t k) {
    const std::uint64_t* found = merges_.find(pair(symbols[k], symbols[k + 1]));
    ranks[k] = found == nullptr ? none : static_cast<std::uint32_t>(*found >> 32);
    products[k] = found == nullptr ? none : static_cast<std::uint32_t>(*found);
  };
  for (std::size_t k = 0; k + 1 < count; ++k) look_up(k);
  while (count > 1) {
    const auto lowest = std::min_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(count - 1));
    if (*lowest == none) break;
    const auto k = static_cast<std::size_t>(lowest - ranks.begin());
    symbols[k] = products[k];
    std::copy(symbols + k + 2, symbols + count, symbols + k + 1);
    if (k + 2 < count) {
      std::copy(ranks.data() + k + 2, ranks.data() + count - 1, ranks.data() + k + 1);
      std::copy(products.data() + k + 2, products.data() + count - 1, products.data() + k + 1);
    }
    --count;
    if (k + 1 < count) look_up(k);
    if (k > 0) look_up(k - 1);
  }
  ids.insert(ids.end(), symbols, symbols + count);
}

// The same with a list of neighbours and a queue of (rank, place); entries of pairs that are gone are passed over.
void bpe::merge_many(const std::uint32_t* symbols, std::size_t count, token_ids& ids, bpe_memory& memory) const {
  auto& [cache, all, ranks, products, left, right, queue] = memory;
  std::vector<std::uint32_t> here(symbols, symbols + count);
  ranks.assign(count, none);
  products.assign(count, none);
  left.resize(count);
  right.resize(count);
  queue.clear();
  const auto last = static_cast<std::uint32_t>(count);
  for (std::uint32_t k = 0; k < last; ++k) {
    left[k] = k == 0 ? none : k - 1;
    right[k] = k + 1 == last ? none : k + 1;
  }
  const auto look_up = [&](std::uint32_t k) {
    ranks[k] = none;
    if (right[k] == none) return false;
    const std::uint64_t* found = merges_.find(pair(here[k], here[right[k]]));
    if (found == nullptr) return false;
    ranks[k] = static_cast<std::uint32_t>(*found >> 32);
    products[k] = static_cast<std::uint32_t>(*found);
    queue.push_back((std::uint64_t{ranks[k]} << 32) | k);
    return true;
  };
  for (std::uint32_t k = 0; k < last; ++k) look_up(k);
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  while (!queue.empty()) {
    const std::uint64_t top = queue.front();
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    queue.pop_back();
    const auto k = static_cast<std::uint32_t>(top);
    if (ranks[k] != static_cast<std::uint32_t>(top >> 32)) continue;
    const std::uint32_t gone = right[k];
    here[k] = products[k];
    ranks[gone] = none;
    right[k] = right[gone];
    if (right[k] != none) left[right[k]] = k;
    if (look_up(k)) std::push_heap(queue.begin(), queue.end(), std::greater<>());
    if (left[k] != none && look_up(left[k])) std::push_heap(queue.begin(), queue.end(), std::greater<>());
  }
  for (std::uint32_t k = 0; k != none; k = right[k]) ids.push_back(here[k]);
}

}  // namespace rto::llm
