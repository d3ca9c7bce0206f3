// What the bandit-against-MDP learners ask of a strong policy pi*: the log-probability of a token after a prefix.
#pragma once

#include <concepts>

#include <rto/array/shape.hpp>

namespace rto {

/// A policy over responses of exactly H tokens out of A, walked one token at a time: a stored tree, a function of the
/// prefix, or a language model (a state is then its key-value cache). Nothing is ever enumerated through it.
///
/// `initial_state()` is the state after the prompt, `append(state, token)` the state after one more token, and
/// `log_probability(state, token)` is log pi*(token | state) in nats: at most 0, `-inf` for a forbidden token, and
/// sum_a exp = 1 in every state. A model with an end-of-sentence token lets it be absorbing: after it, it has
/// probability one.
template <class M>
concept TokenLogProbabilityModel = requires(const M& model, const typename M::state_type& state, int token) {
  requires std::copyable<typename M::state_type>;
  { model.action_count() } -> std::convertible_to<int>;
  { model.horizon() } -> std::convertible_to<int>;
  { model.initial_state() } -> std::convertible_to<typename M::state_type>;
  { model.append(state, token) } -> std::convertible_to<typename M::state_type>;
  { model.log_probability(state, token) } -> std::convertible_to<double>;
};

/// Two masses whose logarithms differ by less than this count as equal, so that a node of mass tau is heavy whatever
/// the rounding of its sum of H logarithms.
inline constexpr double log_mass_tolerance = 1e-9;

/// log 0.
inline constexpr double log_zero = -detail::infinity;

/// p >= tau on the logarithms, up to `log_mass_tolerance`.
inline bool at_least_mass(double log_mass, double log_threshold) {
  return log_mass >= log_threshold - log_mass_tolerance;
}

}  // namespace rto
