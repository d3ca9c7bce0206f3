// Occupancy measures: how often a policy visits a state, and takes an action there.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <stdexcept>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

/// d^pi(s) = sum_h Pr(s_h = s), d^pi(s, a) = d^pi(s) pi(a|s). Total mass E[T], the expected length; not one.
template <class A> struct occupancy_measure {
  A visits;               // [N, 1]
  A state_action_visits;  // [N, A]
  scalar_t<A> mass{};     // E[T]
};

/// The occupancy measure of a policy, layer by layer from the start distribution.
/// \source section 2 of the paper; Puterman 1994
/// \param log_policy [N, A], rows sum to one
/// \throws std::invalid_argument for a shape, std::domain_error where `log_policy` is no policy
/// \cost O(edges), three array operations a layer
template <class Mdp, Array P>
requires TabularMdp<Mdp, P>
[[nodiscard]] occupancy_measure<array_t<P>> occupancy(const Mdp& mdp, const P& log_policy) {
  using A = array_t<P>;
  require_shape("occupancy", "log_policy", log_policy, mdp.states(), mdp.actions());
  validate_policy(log_policy);
  const auto start = mdp.start_distribution();
  occupancy_measure<A> d{.visits = array::full(log_policy, mdp.states(), 1, 0.0),
                         .state_action_visits = array::full(log_policy, mdp.states(), mdp.actions(), 0.0)};
  A visits = array::from_host(log_policy, start, static_cast<std::int64_t>(start.size()), 1);
  for (std::int64_t h = 0; h < mdp.layers(); ++h) {
    const std::int64_t from = mdp.layer_begin(h), to = mdp.layer_begin(h + 1);
    const A flow =
        array::broadcast_columns(visits, mdp.actions()) * probabilities(array::row_slice(log_policy, from, to));
    array::assign_rows(d.visits, from, visits);
    array::assign_rows(d.state_action_visits, from, flow);
    if (h + 1 < mdp.layers()) visits = mdp.next_visits(h, flow);
  }
  d.mass = array::sum(d.visits);
  return d;
}

/// Calls visit(state, probability) for every prefix that the policy reaches from the start states, depth first: the
/// occupancy measure of a model that is not stored.
/// \param log_policy callable (state, token) -> log-probability  \param visit callable (state, double)
/// \throws std::runtime_error when a model goes on after its own horizon
/// \cost time O(prefixes reached, times A), memory O(H)
template <TokenMdp Mdp, class LogPolicy, class Visit>
requires std::invocable < const LogPolicy&, const state_t<Mdp>
&, std::int64_t > &&std::invocable<Visit&, const state_t<Mdp>&, double> void for_each_visit(const Mdp& mdp,
                                                                                            const LogPolicy& log_policy,
                                                                                            Visit&& visit) {
  const auto enter = [&](const auto& self, const state_t<Mdp>& state, double probability, std::int64_t depth) -> void {
    if (!(probability > 0) || mdp.is_terminal(state)) return;
    if (depth >= mdp.horizon())
      throw std::runtime_error("rto::for_each_visit: a state after horizon() tokens must be terminal");
    visit(state, probability);
    for (std::int64_t token = 0; token < mdp.actions(); ++token)
      if (const double p = std::exp(static_cast<double>(log_policy(state, token))); p > 0)
        self(self, mdp.append(state, token), probability * p, depth + 1);
  };
  for (const auto& start : mdp.start_states()) enter(enter, start.state, start.probability, 0);
}

}  // namespace rto
