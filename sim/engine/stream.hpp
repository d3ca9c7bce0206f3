#pragma once
// A random stream that is a function of (seed, claim, point, replicate): the same bits for any number of threads and
// any order of work.
#include <Random123/philox.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace rto::sim {

/// Philox4x64-10 as a uniform random bit generator of 64-bit words.
/// \source J. Salmon, M. Moraes, R. Dror, D. Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (SC'11)
/// Streams with different keys, and sub-streams of one key, are disjoint: they are different blocks of one bijection of
/// the counter.
class stream {
 public:
  using result_type = std::uint64_t;

  /// \param key two words that name the stream
  explicit stream(std::uint64_t key_0, std::uint64_t key_1 = 0) : key_{{key_0, key_1}} {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    if (next_ == words) {
      block_ = generator_(counter_, key_);
      if (++counter_.v[0] == 0) ++counter_.v[1];
      next_ = 0;
    }
    return block_.v[next_++];
  }

  /// The stream number `index` below this one, starting at its beginning: for the parts of a replicate that run in
  /// parallel or that must not depend on how much another part drew.
  stream substream(std::uint64_t index) const {
    stream part = *this;
    part.counter_ = {{0, 0, index + 1, 0}};
    part.next_ = words;
    return part;
  }

 private:
  using generator = r123::Philox4x64;
  static constexpr std::size_t words = 4;

  generator generator_{};
  generator::key_type key_{};
  generator::ctr_type counter_{{0, 0, 0, 0}};
  generator::ctr_type block_{};
  std::size_t next_ = words;
};

/// The stream of one replicate.
/// \param claim id of the claim  \param point canonical text of the setting's grid point
stream replicate_stream(std::uint64_t seed, std::string_view claim, std::string_view point, std::uint64_t replicate);

}  // namespace rto::sim
