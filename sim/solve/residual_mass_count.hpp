#pragma once
// The number of queries that T2 makes on a stored tree, over all orders in which children can be tried.
#include <algorithm>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <tuple>
#include <vector>

namespace rto::sim {

/// Mean over independent uniformly random child orders at every node, and the least and the most of any order.
template <class Number> struct residual_mass_count { Number mean, minimum, maximum; };

/// One node of T2 from its children: they are tried in order until the mass not yet tried falls below tau. Each tried
/// child costs the queries of its own subtree, one when it is light or a leaf.
///
/// Equal children are counted together: with m_j of kind j, a set of s = (s_j) tried children precedes a given other
/// one with probability prod_j C(m_j, s_j) |s|! (A-1-|s|)! / A!, and that one is tried iff p(v) - sum_j s_j p_j >= tau.
template <class Number> class residual_mass_node {
 public:
  residual_mass_node(const Number& mass, const Number& threshold) : mass_(mass), threshold_(threshold) {}

  void add_child(const Number& mass, const residual_mass_count<Number>& count) {
    ++kinds_[{mass, count.mean, count.minimum, count.maximum}];
    ++children_;
  }

  /// \throws std::domain_error when more than four million sets of children differ
  residual_mass_count<Number> count() const {
    std::size_t sets = 1;
    for (const auto& [kind, number] : kinds_) {
      sets *= static_cast<std::size_t>(number) + 1;
      if (sets > (std::size_t{1} << 22))
        throw std::domain_error("residual_mass_node: at most 2^22 different sets of children of one node");
    }
    // weight[s] = s! (A-1-s)! / A!, the chance that a given set of s children precedes a given other one.
    std::vector<Number> weight(static_cast<std::size_t>(children_));
    for (int s = 0; s < children_; ++s) {
      Number value = Number(1) / Number(children_);
      for (int i = 1; i <= s; ++i) value = value * Number(i) / Number(children_ - i);
      weight[static_cast<std::size_t>(s)] = value;
    }
    walk state{{}, {}, Number(0), Number(0), Number(0), Number(1), 0, false, {Number(0), Number(0), Number(0)}};
    for (const auto& [kind, number] : kinds_) {
      state.kinds.push_back(kind);
      state.numbers.push_back(number);
    }
    for (std::size_t last = 0; last < state.kinds.size(); ++last) {
      const Number share = Number(state.numbers[last]) * std::get<1>(state.kinds[last]);
      --state.numbers[last];
      preceding_sets(state, 0, weight, last, share);
      ++state.numbers[last];
    }
    return state.result;
  }

 private:
  using kind_type = std::tuple<Number, Number, Number, Number>;  // mass, mean, minimum, maximum
  struct walk {
    std::vector<kind_type> kinds;
    std::vector<int> numbers;  // of each kind, without the child that comes last
    Number tried_mass, minimum, maximum, ways;
    int tried;
    bool any;
    residual_mass_count<Number> result;
  };

  // Enumerates the sets tried before a child of kind `last` that is itself still tried.
  void preceding_sets(walk& w, std::size_t kind, const std::vector<Number>& weight, std::size_t last,
                      const Number& share) const {
    if (mass_ - w.tried_mass < threshold_) return;  // and so are all larger sets
    if (kind == w.kinds.size()) {
      w.result.mean += share * w.ways * weight[static_cast<std::size_t>(w.tried)];
      const auto& [mass, mean, least, most] = w.kinds[last];
      const bool stops = w.tried + 1 == children_ || mass_ - w.tried_mass - mass < threshold_;
      if (stops) {
        w.result.minimum = w.any ? std::min<Number>(w.result.minimum, w.minimum + least) : w.minimum + least;
        w.result.maximum = w.any ? std::max<Number>(w.result.maximum, w.maximum + most) : w.maximum + most;
        w.any = true;
      }
      return;
    }
    const walk before{{}, {}, w.tried_mass, w.minimum, w.maximum, w.ways, w.tried, false, {}};
    const auto& [mass, mean, least, most] = w.kinds[kind];
    for (int s = 0; s <= w.numbers[kind]; ++s) {
      preceding_sets(w, kind + 1, weight, last, share);
      w.tried_mass += mass;
      w.minimum += least;
      w.maximum += most;
      w.ways = w.ways * Number(w.numbers[kind] - s) / Number(s + 1);
      ++w.tried;
    }
    w.tried_mass = before.tried_mass;
    w.minimum = before.minimum;
    w.maximum = before.maximum;
    w.ways = before.ways;
    w.tried = before.tried;
  }

  Number mass_, threshold_;
  int children_ = 0;
  std::map<kind_type, int> kinds_;
};

/// The same for a whole tree, bottom up. \param levels [H + 1][A^h] node masses, lexicographic
template <class Number>
residual_mass_count<Number> residual_mass_query_count(const std::vector<std::vector<Number>>& levels,
                                                      const Number& threshold) {
  const residual_mass_count<Number> one{Number(1), Number(1), Number(1)};
  std::vector<residual_mass_count<Number>> below(levels.back().size(), one);
  for (std::size_t h = levels.size() - 1; h-- > 0;) {
    const std::size_t actions = levels[h + 1].size() / levels[h].size();
    std::vector<residual_mass_count<Number>> counts(levels[h].size(), one);
    for (std::size_t v = 0; v < levels[h].size(); ++v) {
      if (levels[h][v] < threshold) continue;
      residual_mass_node<Number> node(levels[h][v], threshold);
      for (std::size_t a = 0; a < actions; ++a) node.add_child(levels[h + 1][v * actions + a], below[v * actions + a]);
      counts[v] = node.count();
    }
    below = std::move(counts);
  }
  return below.front();
}

}  // namespace rto::sim
