#include "sim/engine/stream.hpp"

#include <set>
#include <vector>

#include "support/catch.hpp"

namespace {

using rto::sim::replicate_stream;
using rto::sim::stream;

std::vector<std::uint64_t> first(stream s, int n) {
  std::vector<std::uint64_t> words;
  for (int i = 0; i < n; ++i) words.push_back(s());
  return words;
}

}  // namespace

TEST_CASE("the stream is Philox4x64-10: the known answers of Random123") {
  // Random123's kat_vectors for philox4x64 10 with counter 0 and key 0.
  CHECK(first(stream(0, 0), 4) == std::vector<std::uint64_t>{0x16554d9eca36314cULL, 0xdb20fe9d672d0fdcULL,
                                                             0xd7e772cee186176bULL, 0x7e68b68aec7ba23bULL});
}

TEST_CASE("a replicate's stream is a function of seed, claim, point and replicate, and of nothing else") {
  const auto base = first(replicate_stream(1, "prop-3.2", R"({"A":2})", 0), 16);
  CHECK(first(replicate_stream(1, "prop-3.2", R"({"A":2})", 0), 16) == base);
  CHECK(first(replicate_stream(2, "prop-3.2", R"({"A":2})", 0), 16) != base);
  CHECK(first(replicate_stream(1, "thm-4.2", R"({"A":2})", 0), 16) != base);
  CHECK(first(replicate_stream(1, "prop-3.2", R"({"A":3})", 0), 16) != base);
  CHECK(first(replicate_stream(1, "prop-3.2", R"({"A":2})", 1), 16) != base);
}

TEST_CASE("streams and sub-streams share no word") {
  std::set<std::uint64_t> seen;
  std::size_t drawn = 0;
  for (std::uint64_t replicate = 0; replicate < 50; ++replicate) {
    const stream s = replicate_stream(7, "c", "{}", replicate);
    for (std::uint64_t part = 0; part < 4; ++part) {
      for (const std::uint64_t word : first(part == 0 ? s : s.substream(part - 1), 20)) {
        seen.insert(word);
        ++drawn;
      }
    }
  }
  CHECK(seen.size() == drawn);
}

TEST_CASE("a sub-stream does not depend on what was drawn before") {
  stream s = replicate_stream(1, "c", "{}", 0);
  const auto fresh = first(s.substream(3), 8);
  for (int i = 0; i < 5; ++i) s();
  CHECK(first(s.substream(3), 8) == fresh);
}
