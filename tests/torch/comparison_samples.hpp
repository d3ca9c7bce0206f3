#pragma once

// Comparisons and a token tree for the conformance suite.

#include "support/comparison_problem.hpp"
#include "support/planning_problem.hpp"
#include "torch/precompiled.hpp"

namespace rto::test {

/// Features [n, d], labels [n, 1], weights [n, 1], a parameter [d, 1].
[[nodiscard]] inline std::vector<sample> comparisons_of(std::int64_t n, std::int64_t d, unsigned seed,
                                                        bool soft = false) {
  const sample features = normal_sample(n, d, seed), theta = normal_sample(d, 1, seed + 1);
  generator rng(seed);
  sample label{n, 1, {}}, weight{n, 1, {}};
  for (std::int64_t i = 0; i < n; ++i) {
    double margin = 0;
    for (std::int64_t j = 0; j < d; ++j)
      margin += features.entries[static_cast<std::size_t>(i * d + j)] * theta.entries[static_cast<std::size_t>(j)];
    const double p = 1 / (1 + std::exp(-margin));
    label.entries.push_back(soft ? static_cast<float>(p) : uniform(rng) < p ? 1.0 : 0.0);
    weight.entries.push_back(1 + static_cast<double>(i % 3));
  }
  return {features, label, weight, theta};
}
template <class A> [[nodiscard]] auto comparison_set_of(const std::vector<A>& x) {
  using M = matrix_t<A>;
  return comparison_set<M>{as_matrix(x[0]), as_matrix(x[1]), as_matrix(x[2])};
}

/// Three tokens, an end of sequence, two prompts.
[[nodiscard]] inline token_trie ragged_trie() {
  return full_trie({.actions = 3, .horizon = 3, .eos = 0, .rho = {0.3, 0.7}});
}

}  // namespace rto::test
