// T1 with its queries in any order at all, not only depth first: each is a random response among those still alive.
#pragma once

#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include <rto/exploration/feedback.hpp>
#include <rto/exploration/search_result.hpp>

namespace rto {

namespace detail {

/// The heavy nodes met so far, each with the tokens below it that are not dead.
class alive_tree {
 public:
  explicit alive_tree(int actions) : actions_(actions) { add(); }

  bool alive(std::int32_t node) const { return alive_[static_cast<std::size_t>(node)] > 0; }
  int alive_count(std::int32_t node) const { return alive_[static_cast<std::size_t>(node)]; }
  int token(std::int32_t node, int slot) const { return tokens_[row(node, slot)]; }
  /// -1 when the child has not been met.
  std::int32_t child(std::int32_t node, int slot) const { return children_[row(node, slot)]; }

  std::int32_t add_child(std::int32_t node, int slot) {
    const std::int32_t id = add();
    return children_[row(node, slot)] = id;
  }

  /// The child in this slot is dead: the last alive one takes its place.
  void kill(std::int32_t node, int slot) {
    const int last = --alive_[static_cast<std::size_t>(node)];
    tokens_[row(node, slot)] = tokens_[row(node, last)];
    children_[row(node, slot)] = children_[row(node, last)];
  }

 private:
  std::size_t row(std::int32_t node, int slot) const {
    return static_cast<std::size_t>(node) * static_cast<std::size_t>(actions_) + static_cast<std::size_t>(slot);
  }
  std::int32_t add() {
    for (int a = 0; a < actions_; ++a) tokens_.push_back(a);
    children_.insert(children_.end(), static_cast<std::size_t>(actions_), -1);
    alive_.push_back(actions_);
    return static_cast<std::int32_t>(alive_.size() - 1);
  }

  int actions_;
  std::vector<int> alive_;              // [node]
  std::vector<int> tokens_;             // [node, slot]; slots below alive_ are alive
  std::vector<std::int32_t> children_;  // [node, slot]
};

}  // namespace detail

/// T1 where every query is drawn afresh from the root, one uniformly random living token after the other: every order
/// that the rule of mathematics.md 11.2 allows has positive probability.
/// \source Zhong et al. 2024 (arXiv 2404.18922), proof of Proposition 3.2: "each query of a new path"
/// \param log_threshold log tau (nats)  \param rng uniform random bits  \param observer  is called after every query
/// \returns as heavy_prefix_search, and as many queries
/// \throws std::domain_error when log_threshold or a reward is NaN, or tau > 1
/// \cost 1 + (A-1) sum_{h<H} N_h queries of H tokens; memory O(A sum_h N_h)
template <TokenFeedback F, class URBG, QueryObserver Observer = no_observer>
search_result any_order_heavy_prefix_search(F& feedback, double log_threshold, URBG& rng, Observer&& observer = {}) {
  if (!at_least_mass(0.0, log_threshold) || std::isnan(log_threshold))
    throw std::domain_error("rto::any_order_heavy_prefix_search: log tau <= 0, got " + std::to_string(log_threshold));
  const auto at = [](int h) { return static_cast<std::size_t>(h); };
  const int horizon = feedback.horizon();
  const auto below = [&rng](int n) { return boost::random::uniform_int_distribution<int>(0, n - 1)(rng); };
  detail::alive_tree tree(feedback.action_count());
  search_result result;
  result.heavy_counts.assign(at(horizon) + 1, 0);
  result.heavy_counts[0] = 1;
  std::vector<int> response(at(horizon)), slots(at(horizon));
  std::vector<std::int32_t> nodes(at(horizon));
  std::vector<double> log_p(at(horizon) + 1, 0.0);
  while (tree.alive(0)) {
    int met = 0;  // nodes of the path that are in the tree
    for (std::int32_t node = 0; met < horizon && node >= 0; ++met) {
      nodes[at(met)] = node;
      slots[at(met)] = below(tree.alive_count(node));
      response[at(met)] = tree.token(node, slots[at(met)]);
      node = tree.child(node, slots[at(met)]);
    }
    for (int h = met; h < horizon; ++h) response[at(h)] = below(feedback.action_count());
    const std::span<const double> rewards = feedback.token_rewards(response);
    query_view query;
    query.number = ++result.queries;
    query.response = response;

    int h = 0;
    for (;; ++h) {
      if (h >= met) {  // a heavy node met for the first time; its slots are the tokens
        nodes[at(h)] = tree.add_child(nodes[at(h) - 1], slots[at(h) - 1]);
        slots[at(h)] = response[at(h)];
        ++result.heavy_counts[at(h)];
      }
      if (std::isnan(rewards[at(h)]))
        throw std::domain_error("rto::any_order_heavy_prefix_search: token rewards that are numbers, got NaN");
      log_p[at(h) + 1] = log_p[at(h)] + rewards[at(h)];
      if (!at_least_mass(log_p[at(h) + 1], log_threshold)) {
        ++result.frontier_size;
        break;
      }
      if (h + 1 == horizon) {
        ++result.heavy_counts[at(horizon)];
        query.heavy_leaf = true;
        if (result.best_response.empty() || log_p[at(horizon)] > result.log_probability) {
          result.best_response = response;
          result.log_probability = log_p[at(horizon)];
        }
        break;
      }
    }
    query.dead_length = h + 1;
    query.prefix_log_probabilities = std::span<const double>(log_p).first(at(h) + 2);
    tree.kill(nodes[at(h)], slots[at(h)]);
    for (; h > 0 && !tree.alive(nodes[at(h)]); --h) tree.kill(nodes[at(h) - 1], slots[at(h) - 1]);
    if (!observer(query)) {
      result.status = search_status::stopped;
      return result;
    }
  }
  result.status = result.best_response.empty() ? search_status::no_heavy_leaf : search_status::found;
  return result;
}

}  // namespace rto
