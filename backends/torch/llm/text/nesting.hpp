#pragma once
// How deep the sequences of a tokenizer file may lie in each other.
#include <algorithm>
#include <string>

#include "sim/io/error.hpp"

namespace rto::llm {

/// \throws sim::field_error when `place` lies in more than 8 lists: no file means that, and following it far down costs
/// the square of the depth
inline void require_shallow(const std::string& place) {
  if (std::count(place.begin(), place.end(), '[') >
      8 + std::count(place.begin(),
                     place.begin() + static_cast<std::ptrdiff_t>(std::min(place.find(": "), place.size())), '['))
    throw sim::field_error(place + ": expected at most 8 sequences in each other");
}

}  // namespace rto::llm
