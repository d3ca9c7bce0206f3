#pragma once
// A language model on a token tree that can be enumerated: its policy in every state, so that include/rto/planning says
// how far it is from the optimum.
#include <ATen/ATen.h>

#include <vector>

#include <rto/mdp/token_trie.hpp>

#include "llm/model/language_model.hpp"

namespace rto::llm {

/// log pi(a|s) in every state of a tree whose tokens are the vocabulary, [states, actions] double, without gradients.
/// \param prompts one a root, in the order of the roots
/// \throws std::invalid_argument where tree and vocabulary, or roots and prompts, differ
/// \cost a forward pass over every state without a successor and its prefix
at::Tensor tree_log_policy(const language_model& model, const token_trie& tree, const std::vector<token_ids>& prompts);

/// A reward model's word on every answer, at the token that ends it, [states, actions] double; 0 at other tokens.
at::Tensor tree_sequence_rewards(const language_model& reward, const token_trie& tree,
                                 const std::vector<token_ids>& prompts);

}  // namespace rto::llm
