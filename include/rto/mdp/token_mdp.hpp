// The ladder of token MDPs: what an algorithm may ask of a model, from the weakest rung to the strongest.
//
//   GenerativeTokenMdp  can only be sampled: a language model, a simulator;
//   TokenMdp            start states and actions can be listed, `append` is deterministic: any tree of prefixes;
//   TabularMdp          states are rows 0 .. states()-1, in layers by step: arrays [states, actions], one or a few
//                       array operations a layer; transitions may be stochastic.
//
// A state is a prefix (prompt and the tokens so far); its type is the model's own. Steps are h = 0 .. horizon()-1,
// actions are tokens 0 .. actions()-1. A trajectory has ended in a terminal state: no action is taken there and its
// value is 0. An algorithm takes the weakest rung it can; a model of TokenMdp needs five members and is never stored.
#pragma once

#include <concepts>
#include <cstdint>
#include <ranges>
#include <span>
#include <type_traits>
#include <vector>

#include <boost/random/linear_congruential.hpp>
#include <boost/random/uniform_01.hpp>

#include <rto/array/array.hpp>

namespace rto {

/// One possible beginning: a prompt and its probability under the prompt distribution rho_0.
template <class State> struct start_state {
  State state;
  double probability = 1;
};

template <class Mdp> using state_t = typename std::remove_cvref_t<Mdp>::state_type;

/// Draws an index with the given probabilities; one of probability zero is never drawn. \cost O(n)
/// \throws std::domain_error never: probabilities are a precondition (non-negative, sum one to rounding)
template <class URBG> [[nodiscard]] std::int64_t draw_index(std::span<const double> probabilities, URBG& rng) {
  double u = boost::random::uniform_01<double>()(rng);
  std::int64_t last = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] > 0) last = static_cast<std::int64_t>(i);
    if (u < probabilities[i]) break;
    u -= probabilities[i];
  }
  return last;  // where rounding left the sum short of u: the last possible index
}

/// A drawn start state and its place in the list of prompts (0 where the model cannot list them).
template <class State> struct drawn_start {
  State state;
  std::int64_t prompt = 0;
};

/// Draws s_1 from the prompt distribution: by the model's own `sample_start(rng)`, else from its `start_states()`.
template <class Mdp, class URBG>
requires requires(const Mdp& mdp, URBG& rng) { mdp.sample_start(rng); } || requires(const Mdp& mdp) {
  mdp.start_states();
}
[[nodiscard]] drawn_start<state_t<Mdp>> draw_start(const Mdp& mdp, URBG& rng) {
  if constexpr (requires { mdp.sample_start(rng); }) {
    return {mdp.sample_start(rng), 0};
  } else {
    const auto& starts = mdp.start_states();
    std::vector<double> probabilities;
    for (const auto& start : starts) probabilities.push_back(start.probability);
    const std::int64_t prompt = draw_index(probabilities, rng);
    return {std::ranges::begin(starts)[prompt].state, prompt};
  }
}

/// Draws the successor of (state, token): by the model's own `sample_next(state, token, rng)`, else by `append`.
template <class Mdp, class URBG>
requires requires(const Mdp& mdp, const state_t<Mdp>& state, std::int64_t token, URBG& rng) {
  mdp.sample_next(state, token, rng);
} || requires(const Mdp& mdp, const state_t<Mdp>& state, std::int64_t token) {
  mdp.append(state, token);
}
[[nodiscard]] state_t<Mdp> draw_next(const Mdp& mdp, const state_t<Mdp>& state, std::int64_t token, URBG& rng) {
  if constexpr (requires { mdp.sample_next(state, token, rng); })
    return mdp.sample_next(state, token, rng);
  else
    return mdp.append(state, token);
}

/// Can be sampled. Members: `state_type`, `horizon()`, `is_terminal(state)`, and `sample_start(rng)`,
/// `sample_next(state, token, rng)` unless `start_states()`, `append(state, token)` replace them.
template <class Mdp>
concept GenerativeTokenMdp = requires(const std::remove_cvref_t<Mdp>& mdp, const state_t<Mdp>& state,
                                      std::int64_t token, boost::random::minstd_rand& rng) {
  { mdp.horizon() } -> std::convertible_to<std::int64_t>;
  { mdp.is_terminal(state) } -> std::convertible_to<bool>;
  { draw_start(mdp, rng).state } -> std::convertible_to<state_t<Mdp>>;
  { draw_next(mdp, state, token, rng) } -> std::convertible_to<state_t<Mdp>>;
};

/// Can be enumerated: the transition s' = (s, a) is deterministic and every token may be appended to every state that
/// is not terminal (a token that cannot occur has probability zero under the policies).
///   state_type            copyable
///   horizon()             H >= 1, the maximal number of tokens
///   actions()             A >= 1, the number of tokens
///   start_states()        a random-access range of start_state<state_type>, probabilities that sum to one
///   append(state, token)  the next prefix
///   is_terminal(state)    true after an end-of-sequence token and after H tokens
template <class Mdp>
concept TokenMdp = GenerativeTokenMdp<Mdp> &&
    requires(const std::remove_cvref_t<Mdp>& mdp, const state_t<Mdp>& state, std::int64_t token) {
  { mdp.actions() } -> std::convertible_to<std::int64_t>;
  { mdp.start_states() } -> std::ranges::random_access_range;
  { mdp.append(state, token) } -> std::convertible_to<state_t<Mdp>>;
};

/// States are rows, those of one step form a layer of consecutive rows, and transitions lead from layer h to h+1 or end
/// the trajectory. Rewards and policies are arrays [states(), actions()].
///   states(), actions()
///   layers()                  number of steps that have states, at most H
///   layer_begin(h)            first row of layer h, h = 0 .. layers(); layer_begin(layers()) == states()
///   start_distribution()      probabilities of the rows of layer 0
///   expected_next(h, value)   value [layer h+1, 1] -> E[value(s') | s, a], [layer h, actions()]; 0 where it ends
///   next_visits(h, flow)      flow [layer h, actions()] -> its image [layer h+1, 1], the adjoint of expected_next
/// for h < layers() - 1; the actions of the last layer end the trajectory.
template <class Mdp, class A>
concept TabularMdp = requires(const std::remove_cvref_t<Mdp>& mdp, const value_t<A>& x, std::int64_t h) {
  { mdp.states() } -> std::convertible_to<std::int64_t>;
  { mdp.actions() } -> std::convertible_to<std::int64_t>;
  { mdp.layers() } -> std::convertible_to<std::int64_t>;
  { mdp.layer_begin(h) } -> std::convertible_to<std::int64_t>;
  { mdp.start_distribution() } -> std::convertible_to<std::span<const double>>;
  mdp.expected_next(h, x);
  mdp.next_visits(h, x);
};

}  // namespace rto
