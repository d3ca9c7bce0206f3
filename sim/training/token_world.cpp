#include "sim/training/token_world.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <boost/random/normal_distribution.hpp>

#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_trie_builder.hpp>

namespace rto::sim {
namespace {

// Numbers the rows of one feature after those of the features before it.
struct feature_numbering {
  indexed_features features;
  std::vector<std::int64_t> values;  // [items, active] before numbering
  void finish(const std::vector<std::int64_t>& counts) {
    features.active = static_cast<std::int64_t>(counts.size());
    features.items = static_cast<std::int64_t>(values.size()) / features.active;
    features.index.reserve(values.size());
    std::vector<std::int64_t> offset;
    for (const std::int64_t count : counts) {
      offset.push_back(features.rows);
      features.rows += count;
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      features.index.push_back(static_cast<std::int32_t>(offset[i % counts.size()] + values[i]));
  }
};

// A table [N, A] of random effects: those of the features, and one for every edge, with `share` of the variance.
edge_table draw_effects(const indexed_features& edges, double share, stream& rng) {
  const indexed_features features = number_features(edges);
  boost::random::normal_distribution<double> normal;
  std::vector<double> effect(static_cast<std::size_t>(features.parameters()));
  const double of_feature = std::sqrt((1 - share) / static_cast<double>(features.active)), of_edge = std::sqrt(share);
  for (double& e : effect) e = of_feature * normal(rng);
  edge_table x(edges.items, edges.width);
  for (std::int64_t item = 0; item < features.items; ++item) {
    double sum = of_edge * normal(rng);
    for (const std::int32_t k : features.of(item)) sum += effect[static_cast<std::size_t>(k)];
    x.data()[item] = sum;
  }
  return x;
}

}  // namespace

token_world make_token_world(const token_world_shape& shape, stream& rng) {
  const std::int64_t actions = shape.tokens, horizon = shape.horizon, prompts = shape.prompts;
  token_world world{
      .tree =
          full_trie({.actions = actions,
                     .horizon = horizon,
                     .eos = actions - 1,
                     .rho = std::vector<double>(static_cast<std::size_t>(prompts), 1 / static_cast<double>(prompts))}),
      .log_pretrained = {},
      .reward = {},
      .edge_features = {},
      .state_features = {},
      .prompt = {},
      .parent_edge = {},
      .answers = {},
      .first_answer = {},
      .answer_reward = {},
      .answer_length = {}};
  const token_trie& tree = world.tree;
  const std::int64_t states = tree.states();

  // Prompt and last token of every state; no token before the first (number A).
  world.prompt.assign(static_cast<std::size_t>(states), 0);
  world.parent_edge.assign(static_cast<std::size_t>(states), -1);
  std::vector<std::int64_t> last(static_cast<std::size_t>(states), actions);
  for (std::int64_t k = 0; k < prompts; ++k)
    world.prompt[static_cast<std::size_t>(tree.roots()[static_cast<std::size_t>(k)])] = k;
  for (std::int64_t s = 0; s < states; ++s)
    for (std::int64_t a = 0; a < actions; ++a)
      if (const std::int64_t next = tree.child(s, a); next != token_trie::ended) {
        world.prompt[static_cast<std::size_t>(next)] = world.prompt[static_cast<std::size_t>(s)];
        world.parent_edge[static_cast<std::size_t>(next)] = s * actions + a;
        last[static_cast<std::size_t>(next)] = a;
      }

  feature_numbering edges, nodes;
  edges.features.width = actions;
  for (std::int64_t s = 0; s < states; ++s) {
    const std::int64_t x = world.prompt[static_cast<std::size_t>(s)], l = last[static_cast<std::size_t>(s)];
    const std::int64_t h = tree.depth(s);
    for (const std::int64_t value : {x, l, h, x * horizon + h, x * (actions + 1) + l}) nodes.values.push_back(value);
    for (const std::int64_t value : {x, l, h, x * (actions + 1) + l}) edges.values.push_back(value);
  }
  nodes.finish({prompts, actions + 1, horizon, prompts * horizon, prompts * (actions + 1)});
  edges.finish({prompts, actions + 1, horizon, prompts * (actions + 1)});
  world.state_features = std::move(nodes.features);
  world.edge_features = std::move(edges.features);

  std::vector<std::vector<std::int64_t>> by_prompt(static_cast<std::size_t>(prompts));
  for (std::int64_t s = 0; s < states; ++s)
    for (std::int64_t a = 0; a < actions; ++a)
      if (tree.child(s, a) == token_trie::ended)
        by_prompt[static_cast<std::size_t>(world.prompt[static_cast<std::size_t>(s)])].push_back(s * actions + a);
  world.first_answer.assign(1, 0);
  for (const auto& list : by_prompt) {
    world.answers.insert(world.answers.end(), list.begin(), list.end());
    world.first_answer.push_back(static_cast<std::int64_t>(world.answers.size()));
  }
  for (const std::int64_t edge : world.answers) world.answer_length.push_back(tree.depth(edge / actions) + 1);

  world.log_pretrained = policy_from_logits(draw_effects(world.edge_features, 0.3, rng));
  world.reward = draw_effects(world.edge_features, shape.unexplained, rng);

  // The deviation asked for, within prompts.
  const std::vector<double> p = answer_probabilities(world, world.log_pretrained), r = answer_sums(world, world.reward);
  double variance = 0;
  for (std::size_t k = 0; k + 1 < world.first_answer.size(); ++k) {
    double mean = 0, square = 0;
    for (auto i = static_cast<std::size_t>(world.first_answer[k]);
         i < static_cast<std::size_t>(world.first_answer[k + 1]); ++i) {
      mean += p[i] * r[i];
      square += p[i] * r[i] * r[i];
    }
    variance += (square - mean * mean) / static_cast<double>(prompts);
  }
  const double scale = variance > 0 ? shape.reward_deviation / std::sqrt(variance) : 1;
  world.reward *= scale;
  world.answer_reward = answer_sums(world, world.reward);
  return world;
}

void answer_edges(const token_world& world, std::int64_t place, std::vector<std::int64_t>& edges) {
  const std::int64_t actions = world.tree.actions();
  edges.clear();
  for (std::int64_t item = world.answers[static_cast<std::size_t>(place)]; item >= 0;
       item = world.parent_edge[static_cast<std::size_t>(item / actions)])
    edges.push_back(item);
  std::reverse(edges.begin(), edges.end());
}

std::vector<double> answer_sums(const token_world& world, const edge_table& edge) {
  const token_trie& tree = world.tree;
  const std::int64_t actions = tree.actions();
  std::vector<double> before(static_cast<std::size_t>(tree.states()), 0.0);  // along the prefix
  for (std::int64_t s = 0; s < tree.states(); ++s)
    for (std::int64_t a = 0; a < actions; ++a)
      if (const std::int64_t next = tree.child(s, a); next != token_trie::ended)
        before[static_cast<std::size_t>(next)] = before[static_cast<std::size_t>(s)] + edge(s, a);
  std::vector<double> sums;
  sums.reserve(world.answers.size());
  for (const std::int64_t item : world.answers)
    sums.push_back(before[static_cast<std::size_t>(item / actions)] + edge.data()[item]);
  return sums;
}

std::vector<double> answer_probabilities(const token_world& world, const edge_table& log_policy) {
  std::vector<double> p = answer_sums(world, log_policy);
  for (double& x : p) x = std::exp(x);
  return p;
}

}  // namespace rto::sim
