#pragma once
// A random order that is the same everywhere.
#include <boost/random/uniform_int_distribution.hpp>
#include <cstddef>
#include <utility>
#include <vector>

namespace rto::sim {

/// A uniformly random permutation in place (Fisher-Yates): std::shuffle differs between standard libraries.
template <class T, class URBG> void shuffle(std::vector<T>& order, URBG& rng) {
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[boost::random::uniform_int_distribution<std::size_t>(0, i - 1)(rng)]);
}

}  // namespace rto::sim
