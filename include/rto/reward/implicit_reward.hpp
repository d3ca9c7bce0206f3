// The token-wise reward that a preference-trained policy carries.
#pragma once

#include <limits>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// beta log(pi(a|s) / pi_ref(a|s)) = r(s,a) + V*(s') - V*(s) for the optimal pi of r at KL coefficient beta: potential
/// shaping of r, so it has the same optimal policies at every KL coefficient.
///
/// \source RTO (arXiv 2404.18922), (4.5); holds for deterministic transitions (docs/mathematics.md 13.2)
/// \param log_policy, log_reference log-probabilities, nats, one shape: [batch, time] of the chosen tokens or
///   [states, actions] of all
/// \param beta coefficient (beta_1 of (4.6)), >= 0 and finite, reward units per nat
/// \param out the shape of the arguments, reward units; 0 where the reference forbids the action (log_reference
/// -infinity):
///   such an action is never taken, and any finite value leaves the optimum unchanged
/// \gradient through both arguments, as written
/// \throws std::invalid_argument where shapes differ; std::domain_error where beta is negative or not finite
template <Elementwise A, GoesWith<A> B, class Out>
void implicit_reward(const A& log_policy, const B& log_reference, double beta, Out&& out) {
  using namespace array;
  constexpr double lowest = std::numeric_limits<double>::lowest();
  require_same_shape("implicit_reward", "log_policy", log_policy, "log_reference", log_reference);
  require_domain(beta >= 0 && beta < detail::infinity, "implicit_reward", "0 <= beta < infinity", beta);
  assign(out, beta * where_le(log_reference, lowest, 0.0, log_policy - log_reference));
}

/// The same, returned.
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> implicit_reward(const A& log_policy, const B& log_reference, double beta) {
  value_t<A> out;
  implicit_reward(log_policy, log_reference, beta, out);
  return out;
}

}  // namespace rto
