#pragma once
// The family rto_tree, for any array type: what RTO optimises on a token tree, its critics and its advantages.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/planning/delayed_reward.hpp>
#include <rto/reward/token_reward.hpp>

#include "sim/solve/planning.hpp"

namespace rto::sim {

/// Paths from a root of a trie to the end, as a batch: the edges (node A + token) and nodes of each step, -1 after the
/// end, and the mask.
template <class Index, class A> struct path_batch {
  std::vector<std::int64_t> lengths;
  Index edges, nodes;  // [paths, longest]
  A mask;

  /// The entries of a table [N, A] along the paths.
  A along(const A& table) const {
    return array::take(A(array::reshape(table, array::rows(table) * array::cols(table), 1)), edges);
  }
  /// The entries of a column [N, 1] along the paths.
  A at_nodes(const A& column) const { return array::take(column, nodes); }
};

/// Reads `paths`. \throws field_error where one does not follow the tree from a root to the end
template <Array A> path_batch<index_t<A>, A> read_paths(const reader& input, const token_trie& trie, const A& like) {
  const std::vector<reader> paths = input.objects("paths");
  path_batch<index_t<A>, A> batch;
  std::vector<std::vector<std::int64_t>> all_nodes, all_edges;
  std::size_t longest = 0;
  for (const reader& path : paths) {
    const std::vector<std::int64_t> nodes = path.integers("nodes");
    const std::vector<std::int64_t> tokens = path.integers("actions", static_cast<std::int64_t>(nodes.size()));
    if (nodes.empty()) path.fail("nodes", "expected at least one node");
    std::vector<std::int64_t> edges;
    for (std::size_t t = 0; t < nodes.size(); ++t) {
      const bool known = t > 0 || std::ranges::find(trie.roots(), nodes[0]) != trie.roots().end();
      if (!known) path.fail("nodes", "expected a root first, found " + std::to_string(nodes[0]));
      if (tokens[t] < 0 || tokens[t] >= trie.actions())
        path.fail("actions",
                  "expected tokens in [0, " + std::to_string(trie.actions()) + "), found " + std::to_string(tokens[t]));
      const std::int64_t next = t + 1 < nodes.size() ? nodes[t + 1] : token_trie::ended;
      if (trie.child(nodes[t], tokens[t]) != next)
        path.fail("nodes", "expected node " + std::to_string(trie.child(nodes[t], tokens[t])) + " after node " +
                               std::to_string(nodes[t]) + " (-1: the end), found " + std::to_string(next));
      edges.push_back(nodes[t] * trie.actions() + tokens[t]);
    }
    batch.lengths.push_back(static_cast<std::int64_t>(nodes.size()));
    longest = std::max(longest, nodes.size());
    all_nodes.push_back(nodes), all_edges.push_back(edges);
  }
  std::vector<std::int64_t> nodes, edges;
  std::vector<double> mask;
  for (std::size_t k = 0; k < paths.size(); ++k) {
    const auto padding = longest - all_nodes[k].size();
    nodes.insert(nodes.end(), all_nodes[k].begin(), all_nodes[k].end()), nodes.insert(nodes.end(), padding, -1);
    edges.insert(edges.end(), all_edges[k].begin(), all_edges[k].end()), edges.insert(edges.end(), padding, -1);
    mask.insert(mask.end(), all_nodes[k].size(), 1.0), mask.insert(mask.end(), padding, 0.0);
  }
  const auto n = static_cast<std::int64_t>(paths.size()), time = static_cast<std::int64_t>(longest);
  batch.nodes = array::index_from_host(like, nodes, n, time);
  batch.edges = array::index_from_host(like, edges, n, time);
  batch.mask = array::from_host(like, mask, n, time);
  return batch;
}

/// The family rto_tree. \param like says which array type, on which device
template <Array A> json solve_rto_tree(const problem& p, const A& like) {
  const token_trie trie = read_trie(p.input);
  const state_shape shape{static_cast<std::size_t>(trie.states())};
  const auto table = [&](const char* field) { return read_table(p.input, field, shape, trie.actions(), like); };
  const A log_reference = policy_from_logits(table("ref_logits"), "ref_logits"), reward = table("reward");
  const A log_policy = policy_from_logits(table("pol_logits"), "pol_logits");
  const double beta = p.input.number("beta"), beta_1 = p.input.number("beta1"), beta_2 = p.input.number("beta2");
  const double lambda = p.input.number("gae_lambda");
  const auto positive = [&](const char* field, double x) {
    if (!(x > 0 && x < detail::infinity)) p.input.fail(field, "expected a positive number, found " + number_text(x));
  };
  positive("beta", beta), positive("beta1", beta_1), positive("beta2", beta_2);

  // What DPO finds, the reward (4.6) without its charge, which the planner makes, and the optimum of that.
  const auto dpo = plan(trie, log_reference, reward, {.beta = beta});
  const A implicit = implicit_reward(dpo.log_policy, log_reference, beta_1);
  const auto rto = plan(trie, log_reference, implicit, {.beta = beta_2});

  // The same reward paid at the last token (5.1), and exact critics of the given policy for both.
  const A never = array::full_like(implicit, 0.0);
  const auto late = delay_reward(trie, implicit, never);
  const auto critic = evaluate_policy(trie, log_policy, log_reference, implicit, beta_2);
  const auto late_critic = evaluate_policy(trie, log_policy, log_reference, late.reward, beta_2);

  json result{
      {"pi_dpo", table_json(probabilities(dpo.log_policy), shape)},
      {"implicit_b1", table_json(implicit, shape)},
      {"beta_eff", beta * beta_2 / beta_1},
      {"pi_rto", table_json(probabilities(rto.log_policy), shape)},
      {"J_rto_opt", array::item(rto.objective)},
      {"pol_J_rto", array::item(critic.objective)},
      {"pol_J_dppo", array::item(late_critic.objective)},
      {"pol_V_rto", column_json(critic.value, shape)},
      {"pol_V_dppo", column_json(late_critic.value, shape)},
      {"J_star_true", array::item(dpo.objective)},
      {"true_J_of_pi_rto", array::item(evaluate_policy(trie, rto.log_policy, log_reference, reward, beta).objective)},
      {"gae", json::array()}};

  // Along paths: the batch formulas, on the log-probabilities of the tokens taken.
  const auto batch = read_paths(p.input, trie, like);
  if (batch.lengths.empty()) return result;
  token_reward_inputs<A> inputs{};
  inputs.mask = batch.mask;
  inputs.log_policy = batch.along(log_policy);
  inputs.log_reference = batch.along(log_reference);
  inputs.log_dpo = batch.along(dpo.log_policy);
  validate(inputs);
  const auto advantages = [&](const token_reward_recipe& recipe, const A& value) {
    return array::to_host(generalized_advantage_estimates(token_reward(inputs, recipe), batch.at_nodes(value),
                                                          batch.mask, {.gamma = 1, .lambda = lambda}));
  };
  const std::vector<double> dense = advantages(rto_reward(beta_1, beta_2), critic.value);
  const std::vector<double> at_end = advantages(dppo_reward(beta_1, beta_2), late_critic.value);
  const auto longest = static_cast<std::size_t>(array::cols(batch.mask));
  for (std::size_t k = 0; k < batch.lengths.size(); ++k) {
    const auto row = [&](const std::vector<double>& x) {
      return array_json({static_cast<std::size_t>(batch.lengths[k])}, x.data() + k * longest);
    };
    result["gae"].push_back({{"adv_rto", row(dense)}, {"adv_dppo", row(at_end)}});
  }
  return result;
}

}  // namespace rto::sim
