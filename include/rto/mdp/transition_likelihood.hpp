// What data say about the transitions of a finite MDP: counts, and the likelihood of a kernel.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/finite_mdp.hpp>
#include <rto/mdp/trajectory.hpp>

namespace rto {

/// N_h(s, a, s'): how often action a in state s at step h led to s'. All that the likelihood of a kernel depends on.
template <LinearAlgebra M> struct transition_counts {
  std::int64_t states = 0;    ///< S
  std::int64_t actions = 0;   ///< A
  std::vector<M> count = {};  ///< H-1 matrices [S A, S], row s A + a
};

/// Counts the transitions of trajectories. The last one of each leads to the end, cannot influence the reward and is
/// left out.
/// \source arXiv 2404.18922v1, Remark B.2, with the convention of docs/mathematics.md section 10
/// \param like an array or matrix of the library (and device) of the counts
/// \param trajectories of a finite_mdp (`sample_trajectory`): states s_1 .. s_T at steps 0 .. T-1 and as many tokens
/// \throws std::domain_error for sizes below 1; std::invalid_argument for a state or action out of range, a step that
/// is
///   not the place in the trajectory, or other numbers of states and tokens
/// \cost O(transitions + H S^2 A)
template <class Like>
[[nodiscard]] auto count_transitions(const Like& like, std::int64_t states, std::int64_t actions, std::int64_t horizon,
                                     std::span<const visited_trajectory<step_state>> trajectories) {
  using M = dense_t<decltype(array::matrix(like))>;
  constexpr auto function = "count_transitions";
  require_domain(states >= 1, function, "states >= 1", static_cast<double>(states));
  require_domain(actions >= 1, function, "actions >= 1", static_cast<double>(actions));
  require_domain(horizon >= 1, function, "horizon >= 1", static_cast<double>(horizon));
  const auto require = [](bool ok, const std::string& requirement, std::int64_t got) {
    if (!ok) throw std::invalid_argument("rto::count_transitions: " + requirement + ", got " + std::to_string(got));
  };
  std::vector<std::vector<double>> count(static_cast<std::size_t>(horizon - 1),
                                         std::vector<double>(static_cast<std::size_t>(states * actions * states)));
  for (const visited_trajectory<step_state>& path : trajectories) {
    const auto length = static_cast<std::int64_t>(path.states.size());
    const std::vector<std::int64_t>& tokens = path.response.tokens;
    require(length <= horizon, "a trajectory must have at most " + std::to_string(horizon) + " states", length);
    require(path.states.size() == tokens.size(),
            "a trajectory of " + std::to_string(length) + " states must have as many tokens",
            static_cast<std::int64_t>(tokens.size()));
    for (std::size_t h = 0; h < tokens.size(); ++h) {
      require(path.states[h].step == static_cast<std::int64_t>(h), "a state's step must be its place in the trajectory",
              path.states[h].step);
      require(path.states[h].state >= 0 && path.states[h].state < states,
              "a state must be in [0, " + std::to_string(states) + ")", path.states[h].state);
      require(tokens[h] >= 0 && tokens[h] < actions, "an action must be in [0, " + std::to_string(actions) + ")",
              tokens[h]);
    }
    for (std::size_t h = 0; h + 1 < tokens.size(); ++h)
      count[h][static_cast<std::size_t>((path.states[h].state * actions + tokens[h]) * states +
                                        path.states[h + 1].state)] += 1;
  }
  transition_counts<M> counts{.states = states, .actions = actions};
  for (const std::vector<double>& layer : count) {
    const auto rows = array::from_host(like, std::span<const double>(layer), states * actions, states);
    counts.count.push_back(array::dense(array::matrix(rows)));
  }
  return counts;
}

namespace detail {

/// sum n log p over the entries with n > 0; -inf where such a p is 0.
template <LinearAlgebra M>
[[nodiscard]] double multinomial_log_likelihood(const elementwise_t<M>& n, const elementwise_t<M>& p) {
  using E = elementwise_t<M>;
  const E zero = array::full_like(n, 0.0);
  const E log_p = array::log(E(array::where_le(p, zero, 1.0, p)));
  const E terms = array::where_le(p, zero, array::full_like(n, -infinity), E(n * log_p));
  return array::item(array::sum(E(array::where_le(n, zero, zero, terms))));
}

}  // namespace detail

/// log P(D) = sum_{h,s,a,s'} N_h(s,a,s') log P_h(s'|s,a); the factors of policies, the same for every kernel, cancel.
/// \source arXiv 2404.18922v1, Remark B.2 (formula reconstructed)
/// \param mdp a candidate for the kernel, of the shape of the counts
/// \returns nats, <= 0; -inf where the kernel forbids an observed transition
/// \throws std::invalid_argument where the shapes differ
/// \cost O(H S^2 A); synchronises with a device
template <LinearAlgebra M, DesignMatrix P>
[[nodiscard]] double transition_log_likelihood(const transition_counts<M>& counts, const finite_mdp<P>& mdp) {
  const auto steps = static_cast<std::int64_t>(counts.count.size());
  if (mdp.state_count() != counts.states || mdp.actions() != counts.actions || mdp.horizon() - 1 != steps)
    throw std::invalid_argument("rto::transition_log_likelihood: the model must have S, A, H of the counts (" +
                                std::to_string(counts.states) + ", " + std::to_string(counts.actions) + ", " +
                                std::to_string(steps + 1) + "), got " + std::to_string(mdp.state_count()) + ", " +
                                std::to_string(mdp.actions()) + ", " + std::to_string(mdp.horizon()));
  double total = 0;
  for (std::int64_t h = 0; h < steps; ++h)
    total += detail::multinomial_log_likelihood<M>(array::elementwise(counts.count[static_cast<std::size_t>(h)]),
                                                   array::elementwise(M(array::dense(mdp.transition(h)))));
  return total;
}

/// max over all kernels of log P(D) = sum N log(N / sum_s' N), attained at the observed frequencies: the largest
/// likelihood of the tabular class, a kernel of its own for every step.
/// \returns nats, <= 0
/// \cost O(H S^2 A); synchronises with a device
template <LinearAlgebra M> [[nodiscard]] double tabular_log_likelihood(const transition_counts<M>& counts) {
  using E = elementwise_t<M>;
  double total = 0;
  for (const M& layer : counts.count) {
    const E n = array::elementwise(layer);
    const E sums = array::broadcast_columns(E(array::row_sum(n)), counts.states);
    const E safe = array::where_le(sums, array::full_like(sums, 0.0), 1.0, sums);
    total += detail::multinomial_log_likelihood<M>(n, E(n / safe));
  }
  return total;
}

}  // namespace rto
