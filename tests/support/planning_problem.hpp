#pragma once

// Random planning problems and brute-force answers for the tests of mdp and planning.

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/finite_mdp.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_trie_builder.hpp>

namespace rto::test {

using table = eigen_array<double>;
inline constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

/// Standard normal entries times `scale`.
template <class URBG> table random_table(std::int64_t rows, std::int64_t cols, URBG& rng, double scale = 1) {
  boost::random::normal_distribution<double> normal;
  table x(rows, cols);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = scale * normal(rng);
  return x;
}

/// A random policy; each token but one is forbidden with probability `forbidden`.
template <class URBG> table random_policy(std::int64_t rows, std::int64_t cols, URBG& rng, double forbidden = 0) {
  boost::random::uniform_01<double> uniform;
  table logits = random_table(rows, cols, rng);
  for (Eigen::Index i = 0; i < logits.rows(); ++i)
    for (Eigen::Index j = 0; j + 1 < logits.cols(); ++j)
      if (uniform(rng) < forbidden) logits(i, j) = minus_infinity;
  return policy_from_logits(logits);
}

/// Random transitions [S A, S], about half of the entries zero.
template <class URBG> eigen_matrix<double> random_transitions(std::int64_t states, std::int64_t actions, URBG& rng) {
  const table log_p = random_policy(states * actions, states, rng, 0.5);
  return log_p.exp().matrix();
}

/// A random stochastic MDP.
template <class URBG>
finite_mdp<eigen_matrix<double>> random_mdp(std::int64_t states, std::int64_t actions, std::int64_t horizon,
                                            URBG& rng) {
  const table start = random_policy(1, states, rng).exp();
  std::vector<eigen_matrix<double>> p;
  for (std::int64_t h = 0; h + 1 < horizon; ++h) p.push_back(random_transitions(states, actions, rng));
  return {actions, horizon, array::to_host(start), p};
}

/// A token trie as a finite MDP: states 0 .. n-1 are the places in a layer, the last one has ended.
inline finite_mdp<eigen_matrix<double>> as_finite_mdp(const token_trie& trie) {
  std::int64_t width = 0;
  for (std::int64_t h = 0; h < trie.layers(); ++h)
    width = std::max(width, trie.layer_begin(h + 1) - trie.layer_begin(h));
  const std::int64_t states = width + 1, actions = trie.actions();
  std::vector<eigen_matrix<double>> p;
  for (std::int64_t h = 0; h + 1 < trie.layers(); ++h) {
    eigen_matrix<double> next = eigen_matrix<double>::Zero(states * actions, states);
    for (std::int64_t s = 0; s < states; ++s)
      for (std::int64_t a = 0; a < actions; ++a) {
        const std::int64_t node = trie.layer_begin(h) + s;
        const std::int64_t child = node < trie.layer_begin(h + 1) ? trie.child(node, a) : token_trie::ended;
        next(s * actions + a, child == token_trie::ended ? width : child - trie.layer_begin(h + 1)) = 1;
      }
    p.push_back(next);
  }
  std::vector<double> start(static_cast<std::size_t>(states), 0.0);
  for (std::size_t k = 0; k < trie.nodes().roots.size(); ++k)
    start[static_cast<std::size_t>(trie.nodes().roots[k])] = trie.nodes().rho[k];
  return {actions, trie.layers(), start, p};
}

/// Rows of a trie's table at their places in that finite MDP; other rows get `fill`.
inline table spread_rows(const token_trie& trie, const table& x, double fill) {
  const auto mdp = as_finite_mdp(trie);
  table y = table::Constant(mdp.states(), x.cols(), fill);
  for (std::int64_t node = 0; node < trie.states(); ++node) {
    const std::int64_t h = trie.depth(node);
    y.row(mdp.row({h, node - trie.layer_begin(h)})) = x.row(node);
  }
  return y;
}

/// One complete trajectory of a trie: the edges (node, token) it takes and the root's place among the roots.
struct enumerated_trajectory {
  std::size_t prompt;
  std::vector<std::pair<std::int64_t, std::int64_t>> edges;

  /// Sum of a table along the trajectory: its reward, or its log-probability.
  double sum(const table& x) const {
    double total = 0;
    for (const auto& [node, token] : edges) total += x(node, token);
    return total;
  }
};

/// Every trajectory, by brute force.
inline std::vector<enumerated_trajectory> all_trajectories(const token_trie& trie) {
  std::vector<enumerated_trajectory> open, complete;
  for (std::size_t k = 0; k < trie.nodes().roots.size(); ++k) open.push_back({k, {}});
  while (!open.empty()) {
    const enumerated_trajectory path = open.back();
    open.pop_back();
    const std::int64_t node = path.edges.empty() ? trie.nodes().roots[path.prompt]
                                                 : trie.child(path.edges.back().first, path.edges.back().second);
    for (std::int64_t token = 0; token < trie.actions(); ++token) {
      enumerated_trajectory longer = path;
      longer.edges.emplace_back(node, token);
      (trie.child(node, token) == token_trie::ended ? complete : open).push_back(longer);
    }
  }
  return complete;
}

}  // namespace rto::test
