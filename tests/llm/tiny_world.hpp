#pragma once
// Transformers on a token tree of a few hundred states: everything about them can be computed exactly.
#include <ATen/ATen.h>

#include <vector>

#include <rto/mdp/token_trie_builder.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/torch/array.hpp>

#include "llm/model/language_model.hpp"
#include "llm/online/online_trainer.hpp"
#include "llm/online/tree_policy.hpp"

namespace rto::llm::test {

inline constexpr std::int64_t tiny_vocabulary = 6;
inline constexpr token_id tiny_end = 5;

/// One layer, 16 wide. \param spread of the weights: how far from uniform a new model is
inline model_config tiny_config(double spread = 0.02, std::int64_t labels = 0) {
  model_config c;
  c.family = architecture::llama;
  c.vocabulary = tiny_vocabulary;
  c.hidden = 16;
  c.layers = 1;
  c.heads = c.key_value_heads = 2;
  c.head_size = c.rotary_size = 8;
  c.intermediate = 32;
  c.context = 16;
  c.initializer_range = spread;
  c.end_tokens = {tiny_end};
  c.labels = labels;
  return c;
}

struct tiny_world {
  std::int64_t horizon;
  std::vector<token_ids> prompts{{0, 1}, {2, 3, 4}};
  token_trie tree = full_trie({.actions = tiny_vocabulary, .horizon = horizon, .eos = tiny_end, .rho = {0.5, 0.5}});

  explicit tiny_world(std::int64_t horizon_ = 3) : horizon(horizon_) {}
  at::Tensor policy(const language_model& model) const { return tree_log_policy(model, tree, prompts); }
};

/// Learning fast, for tests. The critic is a new model whose scores begin at 0.
inline online_options tiny_options(const token_reward_recipe& recipe, std::int64_t horizon, std::int64_t iterations) {
  online_options o;
  o.step.reward = recipe;
  o.rollout = 128;
  o.generation.max_new_tokens = horizon;
  o.generation.stop_tokens = {tiny_end};
  o.generation.batch = 128;
  o.scoring_batch = 128;
  o.update.minibatch = 32;
  o.update.policy_rate = {.learning_rate = 4e-3, .steps = iterations * o.update.updates_of(o.rollout)};
  o.update.critic_rate = o.update.policy_rate;
  o.update.critic_rate.learning_rate = 1e-2;
  return o;
}

inline language_model tiny_critic(std::uint64_t seed) {
  language_model critic = language_model::initialize(tiny_config(0.3, 1), seed);
  const at::NoGradGuard no_gradients;
  critic.score_weight().zero_();
  critic.require_gradients(true);
  return critic;
}

}  // namespace rto::llm::test
