#include "sim/engine/stream.hpp"

#include "sim/io/file.hpp"

namespace rto::sim {
namespace {

// The finaliser of SplitMix64: spreads every input bit over the whole word.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

stream replicate_stream(std::uint64_t seed, std::string_view claim, std::string_view point, std::uint64_t replicate) {
  const std::uint64_t name = digest(point, digest("\n", digest(claim)));
  // Two words, so that 128 bits would have to collide; for one point all replicates differ for certain in the second.
  return stream(mix(name ^ mix(seed)), mix(seed + 0x632be59bd9b4e019ULL) ^ replicate);
}

}  // namespace rto::sim
