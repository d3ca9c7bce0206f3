// The ragged token tree: explicit nodes, end-of-sequence token, several prompts with a prompt distribution.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// The nodes of a trie as a file or a user states them; `validate` says what makes it one.
struct trie_nodes {
  std::int64_t actions = 0;              // A
  std::int64_t horizon = 0;              // H
  std::int64_t eos = -1;                 // id of the end-of-sequence token, -1 without one
  std::vector<std::int64_t> roots = {};  // [R] node ids
  std::vector<double> rho = {};          // [R] probabilities of the roots
  std::vector<std::int64_t> child = {};  // [n, A] successor ids, -1 = the trajectory ends with this token
  std::vector<std::int64_t> depth = {};  // [n] number of tokens before the node, ascending: breadth-first
};

/// Throws unless `trie` is a forest in breadth-first order: depth 0 exactly at the roots, depth < H, every child one
/// level below its parent, every node reached by exactly one edge or a root, no successor after the end-of-sequence
/// token, and `rho` a probability distribution (1e-9).
/// \throws std::invalid_argument for shapes and structure, std::domain_error for A, H, eos and probabilities
/// \cost O(n A)
inline void validate(const trie_nodes& trie) {
  const auto fail = [](const std::string& message) { throw std::invalid_argument("rto::token_trie: " + message); };
  const auto text = [](auto value) { return std::to_string(value); };
  const auto n = static_cast<std::int64_t>(trie.depth.size());
  require_domain(trie.actions >= 1, "token_trie", "actions >= 1", static_cast<double>(trie.actions));
  require_domain(trie.horizon >= 1, "token_trie", "horizon >= 1", static_cast<double>(trie.horizon));
  require_domain(trie.eos >= -1 && trie.eos < trie.actions, "token_trie", "eos -1 or a token id below actions",
                 static_cast<double>(trie.eos));
  if (trie.child.size() % static_cast<std::size_t>(trie.actions) != 0 ||
      static_cast<std::int64_t>(trie.child.size()) / trie.actions != n)
    fail("child must have nodes * actions = " + text(n) + " * " + text(trie.actions) + " entries, got " +
         text(trie.child.size()));
  if (trie.roots.size() != trie.rho.size())
    fail("rho must have one entry a root (" + text(trie.roots.size()) + "), got " + text(trie.rho.size()));
  validate_prompt_distribution("token_trie", trie.rho);

  std::vector<bool> reached(static_cast<std::size_t>(n), false);
  for (const std::int64_t root : trie.roots) {
    if (root < 0 || root >= n) fail("a root must be a node id in [0, " + text(n) + "), got " + text(root));
    if (trie.depth[static_cast<std::size_t>(root)] != 0)
      fail("a root must have depth 0, node " + text(root) + " has not");
    if (reached[static_cast<std::size_t>(root)]) fail("roots must be distinct, got " + text(root) + " twice");
    reached[static_cast<std::size_t>(root)] = true;
  }
  for (std::int64_t node = 0; node < n; ++node) {
    const std::int64_t depth = trie.depth[static_cast<std::size_t>(node)];
    if (!reached[static_cast<std::size_t>(node)])
      fail("every node must be a root or the child of an earlier node, node " + text(node) + " is not");
    if (node > 0 && depth < trie.depth[static_cast<std::size_t>(node - 1)])
      fail("nodes must be in breadth-first order, depth decreases at node " + text(node));
    for (std::int64_t token = 0; token < trie.actions; ++token) {
      const std::int64_t child = trie.child[static_cast<std::size_t>(node * trie.actions + token)];
      if (child == -1) continue;
      const auto fail_edge = [&](const std::string& requirement, std::int64_t got) {
        fail("the child of node " + text(node) + " by token " + text(token) + " must " + requirement + ", got " +
             text(got));
      };
      if (child < -1 || child >= n) fail_edge("be -1 or a node id below " + text(n), child);
      if (child <= node) fail_edge("come after its parent", child);
      if (token == trie.eos) fail_edge("be -1, it is the end of sequence", child);
      if (depth + 1 >= trie.horizon) fail_edge("be -1 at the last step", child);
      const auto below = static_cast<std::size_t>(child);
      if (trie.depth[below] != depth + 1) fail_edge("have depth " + text(depth + 1), trie.depth[below]);
      if (reached[below]) fail_edge("have no other parent and be no root", child);
      reached[below] = true;
    }
  }
}

