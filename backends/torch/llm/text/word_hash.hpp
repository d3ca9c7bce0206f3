#pragma once
// Hashing of short texts.
#include <cstdint>
#include <cstring>
#include <string_view>

namespace rto::llm {

/// Every bit of the result depends on all of `a` and `b`.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  a *= 0x9E3779B97F4A7C15ULL;
  a = ((a ^ (a >> 32)) + b) * 0xD6E8FEB86659FD93ULL;
  return a ^ (a >> 32);
}

/// A text of at most 24 bytes as three numbers; with the length beside them they are the text.
struct short_word {
  std::uint64_t a = 0, b = 0, c = 0;

  /// \pre text.size() <= 24
  explicit short_word(std::string_view text) {
    const char* p = text.data();
    const std::size_t n = text.size();
    if (n > 8) {
      std::memcpy(&a, p, 8);
      if (n > 16) std::memcpy(&b, p + 8, 8);
      std::memcpy(&c, p + n - 8, 8);
    } else if (n >= 4) {
      std::uint32_t low = 0, high = 0;
      std::memcpy(&low, p, 4);
      std::memcpy(&high, p + n - 4, 4);
      a = low | (std::uint64_t{high} << 32);
    } else {
      for (std::size_t k = 0; k < n; ++k) a |= std::uint64_t{static_cast<unsigned char>(p[k])} << (8 * k);
    }
  }
  std::uint64_t hash(std::size_t length) const { return mix(mix(a, c + 0xD1B54A32D192ED03ULL * length), b); }
};

/// Of a text of any length.
inline std::uint64_t word_hash(std::string_view text) {
  std::uint64_t h = text.size();
  for (std::size_t at = 0; at < text.size(); at += 24) {
    const std::string_view part = text.substr(at, 24);
    h = mix(h, short_word(part).hash(part.size()));
  }
  return h;
}

}  // namespace rto::llm
