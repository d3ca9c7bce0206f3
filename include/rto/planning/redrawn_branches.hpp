// The family behind Proposition C.2: a branch is drawn anew at every step, and only who sees it can match it.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/finite_mdp.hpp>

namespace rto {

/// A planning problem with its model, [H S, A] each.
template <class A> struct redrawn_branches_problem {
  finite_mdp<matrix_t<A>> mdp;
  A log_reference;  // uniform
  A reward;         // 1 where the action is the branch
};

/// The problem with K branches, K actions and H steps: S = K + 1 states, state 0 the start, from which the first action
/// earns nothing; whatever the action, the next state is one of the branches 1 .. K, each with probability 1/K; in
/// branch k the action k - 1 earns 1, every other 0. K = H = 2 is the paper's counterexample.
/// \source Zhong et al. 2024 (arXiv 2404.18922), proof of Proposition C.2, reconstructed; mathematics.md, section 12
/// \param like an array of the kind wanted  \param branches K >= 1  \param horizon H >= 1
/// \throws std::domain_error for K or H < 1
template <Array A>
[[nodiscard]] redrawn_branches_problem<array_t<A>> redrawn_branches(const A& like, std::int64_t branches,
                                                                    std::int64_t horizon) {
  require_domain(branches >= 1, "redrawn_branches", "branches >= 1", static_cast<double>(branches));
  require_domain(horizon >= 1, "redrawn_branches", "horizon >= 1", static_cast<double>(horizon));
  const auto k = static_cast<std::size_t>(branches), states = k + 1;
  std::vector<double> start(states, 0.0), next(states * k * states, 0.0), reward;
  start[0] = 1;
  for (std::size_t i = 0; i < next.size(); ++i)
    if (i % states != 0) next[i] = 1 / static_cast<double>(branches);
  for (std::int64_t h = 0; h < horizon; ++h)
    for (std::size_t s = 0; s < states; ++s)
      for (std::size_t a = 0; a < k; ++a) reward.push_back(s == a + 1 ? 1 : 0);

  const std::int64_t s = branches + 1, rows = horizon * s;
  std::vector<matrix_t<A>> transitions;
  if (horizon > 1) {  // one matrix for all steps
    const array_t<A> p = array::from_host(like, next, s * branches, s);
    transitions.push_back(array::dense(array::matrix(p)));
  }
  return {finite_mdp<matrix_t<A>>(branches, horizon, std::move(start), std::move(transitions)),
          array::full(like, rows, branches, -std::log(static_cast<double>(branches))),
          array::from_host(like, reward, rows, branches)};
}

}  // namespace rto
