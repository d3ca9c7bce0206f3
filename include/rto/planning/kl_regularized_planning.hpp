// The optimal policy of a token MDP under a reward and a KL charge to a reference policy.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include <rto/array/array.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/soft_bellman.hpp>

namespace rto {

struct planning_options {
  double beta = 1;  // KL coefficient in [0, inf], reward units a nat
};

/// What planning finds; rows are the states of the model.
template <class A> struct optimal_plan {
  A value;                  // V* [N, 1]
  A action_value;           // q* = r + E V* [N, A], without log pi_ref
  A log_policy;             // log pi* [N, A]
  scalar_t<A> objective{};  // J* = E_rho V*
};

namespace detail {

// The coefficient as the arrays' scalar type holds it: what is too large for it is the limit inf, what is too small the
// limit 0, instead of inf * 0 or 0 / 0 later.
template <Array A> double representable(const A& like, double beta) { return rounded(like, beta); }

template <class Mdp, Array L, Array R>
void validate_problem(const char* function, const Mdp& mdp, const L& log_reference, const R& reward, double beta) {
  require_domain(beta >= 0, function, "beta >= 0", beta);
  require_shape(function, "log_reference", log_reference, mdp.states(), mdp.actions());
  require_shape(function, "reward", reward, mdp.states(), mdp.actions());
  require_same_kind(function, "log_reference", log_reference, "reward", reward);
  validate_policy(log_reference, "log_reference");
  if (!array::all_finite(reward))
    throw std::domain_error(std::string("rto::") + function +
                            ": need finite rewards (forbid a token through the reference), got an infinity or NaN");
}

// sum_s rho(s) x(s) over the first layer, 0 where rho is 0 whatever x is.
template <class Mdp, Array A> scalar_t<A> start_mean(const Mdp& mdp, const A& x) {
  const auto start = mdp.start_distribution();
  const auto n = static_cast<std::int64_t>(start.size());
  const A rho = array::from_host(x, start, n, 1);
  const A zero = array::full_like(rho, 0.0);
  return array::sum(array::where_le(rho, zero, zero, rho * array::row_slice(x, 0, n)));
}

}  // namespace detail

/// V*, q* and pi* by backward recursion from V* = 0 after the end:
/// q*(s,a) = r(s,a) + E V*(s'), V*(s) = beta log sum_a pi_ref(a|s) e^(q*(s,a)/beta).
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.3), (3.4), reconstructed; the paper's Q is q + beta log pi_ref
/// \param mdp complete_token_tree, token_trie, finite_mdp or any TabularMdp
/// \param log_reference log pi_ref [N, A], rows sum to one, -inf forbids a token
/// \param reward r [N, A], finite
/// \throws std::invalid_argument for shapes, std::domain_error for values out of their domain
/// \cost O(edges), a few array operations a layer; validation synchronises with a device
template <class Mdp, Array L, Array R>
requires TabularMdp<Mdp, R> && GoesWith<L, R>
[[nodiscard]] optimal_plan<array_t<R>> plan(const Mdp& mdp, const L& log_reference, const R& reward,
                                            planning_options options) {
  using A = array_t<R>;
  detail::validate_problem("plan", mdp, log_reference, reward, options.beta);
  const double beta = detail::representable(reward, options.beta);
  const std::int64_t states = mdp.states(), actions = mdp.actions();
  optimal_plan<A> best{.value = array::full(reward, states, 1, 0.0),
                       .action_value = array::full(reward, states, actions, 0.0),
                       .log_policy = array::full(reward, states, actions, 0.0)};
  soft_backup<A> backup;
  for (std::int64_t h = mdp.layers(); h-- > 0;) {
    const std::int64_t from = mdp.layer_begin(h), to = mdp.layer_begin(h + 1);
    A q = array::row_slice(reward, from, to);
    if (h + 1 < mdp.layers()) q = q + mdp.expected_next(h, backup.value);
    backup = soft_bellman(array::row_slice(log_reference, from, to), q, beta);
    array::assign_rows(best.value, from, backup.value);
    array::assign_rows(best.action_value, from, q);
    array::assign_rows(best.log_policy, from, backup.log_policy);
  }
  best.objective = detail::start_mean(mdp, best.value);
  return best;
}

/// The implicit token reward of the optimal policy, beta log(pi*(a|s) / pi_ref(a|s)) = q*(s,a) - V*(s): the reward
/// shaped by the potential V*. Computed as the difference, which keeps its digits for large beta.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (4.5), reconstructed
/// \param optimum of `plan` with 0 < beta < inf
/// \returns [N, A], reward units; -inf where the reference forbids the token
template <class A, Array L>
[[nodiscard]] A implicit_token_reward(const optimal_plan<A>& optimum, const L& log_reference) {
  require_same_shape("implicit_token_reward", "optimum", optimum.action_value, "log_reference", log_reference);
  const A value = array::broadcast_columns(optimum.value, array::cols(log_reference));
  return detail::where_allowed(log_reference, optimum.action_value - value, -detail::infinity);
}

}  // namespace rto
