// The value of any policy under a reward and a KL charge to a reference policy.
#pragma once

#include <cstdint>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>

namespace rto {

/// The value of a policy; rows are the states of the model. -inf where the policy pays an infinite charge.
template <class A> struct policy_evaluation {
  A value;                  // V^pi [N, 1]
  A action_value;           // q^pi = r + E V^pi [N, A], without log pi_ref
  A kl;                     // KL(pi(.|s) || pi_ref(.|s)) [N, 1], whatever beta is
  scalar_t<A> objective{};  // J(pi) = E_rho V^pi
};

namespace detail {
// 1 where beta KL is infinite (or too large for the scalar type), 0 elsewhere.
template <Array A> A infinitely_charged(const A& kl, double beta) {
  const A zero = array::full_like(kl, 0.0);
  if (beta == 0) return zero;
  if (beta == infinity) return array::where_le(kl, zero, zero, 1.0);
  return array::where_le(array::full_like(kl, infinity), kl * beta, array::full_like(kl, 1.0), zero);
}
}  // namespace detail

/// V^pi(s) = <pi(.|s), q^pi(s,.)> - beta KL(pi(.|s) || pi_ref(.|s)), q^pi = r + E V^pi, by backward recursion.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.2), (3.3), reconstructed
/// \param log_policy, log_reference [N, A], rows sum to one
/// \param reward r [N, A], finite
/// \param beta KL coefficient in [0, inf]. A policy outside the support of the reference is worth -inf, at beta = 0
///   nothing is charged, at beta = inf every policy but the reference is worth -inf
/// \throws std::invalid_argument for shapes, std::domain_error for values out of their domain
/// \cost O(edges), a few array operations a layer; validation synchronises with a device
template <class Mdp, Array P, Array L, Array R>
requires TabularMdp<Mdp, R> && GoesWith<P, R> && GoesWith<L, R>
[[nodiscard]] policy_evaluation<array_t<R>> evaluate_policy(const Mdp& mdp, const P& log_policy, const L& log_reference,
                                                            const R& reward, double beta) {
  using A = array_t<R>;
  detail::validate_problem("evaluate_policy", mdp, log_reference, reward, beta);
  require_shape("evaluate_policy", "log_policy", log_policy, mdp.states(), mdp.actions());
  validate_policy(log_policy);
  beta = detail::representable(reward, beta);
  const std::int64_t states = mdp.states(), actions = mdp.actions();
  policy_evaluation<A> result{.value = array::full(reward, states, 1, 0.0),
                              .action_value = array::full(reward, states, actions, 0.0),
                              .kl = kl_divergence(log_policy, log_reference)};

  // What the policy pays in each state, and where that is infinite. Infinite charges travel by themselves, as marks, so
  // that one which is never reached does not meet its zero probability.
  const A zero = array::full_like(result.kl, 0.0);
  const A infinite = detail::infinitely_charged(result.kl, beta);
  const A charge =
      beta == 0 || beta == detail::infinity ? zero : A(array::where_le(infinite, zero, result.kl, zero) * beta);
  const bool any_infinite = array::item(array::sum(infinite)) > 0;

  A value, marked;
  for (std::int64_t h = mdp.layers(); h-- > 0;) {
    const std::int64_t from = mdp.layer_begin(h), to = mdp.layer_begin(h + 1);
    const bool last = h + 1 == mdp.layers();
    A q = array::row_slice(reward, from, to);
    if (!last) q = q + mdp.expected_next(h, value);
    const A log_pi = array::row_slice(log_policy, from, to);
    value =
        array::row_sum(detail::where_allowed(log_pi, array::exp(log_pi) * q, 0.0)) - array::row_slice(charge, from, to);
    if (!any_infinite) {
      array::assign_rows(result.action_value, from, q);
      array::assign_rows(result.value, from, value);
      continue;
    }
    const A none = array::full_like(q, 0.0);
    const A ahead = last ? none : A(mdp.expected_next(h, marked));
    const A here = array::row_slice(infinite, from, to) + array::row_sum(detail::where_allowed(log_pi, ahead, 0.0));
    const A unmarked = array::full_like(here, 0.0);
    marked = array::where_le(here, unmarked, unmarked, 1.0);
    array::assign_rows(result.action_value, from, array::where_le(ahead, none, q, -detail::infinity));
    array::assign_rows(result.value, from, array::where_le(here, unmarked, value, -detail::infinity));
  }
  result.objective = detail::start_mean(mdp, result.value);
  return result;
}

}  // namespace rto
