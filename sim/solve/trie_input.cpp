#include "sim/solve/trie_input.hpp"

#include <utility>

namespace rto::sim {

token_trie read_trie(const reader& input) {
  trie_nodes trie;
  trie.actions = input.integer("A");
  trie.horizon = input.integer("H");
  trie.eos = input.integer_or("eos", -1);
  const std::int64_t nodes = input.integer("n_nodes");
  if (nodes < 1) input.fail("n_nodes", "expected an integer >= 1, found " + std::to_string(nodes));
  if (trie.actions < 1) input.fail("A", "expected an integer >= 1, found " + std::to_string(trie.actions));
  trie.roots = input.integers("roots");
  trie.rho = input.numbers("rho", static_cast<std::int64_t>(trie.roots.size()));
  trie.child = input.integer_array("child", {nodes, trie.actions});
  trie.depth = input.integers("depth", nodes);
  return token_trie(std::move(trie));
}

}  // namespace rto::sim
