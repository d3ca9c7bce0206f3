#pragma once
// Reading the token trees and policies of problem files.
#include <cstdint>
#include <string>
#include <utility>

#include <rto/array/eigen.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_trie.hpp>

#include "sim/io/reader.hpp"

namespace rto::sim {

/// The tree of fields A, H, eos, n_nodes, roots, rho, child, depth.
/// \throws std::invalid_argument, std::domain_error for what is no tree
inline token_trie read_token_trie(const reader& input) {
  trie_nodes nodes{.actions = input.integer("A"), .horizon = input.integer("H"), .eos = input.integer("eos")};
  const auto n = static_cast<std::int64_t>(input.size("n_nodes"));
  nodes.roots = input.integers("roots");
  nodes.rho = input.numbers("rho");
  nodes.child = input.integer_array("child", {n, nodes.actions});
  nodes.depth = input.integers("depth", n);
  return token_trie(std::move(nodes));
}

/// A policy from its logits [states, actions]. \throws std::domain_error for a row that is no distribution
template <class Mdp> eigen_array<double> read_policy(const reader& input, const std::string& field, const Mdp& mdp) {
  const ndarray logits = input.array(field, {mdp.states(), mdp.actions()});
  return policy_from_logits(Eigen::Map<const eigen_array<double>>(logits.data.data(), mdp.states(), mdp.actions()));
}

}  // namespace rto::sim
