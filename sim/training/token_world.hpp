#pragma once
// A world small enough to know everything about: prompts, all answers, a true token reward, and a pretrained model.
#include <cstdint>
#include <vector>

#include <rto/array/eigen.hpp>
#include <rto/mdp/token_trie.hpp>

#include "sim/engine/stream.hpp"
#include "sim/training/indexed_features.hpp"

namespace rto::sim {

/// Numbers of states and tokens [N, A], of states [N, 1], or of sampled tokens [batch, time].
using edge_table = eigen_array<double>;

struct token_world_shape {
  std::int64_t tokens = 5;   // A, the last one ends the answer; token 0 is the delimiter
  std::int64_t horizon = 5;  // H
  std::int64_t prompts = 4;
  double reward_deviation = 0.5;  // standard deviation of R(x, y) under the pretrained model, prompt by prompt
  double unexplained = 0.3;       // share of the token reward's variance that no feature explains, in [0, 1]
};

/// Tokens may follow each other in every way until the end-of-sequence token or H tokens. The true reward of a token
/// is a sum of random effects of (prompt, token), (last token, token), (position, token), (prompt, last token, token),
/// and of one effect of its own; the pretrained model's logits are made alike.
struct token_world {
  token_trie tree;
  edge_table log_pretrained;         // [N, A]
  edge_table reward;                 // r(s, a) [N, A], reward units (nats of Bradley-Terry)
  indexed_features edge_features;    // of (s, a), width A: the four effects
  indexed_features state_features;   // of s: prompt, last token, position, (prompt, position), (prompt, last token)
  std::vector<std::int64_t> prompt;  // [N] of each state
  std::vector<std::int64_t> parent_edge;  // [N] item of the edge that leads to the state, -1 for a prompt

  // Every answer is its last edge (s, a), item s A + a.
  std::vector<std::int64_t> answers;       // grouped by prompt
  std::vector<std::int64_t> first_answer;  // [prompts + 1] places in `answers`
  std::vector<double> answer_reward;       // R(x, y), in the order of `answers`
  std::vector<std::int64_t> answer_length;

  std::int64_t delimiter() const { return 0; }
  std::int64_t prompts() const { return static_cast<std::int64_t>(tree.roots().size()); }
  std::int64_t leaves() const { return static_cast<std::int64_t>(answers.size()); }
};

token_world make_token_world(const token_world_shape& shape, stream& rng);

/// The edges (items s A + a) of the answer at `place` of `answers`, first token first.
void answer_edges(const token_world& world, std::int64_t place, std::vector<std::int64_t>& edges);

/// Calls visit(prompt, place) for every answer, in the order of `answers`.
template <class Visit> void for_each_answer(const token_world& world, Visit visit) {
  for (std::size_t k = 0; k + 1 < world.first_answer.size(); ++k)
    for (std::int64_t i = world.first_answer[k]; i < world.first_answer[k + 1]; ++i)
      visit(k, static_cast<std::size_t>(i));
}

/// Sums of an edge quantity along every answer, in the order of `answers`. \param edge [N, A]
std::vector<double> answer_sums(const token_world& world, const edge_table& edge);

/// P(y | x) of every answer, in the order of `answers`; sums to one for each prompt. \param log_policy [N, A]
std::vector<double> answer_probabilities(const token_world& world, const edge_table& log_policy);

}  // namespace rto::sim
