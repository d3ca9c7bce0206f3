// Approximate planning: natural policy gradient and soft policy iteration with exact evaluation.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/soft_bellman.hpp>

namespace rto {

struct policy_iteration_options {
  double beta = 1;                // KL coefficient in [0, inf), reward units a nat
  double eta = 1;                 // step size in (0, 1 / beta], nats a reward unit; 1 / beta is soft policy iteration
  std::int64_t iterations = 100;  // at most, >= 0
  double tolerance = 1e-10;       // of the certified gap, reward units; at 0 every iteration is made
};

/// What policy iteration finds, and its way there. T iterations give the policies pi_0 .. pi_T.
template <class A> struct policy_iteration_result {
  A log_policy;                   // log pi_T [N, A]
  std::vector<double> objective;  // J(pi_0) .. J(pi_T), non-decreasing
  std::vector<double> gap_bound;  // certified: J* - J(pi_t) is at most this
  std::int64_t iterations = 0;    // T
  bool converged = false;         // gap_bound[T] <= tolerance
};

namespace detail {

// eta beta, the weight of the reference in a step: exactly 1 where eta is 1 / beta, which rounding would miss.
inline double reference_share(const char* function, double beta, double eta) {
  require_domain(beta >= 0 && beta < infinity, function, "0 <= beta < inf", beta);
  require_domain(eta > 0 && eta <= 1 / beta, function, "0 < eta <= 1 / beta", eta);
  return eta >= 1 / beta ? 1.0 : eta * beta;
}

// pi^(1 - share) pi_ref^share, normalised: what either of the two forbids stays forbidden, but for share = 1, where
// only the reference counts.
template <Array P, GoesWith<P> L>
[[nodiscard]] array_t<P> geometric_mixture(const P& log_policy, const L& log_reference, double share) {
  using A = array_t<P>;
  if (share == 1) return log_reference;
  const A kept = where_allowed(log_reference, log_policy, -infinity);
  return log_softmax(A(where_allowed(kept, kept * (1 - share) + log_reference * share, -infinity)));
}

// An upper bound of J* - J(pi) from the advantage of the best one-step change in every state, max_p <q^pi, p> -
// beta KL(p || pi_ref) - V^pi: the optimum collects it once a layer (Lemma A.2), so the largest of each layer add up.
template <class Mdp, Array A>
[[nodiscard]] double certified_gap(const Mdp& mdp, const A& log_policy, const A& log_reference,
                                   const policy_evaluation<A>& evaluation, double beta) {
  const soft_backup<A> best = soft_bellman(log_reference, evaluation.action_value, beta);
  // For beta > 0 it is a divergence (Lemma C.1), which keeps its digits near the optimum.
  const A advantage =
      beta > 0 ? A(kl_divergence(log_policy, best.log_policy) * beta) : A(best.value - evaluation.value);
  double bound = 0;
  for (std::int64_t h = 0; h < mdp.layers(); ++h) {
    const A layer = array::row_slice(advantage, mdp.layer_begin(h), mdp.layer_begin(h + 1));
    bound += array::item(array::max_coeff(layer));
  }
  return bound;
}

}  // namespace detail

/// One step: pi'(.|s) = argmax_p <q(s,.), p> - beta KL(p || pi_ref) - (1/eta - beta) KL(p || pi), that is
/// pi' ∝ pi^(1 - eta beta) pi_ref^(eta beta) e^(eta q). Computed as the soft-optimal policy for coefficient 1/eta
/// around the normalised mixture of pi and pi_ref, so that large and small steps are as stable as planning. \source Cen
/// et al. 2022 (arXiv 2007.06558), entropy-regularised natural policy gradient in closed form, here with a
///   reference policy and a finite horizon; Remark A.3 of the paper names the method. eta = 1/beta: soft policy
///   iteration, which reads pi through q only. beta = 0: exponentiated gradient, pi' ∝ pi e^(eta q); there eta = inf is
///   the greedy step
/// \param log_policy log pi [N, A], inside the support of the reference; log_reference [N, A]
/// \param q q^pi = r + E V^pi [N, A], without log pi_ref; finite where the reference is positive
/// \param beta in [0, inf), reward units a nat  \param eta in (0, 1 / beta], nats a reward unit
/// \returns log pi' [N, A]; a token that the reference or (for eta < 1/beta) pi forbids stays forbidden
/// \throws std::invalid_argument for shapes, std::domain_error for beta or eta
/// \cost O(N A), no device synchronisation but for the rounding of the coefficient
template <Array P, GoesWith<P> L, GoesWith<P> Q>
[[nodiscard]] array_t<Q> policy_iteration_step(const P& log_policy, const L& log_reference, const Q& q, double beta,
                                               double eta) {
  require_same_shape("policy_iteration_step", "log_policy", log_policy, "log_reference", log_reference);
  require_same_shape("policy_iteration_step", "log_policy", log_policy, "q", q);
  const double share = detail::reference_share("policy_iteration_step", beta, eta);
  const double coefficient = detail::representable(q, share == 1 ? beta : 1 / eta);
  const array_t<Q> mixture = detail::geometric_mixture(log_policy, log_reference, share);
  return soft_bellman(mixture, q, coefficient).log_policy;
}

/// Policy iteration from `log_initial`: exact evaluation of pi_t, then one step, until the certified gap is below the
/// tolerance. J(pi_t) never decreases; eta = 1/beta is exact after as many steps as there are layers; for eta < 1/beta
/// the gap shrinks by (1 - eta beta)^2 an iteration in the end (theory/policy_iteration_rates.hpp).
/// \source as `policy_iteration_step`; mathematics.md, section 8
/// \param mdp any TabularMdp, deterministic or not
/// \param log_initial log pi_0 [N, A], inside the support of the reference
/// \param log_reference log pi_ref [N, A], rows sum to one, -inf forbids a token  \param reward r [N, A], finite
/// \throws std::invalid_argument for shapes, std::domain_error for values out of their domain
/// \cost an iteration: one policy evaluation and two one-step operators, O(edges); synchronises with a device
template <class Mdp, Array P, Array L, Array R>
requires TabularMdp<Mdp, R> && GoesWith<P, R> && GoesWith<L, R>
[[nodiscard]] policy_iteration_result<array_t<R>> policy_iteration(const Mdp& mdp, const P& log_initial,
                                                                   const L& log_reference, const R& reward,
                                                                   const policy_iteration_options& options) {
  using A = array_t<R>;
  constexpr auto name = "policy_iteration";
  (void)detail::reference_share(name, options.beta, options.eta);
  require_domain(options.iterations >= 0, name, "iterations >= 0", static_cast<double>(options.iterations));
  require_domain(options.tolerance >= 0, name, "tolerance >= 0", options.tolerance);
  const double beta = detail::representable(reward, options.beta);
  require_domain(beta < detail::infinity, name, "a beta that the scalar type holds", options.beta);

  const A reference = log_reference;
  policy_iteration_result<A> result;
  result.log_policy = log_initial;
  while (true) {
    const policy_evaluation<A> evaluation = evaluate_policy(mdp, result.log_policy, reference, reward, beta);
    if (result.iterations == 0 && !array::all_finite(evaluation.kl))
      throw std::domain_error("rto::policy_iteration: need an initial policy inside the support of the reference");
    result.objective.push_back(array::item(evaluation.objective));
    result.gap_bound.push_back(detail::certified_gap(mdp, result.log_policy, reference, evaluation, beta));
    result.converged = result.gap_bound.back() <= options.tolerance;
    if (result.iterations == options.iterations || (result.converged && options.tolerance > 0)) return result;
    result.log_policy =
        policy_iteration_step(result.log_policy, reference, evaluation.action_value, options.beta, options.eta);
    ++result.iterations;
  }
}

/// The same from pi_0 = pi_ref.
template <class Mdp, Array L, Array R>
requires TabularMdp<Mdp, R> && GoesWith<L, R>
[[nodiscard]] policy_iteration_result<array_t<R>> policy_iteration(const Mdp& mdp, const L& log_reference,
                                                                   const R& reward,
                                                                   const policy_iteration_options& options) {
  return policy_iteration(mdp, log_reference, log_reference, reward, options);
}

}  // namespace rto