/// A validated trie with the indices that planning takes from layer to layer. Models TokenMdp (state: node id, -1 =
/// ended) and TabularMdp (row = node id).
class token_trie {
 public:
  using state_type = std::int64_t;
  static constexpr std::int64_t ended = -1;

  /// \throws as `validate`
  explicit token_trie(trie_nodes nodes) : nodes_((validate(nodes), std::move(nodes))) {
    const std::int64_t n = states();
    begin_.assign(static_cast<std::size_t>(nodes_.depth.back()) + 2, n);
    for (std::int64_t node = n; node-- > 0;) begin_[static_cast<std::size_t>(depth(node))] = node;
    next_ = nodes_.child;
    parent_edge_.assign(static_cast<std::size_t>(n), -1);
    for (std::int64_t node = 0; node < n; ++node) {
      const std::int64_t here = layer_begin(depth(node)), below = layer_begin(depth(node) + 1);
      for (std::int64_t token = 0; token < actions(); ++token) {
        std::int64_t& next = next_[static_cast<std::size_t>(node * actions() + token)];
        if (next == ended) continue;
        parent_edge_[static_cast<std::size_t>(next)] = (node - here) * actions() + token;
        next -= below;
      }
    }
    start_.assign(static_cast<std::size_t>(layer_begin(1)), 0.0);
    for (std::size_t k = 0; k < nodes_.roots.size(); ++k)
      start_[static_cast<std::size_t>(nodes_.roots[k])] = nodes_.rho[k];
  }

  [[nodiscard]] const trie_nodes& nodes() const { return nodes_; }
  [[nodiscard]] std::int64_t states() const { return static_cast<std::int64_t>(nodes_.depth.size()); }
  [[nodiscard]] std::int64_t actions() const { return nodes_.actions; }
  [[nodiscard]] std::int64_t horizon() const { return nodes_.horizon; }
  [[nodiscard]] std::int64_t eos() const { return nodes_.eos; }
  [[nodiscard]] std::span<const std::int64_t> roots() const { return nodes_.roots; }
  [[nodiscard]] std::int64_t depth(std::int64_t node) const { return nodes_.depth[static_cast<std::size_t>(node)]; }
  [[nodiscard]] std::int64_t child(std::int64_t node, std::int64_t token) const {
    return nodes_.child[static_cast<std::size_t>(node * actions() + token)];
  }

  // --- TokenMdp
  [[nodiscard]] std::vector<start_state<std::int64_t>> start_states() const {
    std::vector<start_state<std::int64_t>> starts;
    for (std::size_t k = 0; k < nodes_.roots.size(); ++k) starts.push_back({nodes_.roots[k], nodes_.rho[k]});
    return starts;
  }
  [[nodiscard]] std::int64_t append(std::int64_t node, std::int64_t token) const { return child(node, token); }
  [[nodiscard]] bool is_terminal(std::int64_t node) const { return node == ended; }
  [[nodiscard]] std::int64_t row(std::int64_t node) const { return node; }

  // --- TabularMdp
  [[nodiscard]] std::int64_t layers() const { return static_cast<std::int64_t>(begin_.size()) - 1; }
  [[nodiscard]] std::int64_t layer_begin(std::int64_t h) const { return begin_[static_cast<std::size_t>(h)]; }
  [[nodiscard]] std::span<const double> start_distribution() const { return start_; }
  template <Array A> [[nodiscard]] auto expected_next(std::int64_t h, const A& value) const {
    const std::int64_t from = layer_begin(h), n = layer_begin(h + 1) - from;
    const auto from_edge = static_cast<std::size_t>(from * actions()), edges = static_cast<std::size_t>(n * actions());
    return array::take(value, array::index_from_host(value, std::span(next_).subspan(from_edge, edges), n, actions()));
  }
  template <Array A> [[nodiscard]] auto next_visits(std::int64_t h, const A& flow) const {
    const std::int64_t from = layer_begin(h + 1), n = layer_begin(h + 2) - from;
    const auto parents = std::span(parent_edge_).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(n));
    return array::take(array::reshape(flow, array::rows(flow) * actions(), 1),
                       array::index_from_host(flow, parents, n, 1));
  }

 private:
  trie_nodes nodes_;
  std::vector<std::int64_t> begin_;        // [layers + 1] first node of each layer
  std::vector<std::int64_t> next_;         // [n, A] child's place in the next layer, -1 = ended
  std::vector<std::int64_t> parent_edge_;  // [n] parent's place in its layer * A + token, -1 for a root
  std::vector<double> start_;              // [layer 0]
};

}  // namespace rto
