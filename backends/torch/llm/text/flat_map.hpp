#pragma once
// A hash table for the loops of a tokenizer: filled once, looked up for every pair of neighbours.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rto::llm {

/// From 64-bit keys (all but 2^64 - 1) to 64-bit values; open addressing, one cache line per look-up as a rule.
class flat_map {
 public:
  explicit flat_map(std::size_t expected = 0) { reserve(expected); }

  void set(std::uint64_t key, std::uint64_t value) {
    if (2 * (size_ + 1) > slots_.size()) reserve(2 * size_ + 2);
    slot& found = slots_[place(key)];
    if (found.key == empty) ++size_;
    found = {key, value};
  }

  /// The value of `key`, or nullptr.
  const std::uint64_t* find(std::uint64_t key) const {
    const slot& found = slots_[place(key)];
    return found.key == empty ? nullptr : &found.value;
  }
  bool contains(std::uint64_t key) const { return find(key) != nullptr; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t empty = ~std::uint64_t{0};
  struct slot {
    std::uint64_t key = empty, value = 0;
  };

  std::size_t place(std::uint64_t key) const {
    std::size_t at = static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> shift_);
    while (slots_[at].key != key && slots_[at].key != empty) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  void reserve(std::size_t expected) {
    std::size_t size = 16;
    shift_ = 60;
    while (size < 2 * expected) {
      size *= 2;
      --shift_;
    }
    std::vector<slot> old(size);
    old.swap(slots_);
    for (const slot& s : old)
      if (s.key != empty) slots_[place(s.key)] = s;
  }

  std::vector<slot> slots_;
  std::size_t size_ = 0;
  int shift_ = 60;
};

}  // namespace rto::llm
