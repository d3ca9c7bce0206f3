// T3: the token-level learner that needs no parameter.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/exploration/feedback.hpp>
#include <rto/exploration/search_result.hpp>

namespace rto {

namespace detail {

/// The visited nodes of a best-first search that may still hold the best response.
class residual_tree {
 public:
  struct node {
    std::int32_t parent;
    std::int32_t token;  // that leads here from the parent
    std::int32_t depth;
    std::int32_t next_token;  // lowest untried
    double log_p;
    double untried;  // conditional mass not yet seen
  };

  explicit residual_tree(int actions) : actions_(actions) {}

  /// log res(v) = log p(v) + log(conditional mass of the untried tokens); what rounding left of it is not trusted.
  double log_residual(const node& v) const {
    if (v.next_token >= actions_) return log_zero;
    const double rounding = 4.0 * actions_ * std::numeric_limits<double>::epsilon();
    return v.log_p + std::log(std::max(v.untried, rounding));
  }

  std::int32_t add(const node& v) {
    if (nodes_.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
      throw std::length_error("rto::best_first_search: fewer than 2^31 open nodes");
    nodes_.push_back(v);
    return static_cast<std::int32_t>(nodes_.size() - 1);
  }
  node& operator[](std::int32_t id) { return nodes_[static_cast<std::size_t>(id)]; }
  const node& operator[](std::int32_t id) const { return nodes_[static_cast<std::size_t>(id)]; }

  /// Puts `id` among the candidates for expansion if its residual exceeds `log_best`.
  void open(std::int32_t id, double log_best) {
    const double key = rounded(log_residual((*this)[id]));
    if (!(key > rounded(log_best))) return;
    heap_.push_back({key, (*this)[id].depth, id});
    std::push_heap(heap_.begin(), heap_.end(), [this](entry a, entry b) { return after(a, b); });
  }

  /// Takes the node of largest residual; -1 when none exceeds `log_best`.
  std::int32_t take(double log_best) {
    if (heap_.empty() || !(heap_.front().key > rounded(log_best))) return -1;
    std::pop_heap(heap_.begin(), heap_.end(), [this](entry a, entry b) { return after(a, b); });
    const std::int32_t id = heap_.back().id;
    heap_.pop_back();
    return id;
  }

  /// Writes the tokens that lead to `id`.
  void write_prefix(std::int32_t id, std::vector<int>& response) const {
    for (; (*this)[id].parent >= 0; id = (*this)[id].parent)
      response[static_cast<std::size_t>((*this)[id].depth - 1)] = (*this)[id].token;
  }

 private:
  struct entry {
    double key;
    std::int32_t depth;  // here too: most ties end there, without a look at the nodes
    std::int32_t id;
  };

  /// Log masses in whole multiples of a tolerance, so that ties are ties whatever the order of summation was.
  static double rounded(double log_mass) { return std::nearbyint(log_mass / log_mass_tolerance); }

  /// True when `a` comes after `b`: smaller residual, then greater depth, then greater prefix.
  bool after(entry a, entry b) const {
    if (a.key != b.key) return a.key < b.key;
    if (a.depth != b.depth) return a.depth > b.depth;
    bool greater = false;
    for (std::int32_t i = a.id, j = b.id; i != j; i = (*this)[i].parent, j = (*this)[j].parent)
      if ((*this)[i].token != (*this)[j].token) greater = (*this)[i].token > (*this)[j].token;
    return greater;
  }

  int actions_;
  std::vector<node> nodes_;
  std::vector<entry> heap_;
};

}  // namespace detail

/// T3, best first: expand the visited node of largest residual mass res(v) = p(v) - sum over tried tokens of p(child)
/// (ties: smaller depth, then smaller prefix) by its lowest untried token, roll out with token 0, and stop when the
/// best response read reaches every residual. Needs neither xi nor tau. \source mathematics.md 11.5 \param observer  is
/// called after every query; dead_length is the length of the last prefix that was read \returns always a best response
/// (status found), or stopped by the observer \throws std::domain_error when a reward is NaN or positive: then it
/// bounds nothing \cost at most the queries of T1 at tau = p*; memory O(visited nodes whose residual exceeds the best
/// response)
template <TokenFeedback F, QueryObserver Observer = no_observer>
search_result best_first_token_search(F& feedback, Observer&& observer = {}) {
  const int actions = feedback.action_count();
  const int horizon = feedback.horizon();
  const auto at = [](int h) { return static_cast<std::size_t>(h); };
  search_result result;
  std::vector<int> response(at(horizon), 0);
  std::vector<double> log_p(at(horizon) + 1, 0.0);
  detail::residual_tree tree(actions);
  std::int32_t expanded = tree.add({-1, -1, 0, 0, 0.0, 1.0});
  for (; expanded >= 0; expanded = tree.take(result.log_probability)) {
    const int depth = tree[expanded].depth;
    tree.write_prefix(expanded, response);
    response[at(depth)] = tree[expanded].next_token;
    std::fill(response.begin() + depth + 1, response.end(), 0);
    const std::span<const double> rewards = feedback.token_rewards(response);
    ++result.queries;

    log_p[at(depth)] = tree[expanded].log_p;
    int open_depth = depth;  // deepest visited node whose residual can still matter
    for (int h = depth; h < horizon; ++h) {
      if (!(rewards[at(h)] <= 0))
        throw std::domain_error("rto::best_first_token_search: token rewards <= 0, got " +
                                std::to_string(rewards[at(h)]));
      log_p[at(h) + 1] = log_p[at(h)] + rewards[at(h)];
    }
    if (result.best_response.empty() || log_p[at(horizon)] > result.log_probability) {
      result.best_response = response;
      result.log_probability = log_p[at(horizon)];
    }
    // p falls along the path, so nodes below the first that is no better than the best response are left out.
    while (open_depth + 1 < horizon && log_p[at(open_depth) + 1] > result.log_probability) ++open_depth;

    tree[expanded].untried -= std::exp(rewards[at(depth)]);
    ++tree[expanded].next_token;
    tree.open(expanded, result.log_probability);
    std::int32_t parent = expanded;
    for (int h = depth + 1; h <= open_depth; ++h) {
      parent = tree.add({parent, response[at(h) - 1], h, 1, log_p[at(h)], -std::expm1(rewards[at(h)])});
      tree.open(parent, result.log_probability);
    }
    if (!observer(query_view{result.queries, response, log_p, horizon, true})) {
      result.status = search_status::stopped;
      return result;
    }
  }
  result.status = search_status::found;
  return result;
}

}  // namespace rto
