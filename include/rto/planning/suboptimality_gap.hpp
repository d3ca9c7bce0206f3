// How far a policy is from the optimum, as a difference of objectives and as a divergence.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>

namespace rto {

/// sum_s d(s) x(s), 0 where d is 0 whatever x is: the sum of x along a trajectory, in expectation.
/// \param visits d [N, 1], >= 0  \param x [N, 1]
template <Array D, GoesWith<D> X> [[nodiscard]] scalar_t<D> expected_sum(const D& visits, const X& x) {
  require_same_shape("expected_sum", "visits", visits, "x", x);
  const array_t<D> zero = array::full_like(visits, 0.0);
  return array::sum(array::where_le(visits, zero, zero, visits * x));
}

/// SubOpt(pi) = J(pi*) - J(pi) >= 0, up to rounding.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.5), reconstructed
/// \param optimum, policy of one problem: model, reference, reward and beta
template <class A>
[[nodiscard]] scalar_t<A> suboptimality_gap(const optimal_plan<A>& optimum, const policy_evaluation<A>& policy) {
  return optimum.objective - policy.objective;
}

/// The same number without a difference of objectives, so that a gap near zero keeps its digits:
/// SubOpt(pi) = beta E_{s ~ d^pi} KL(pi(.|s) || pi*(.|s)).
/// \source exact corollary of the performance-difference lemma (Lemma A.2 of the paper) for an optimal second policy
/// \param optimum what `plan` found for this beta  \param log_policy [N, A]
/// \param beta in (0, inf)
/// \returns reward units; inf where the policy leaves the support of the reference
/// \throws std::invalid_argument for shapes, std::domain_error for beta or where `log_policy` is no policy
template <class Mdp, class A, Array P>
requires TabularMdp<Mdp, P>
[[nodiscard]] scalar_t<A> suboptimality_gap_divergence(const Mdp& mdp, const optimal_plan<A>& optimum,
                                                       const P& log_policy, double beta) {
  require_domain(beta > 0 && beta < detail::infinity, "suboptimality_gap_divergence", "0 < beta < inf", beta);
  const array_t<P> visits = occupancy(mdp, log_policy).visits;
  return expected_sum(visits, kl_divergence(log_policy, optimum.log_policy)) * beta;
}

}  // namespace rto
