// Builds tries: the full one of given parameters, and that of a list of prefixes.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/shape.hpp>
#include <rto/mdp/token_trie.hpp>

namespace rto {

/// Parameters of a full trie: every prefix of at most H-1 tokens without end-of-sequence token is a node.
struct trie_shape {
  std::int64_t actions = 2;         // A
  std::int64_t horizon = 1;         // H
  std::int64_t eos = -1;            // -1 without one
  std::vector<double> rho = {1.0};  // one prompt an entry
};

/// Every prefix of the token MDP of section 2, for several prompts, breadth-first.
/// \returns a trie of R sum_{h<H} B^h nodes, B = A - 1 with an end-of-sequence token, else A
/// \throws std::domain_error for parameters out of their domain
/// \cost O(nodes A)
[[nodiscard]] inline token_trie full_trie(const trie_shape& shape) {
  require_domain(shape.actions >= 1, "full_trie", "actions >= 1", static_cast<double>(shape.actions));
  require_domain(shape.horizon >= 1, "full_trie", "horizon >= 1", static_cast<double>(shape.horizon));
  trie_nodes trie{.actions = shape.actions, .horizon = shape.horizon, .eos = shape.eos, .rho = shape.rho};
  for (std::size_t k = 0; k < shape.rho.size(); ++k) {
    trie.roots.push_back(static_cast<std::int64_t>(k));
    trie.depth.push_back(0);
  }
  for (std::size_t node = 0; node < trie.depth.size(); ++node)
    for (std::int64_t token = 0; token < shape.actions; ++token) {
      const bool ends = token == shape.eos || trie.depth[node] + 1 >= shape.horizon;
      trie.child.push_back(ends ? token_trie::ended : static_cast<std::int64_t>(trie.depth.size()));
      if (!ends) trie.depth.push_back(trie.depth[node] + 1);
    }
  return token_trie(std::move(trie));
}

/// A prefix that can be continued: prompt and the tokens after it.
struct token_prefix {
  std::int64_t prompt = 0;  // index into rho
  std::vector<std::int64_t> tokens;
};

/// The trie whose nodes are the given prefixes, all their prefixes, and the prompts. A token that does not lead to one
/// of them ends the trajectory.
/// \param shape parameters; prefixes have fewer than H tokens, none of them the end-of-sequence token
/// \throws std::invalid_argument for a prompt, a token or a length out of range
/// \cost O(total tokens log nodes)
[[nodiscard]] inline token_trie trie_of_prefixes(const trie_shape& shape, const std::vector<token_prefix>& prefixes) {
  const auto fail = [](std::size_t k, const std::string& message) {
    throw std::invalid_argument("rto::trie_of_prefixes: prefix " + std::to_string(k) + ": " + message);
  };
  // By depth, then prompt, then tokens: the breadth-first order.
  std::vector<std::map<std::vector<std::int64_t>, std::int64_t>> layers(1);
  for (std::size_t prompt = 0; prompt < shape.rho.size(); ++prompt)
    layers[0].emplace(std::vector{static_cast<std::int64_t>(prompt)}, 0);
  for (std::size_t k = 0; k < prefixes.size(); ++k) {
    const auto& [prompt, tokens] = prefixes[k];
    if (prompt < 0 || prompt >= static_cast<std::int64_t>(shape.rho.size()))
      fail(k, "need a prompt in [0, " + std::to_string(shape.rho.size()) + "), got " + std::to_string(prompt));
    if (static_cast<std::int64_t>(tokens.size()) >= shape.horizon)
      fail(k, "need fewer than " + std::to_string(shape.horizon) + " tokens, got " + std::to_string(tokens.size()));
    std::vector<std::int64_t> key{prompt};
    if (layers.size() <= tokens.size()) layers.resize(tokens.size() + 1);
    for (std::size_t h = 0; h < tokens.size(); ++h) {
      if (tokens[h] < 0 || tokens[h] >= shape.actions || tokens[h] == shape.eos)
        fail(k, "need tokens in [0, " + std::to_string(shape.actions) + ") and not end of sequence, got " +
                    std::to_string(tokens[h]));
      key.push_back(tokens[h]);
      layers[h + 1].emplace(key, 0);
    }
  }

  trie_nodes trie{.actions = shape.actions, .horizon = shape.horizon, .eos = shape.eos, .rho = shape.rho};
  for (std::size_t h = 0; h < layers.size(); ++h)
    for (auto& [key, node] : layers[h]) {
      node = static_cast<std::int64_t>(trie.depth.size());
      trie.depth.push_back(static_cast<std::int64_t>(h));
      if (h == 0) trie.roots.push_back(node);
    }
  trie.child.assign(trie.depth.size() * static_cast<std::size_t>(shape.actions), token_trie::ended);
  for (std::size_t h = 1; h < layers.size(); ++h)
    for (const auto& [key, node] : layers[h]) {
      const std::int64_t parent = layers[h - 1].at({key.begin(), key.end() - 1});
      trie.child[static_cast<std::size_t>(parent * shape.actions + key.back())] = node;
    }
  return token_trie(std::move(trie));
}

}  // namespace rto
