// The performance-difference lemma with a KL charge: two policies compared state by state.
#pragma once

#include <stdexcept>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/suboptimality_gap.hpp>

namespace rto {

/// The two terms of J(pi) - J(pi'); their sum is the difference.
template <class S> struct performance_difference_terms {
  S action_value_term;  // E_{s ~ d^pi} <q^pi'(s,.), pi(.|s) - pi'(.|s)>
  S kl_term;            // beta E_{s ~ d^pi} [KL(pi' || pi_ref)(s) - KL(pi || pi_ref)(s)]
};

/// J(pi) - J(pi') = E_{s ~ d^pi}[<q^pi'(s,.), pi - pi'> - beta KL(pi || pi_ref)(s) + beta KL(pi' || pi_ref)(s)]: states
/// are visited under the first policy, values belong to the second. Any kernel, any beta < inf.
/// \source Zhong et al. 2024 (arXiv 2404.18922), Lemma A.2, reconstructed, with the reference left out of q
/// \param log_policy, log_other pi and pi' [N, A]; where beta > 0 both inside the support of the reference
/// \param log_reference, reward [N, A]  \param beta in [0, inf)
/// \throws std::invalid_argument for shapes, std::domain_error for values out of their domain, or a policy outside the
///   support, whose objective is -inf
/// \cost one policy evaluation and one occupancy
template <class Mdp, Array P, Array Q, Array L, Array R>
requires TabularMdp<Mdp, R> && GoesWith<P, R> && GoesWith<Q, R> && GoesWith<L, R>
[[nodiscard]] performance_difference_terms<scalar_t<R>> performance_difference(const Mdp& mdp, const P& log_policy,
                                                                               const Q& log_other,
                                                                               const L& log_reference, const R& reward,
                                                                               double beta) {
  using A = array_t<R>;
  require_domain(beta >= 0 && beta < detail::infinity, "performance_difference", "0 <= beta < inf", beta);
  const policy_evaluation<A> other = evaluate_policy(mdp, log_other, log_reference, reward, beta);
  const A visits = occupancy(mdp, log_policy).visits;
  const A zero = array::full_like(visits, 0.0);
  const auto visited = [&](const A& x) { return A(array::where_le(visits, zero, zero, x)); };
  const A step = probabilities(log_policy) - probabilities(log_other);
  const A still = array::full_like(step, 0.0);  // q may be -inf where neither policy goes
  const A gain = visited(array::row_sum(array::where_le(array::abs(step), still, still, other.action_value * step)));
  const A charge = beta == 0 ? zero : visited((other.kl - kl_divergence(log_policy, log_reference)) * beta);
  if (!array::all_finite(gain) || !array::all_finite(charge))
    throw std::domain_error("rto::performance_difference: need policies inside the support of the reference");
  return {expected_sum(visits, gain), expected_sum(visits, charge)};
}

}  // namespace rto
