// Predetermined (open-loop) policies: the action sequence is drawn before the first step and never reacts to a state.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/finite_mdp.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/soft_bellman.hpp>

namespace rto {

/// The best distribution over action sequences; rows are the A^H sequences in lexicographic order, first action first.
template <class A> struct open_loop_plan {
  A returns;                // expected return of each sequence [A^H, 1]
  A log_policy;             // log-probability of each sequence [A^H, 1]
  scalar_t<A> objective{};  // its regularised value
};

/// The actions of sequence `index`: its base-A digits, the first action in the highest place.
/// \param index in [0, A^H)  \returns [H]
/// \throws std::domain_error for an index out of range
[[nodiscard]] inline std::vector<std::int64_t> action_sequence(std::int64_t index, std::int64_t actions,
                                                               std::int64_t horizon) {
  require_domain(actions >= 1, "action_sequence", "actions >= 1", static_cast<double>(actions));
  require_domain(horizon >= 1, "action_sequence", "horizon >= 1", static_cast<double>(horizon));
  std::vector<std::int64_t> digits(static_cast<std::size_t>(horizon));
  std::int64_t rest = index;
  for (std::size_t h = digits.size(); h-- > 0; rest /= actions) digits[h] = rest % actions;
  require_domain(index >= 0 && rest == 0, "action_sequence", "0 <= index < A^H", static_cast<double>(index));
  return digits;
}

namespace detail {

// What enumeration holds at once: the returns, and a distribution over states for every sequence but its last action.
inline void require_enumerable(const char* function, std::int64_t states, std::int64_t actions, std::int64_t horizon) {
  constexpr double limit = 1 << 28;
  double prefixes = 1;
  for (std::int64_t h = 1; h < horizon && prefixes <= limit; ++h) prefixes *= static_cast<double>(actions);
  const double entries = prefixes * static_cast<double>(states > actions ? states : actions);
  require_domain(entries <= limit, function, "A^(H-1) max(S, A) <= 2^28 to list all sequences", entries);
}

// [n, A] from its n rows' common content [1, A].
template <Array A> [[nodiscard]] A repeat_row(const A& row, std::int64_t n) {
  const A upright = array::transpose(row);
  const A wide = array::broadcast_columns(upright, n);
  return array::transpose(wide);
}

}  // namespace detail

/// Expected return of every action sequence, Rbar(a_1 .. a_H) = E[sum_h r_h(s_h, a_h)] with s_1 ~ rho, whatever states
/// come up.
/// \source Zhong et al. 2024 (arXiv 2404.18922), Proposition C.2 (predetermined policies), reconstructed
/// \param reward r [H S, A], finite
/// \returns [A^H, 1] in lexicographic order, reward units. The sequence is not told s_1: for policies that are, give
///   the model a certain start state
/// \throws std::invalid_argument for shapes; std::domain_error for rewards that are not finite, or too many sequences
///   to list: A^(H-1) max(S, A) > 2^28
/// \cost O(A^H S^2) as H matrix products, memory O(A^(H-1) max(S, A)); synchronises with a device
template <DesignMatrix P, Array R>
requires TabularMdp<finite_mdp<P>, R>
[[nodiscard]] array_t<R> open_loop_returns(const finite_mdp<P>& mdp, const R& reward) {
  using A = array_t<R>;
  using M = dense_t<P>;
  const std::int64_t states = mdp.state_count(), actions = mdp.actions();
  require_shape("open_loop_returns", "reward", reward, mdp.states(), actions);
  if (!array::all_finite(reward))
    throw std::domain_error("rto::open_loop_returns: need finite rewards, got an infinity or NaN");
  detail::require_enumerable("open_loop_returns", states, actions, mdp.horizon());

  A returns = array::full(reward, 1, 1, 0.0);
  A visits = array::from_host(reward, mdp.start_distribution(), 1, states);  // of the states, for every prefix
  for (std::int64_t h = 0; h < mdp.horizon(); ++h) {
    const A layer = array::row_slice(reward, mdp.layer_begin(h), mdp.layer_begin(h + 1));
    const M gain = array::product(array::matrix(visits), array::matrix(layer));  // [prefixes, A]
    const A longer = array::broadcast_columns(returns, actions) + array::elementwise(gain);
    returns = array::reshape(longer, array::rows(longer) * actions, 1);
    if (h + 1 == mdp.horizon()) break;
    // Row s A + a of the transitions to row s, columns a S ..: one product moves every prefix by every action.
    const A transition = array::elementwise(array::dense(mdp.transition(h)));
    const A by_state = array::reshape(transition, states, actions * states);
    const M moved = array::product(array::matrix(visits), array::matrix(by_state));
    const A next = array::elementwise(moved);
    visits = array::reshape(next, array::rows(next) * actions, states);
  }
  return returns;
}

/// Log-probability of every action sequence under a reference that is the same in every state of a step.
/// \param log_reference log pi_ref [H S, A], rows sum to one
/// \returns [A^H, 1] in lexicographic order, nats; -inf where a token is forbidden
/// \throws std::invalid_argument for shapes; std::domain_error where the reference depends on the state (by more than
///   `probability_tolerance`; also in states that are never reached), since the KL divergence of a policy that does not
///   see the state is then ambiguous
/// \cost O(A^H); synchronises with a device
template <DesignMatrix P, Array L>
requires TabularMdp<finite_mdp<P>, L>
[[nodiscard]] array_t<L> open_loop_reference(const finite_mdp<P>& mdp, const L& log_reference) {
  using A = array_t<L>;
  const std::int64_t states = mdp.state_count(), actions = mdp.actions();
  require_shape("open_loop_reference", "log_reference", log_reference, mdp.states(), actions);
  validate_policy(log_reference, "log_reference");
  detail::require_enumerable("open_loop_reference", states, actions, mdp.horizon());
  const double tolerance = probability_tolerance(log_reference);
  A sequences = array::full(log_reference, 1, 1, 0.0);
  for (std::int64_t h = 0; h < mdp.horizon(); ++h) {
    const A layer = array::row_slice(log_reference, mdp.layer_begin(h), mdp.layer_begin(h + 1));
    const A first = array::row_slice(layer, 0, 1);
    const A same = detail::repeat_row(first, states);
    const A allowed = detail::where_allowed(layer, array::full_like(layer, 1.0), 0.0);
    const A allowed_first = detail::where_allowed(same, array::full_like(layer, 1.0), 0.0);
    const A apart = array::abs(probabilities(layer) - probabilities(same)) + array::abs(allowed - allowed_first);
    if (const double error = array::item(array::max_coeff(apart)); !(error <= tolerance))
      throw std::domain_error("rto::open_loop_reference: need a reference that is the same in every state of a step, " +
                              std::string("got rows that differ by ") + number_text(error) + " at step " +
                              std::to_string(h));
    const std::int64_t prefixes = array::rows(sequences);
    const A longer = array::broadcast_columns(sequences, actions) + detail::repeat_row(first, prefixes);
    sequences = array::reshape(longer, prefixes * actions, 1);
  }
  return sequences;
}

/// The regularised open-loop optimum: max over distributions p of sequences of E_p Rbar - beta KL(p || pi_ref), which
/// is beta log E_ref e^(Rbar / beta), attained by p ∝ pi_ref e^(Rbar / beta). \source Zhong et al. 2024 (arXiv
/// 2404.18922), Proposition C.2, reconstructed; mathematics.md, section 12. The soft
///   Bellman operator of one state whose actions are the sequences, with its limits: the maximum at beta = 0, the mean
///   at beta = inf
/// \param log_reference log pi_ref [H S, A], the same in every state of a step  \param reward r [H S, A], finite
/// \throws as `open_loop_returns` and `open_loop_reference`; std::domain_error for beta
/// \cost as `open_loop_returns`
template <DesignMatrix P, Array L, Array R>
requires TabularMdp<finite_mdp<P>, R> && GoesWith<L, R>
[[nodiscard]] open_loop_plan<array_t<R>> plan_open_loop(const finite_mdp<P>& mdp, const L& log_reference,
                                                        const R& reward, planning_options options) {
  using A = array_t<R>;
  detail::validate_problem("plan_open_loop", mdp, log_reference, reward, options.beta);
  const A returns = open_loop_returns(mdp, reward);
  const std::int64_t sequences = array::rows(returns);
  const A reference = open_loop_reference(mdp, log_reference);
  const A reference_row = array::reshape(reference, 1, sequences);
  const A return_row = array::reshape(returns, 1, sequences);
  const soft_backup<A> best = soft_bellman(reference_row, return_row, detail::representable(reward, options.beta));
  const A log_policy = array::reshape(best.log_policy, sequences, 1);
  return {.returns = returns, .log_policy = log_policy, .objective = array::sum(best.value)};
}

}  // namespace rto
