// In which order a depth-first learner tries the tokens of a node.
#pragma once

#include <boost/random/uniform_int_distribution.hpp>
#include <concepts>
#include <numeric>
#include <utility>
#include <vector>

namespace rto {

/// `start(A, H)` once, then `token(depth, tried)`: the token to try at the node being expanded at `depth`, of which
/// `tried` tokens have been tried. Depths are asked for as a depth-first search visits them.
template <class O>
concept ChildOrder = requires(O& order, int n) {
  order.start(n, n);
  { order.token(n, n) } -> std::convertible_to<int>;
};

/// Tokens 0, 1, ..., A-1. No memory.
struct lexicographic_order {
  void start(int, int) {}
  int token(int, int tried) const { return tried; }
};

/// An independent, uniformly random permutation at every node.
/// \cost one draw a token; memory O(A) for every depth reached
template <class URBG> class random_order {
 public:
  /// \param rng is kept by reference
  explicit random_order(URBG& rng) : rng_(&rng) {}

  void start(int actions, int horizon) {
    actions_ = actions;
    rows_.assign(static_cast<std::size_t>(horizon), {});
  }

  /// A step of the Fisher-Yates shuffle. A row is shared by all nodes of its depth, one after the other: the shuffle is
  /// uniform from whatever permutation it starts.
  int token(int depth, int tried) {
    std::vector<int>& row = rows_[static_cast<std::size_t>(depth)];
    if (row.empty()) {
      row.resize(static_cast<std::size_t>(actions_));
      std::iota(row.begin(), row.end(), 0);
    }
    const int chosen = boost::random::uniform_int_distribution<int>(tried, actions_ - 1)(*rng_);
    std::swap(row[static_cast<std::size_t>(tried)], row[static_cast<std::size_t>(chosen)]);
    return row[static_cast<std::size_t>(tried)];
  }

 private:
  URBG* rng_;
  int actions_ = 0;
  std::vector<std::vector<int>> rows_;
};

}  // namespace rto
