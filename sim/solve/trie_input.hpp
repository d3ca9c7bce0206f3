#pragma once
// Token trees as problem files state them.
#include <rto/mdp/token_trie.hpp>

#include "sim/io/reader.hpp"

namespace rto::sim {

/// Reads `n_nodes`, `A`, `H`, `eos`, `roots`, `rho`, `child`, `depth`.
/// \throws field_error for a field, std::invalid_argument or std::domain_error where they are no trie
token_trie read_trie(const reader& input);

}  // namespace rto::sim
