// Occupancy measures: how often a policy visits a state, and takes an action there.
#pragma once

#include <cstdint>

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

}  // namespace rto
