// Algorithm 1 for a differentiable reward: maximum likelihood, the bonus of the reward linearised there, planning.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/differentiable_reward.hpp>
#include <rto/reward/differentiable_reward_mle.hpp>
#include <rto/reward/likelihood_confidence_set.hpp>

namespace rto {

struct differentiable_reward_planning_options {
  double beta = 1;    ///< KL coefficient in [0, infinity], reward units a nat
  double lambda = 1;  ///< ridge of the covariance, > 0
  reward_metric metric = reward_metric::information;
  /// rho, finite and >= 0; empty: for `information` `laplace_radius` of `smooth_class_zeta`, for `design` that of Lemma
  /// A.1 for the linearised features, both from `bound` and `delta`.
  std::optional<double> radius = std::nullopt;
  double bound = std::numeric_limits<double>::infinity();  ///< B >= ||theta*||, of the maximum-likelihood estimate too
  double delta = 0.05;                                     ///< failure probability of the radius, in (0, 1)
  bool quotient_features = false;                          ///< as in `pessimistic_reward_planning_options`
  differentiable_reward_mle_options mle = {};              ///< `bound` above overrides its bound
};

template <class A> struct differentiable_reward_plan {
  differentiable_reward_estimate<matrix_t<A>> estimate;
  linearized_reward<matrix_t<A>> linear;     ///< the reward and its features at theta_hat
  pessimistic_reward_plan<A> pessimistic{};  ///< bonus, reward and policy; its `estimate` is the best one above
};

/// The radius that `differentiable_reward_planning` takes where none is given.
/// \returns for `information` sqrt(chi^2_r(1 - delta) + 4 lambda B^2), r = rank of the linearised comparisons; for
///   `design` `confidence_radius` of the linearised comparisons; infinite where B is
/// \throws std::domain_error
template <LinearAlgebra M>
[[nodiscard]] double differentiable_reward_radius(const linearized_reward<M>& linear, std::int64_t rank,
                                                  const differentiable_reward_planning_options& options) {
  if (options.metric == reward_metric::design)
    return confidence_radius(linear.comparisons, rank, options.bound, options.lambda, options.delta);
  const double zeta = rank > 0 ? smooth_class_zeta(rank, options.delta) : 0.0;
  return laplace_radius(zeta, options.lambda, options.bound);
}

/// Algorithm 1 with r_theta in place of <theta, phi>: (1) theta_hat by `differentiable_reward_mle`, (2)
/// r_hat(s,a) = r_theta_hat(s,a) - rho ||phi(s,a)||_{Sigma^-1}, phi = dr/dtheta at theta_hat, Sigma by
/// `make_reward_covariance`, (3) the policy optimal for r_hat with KL coefficient beta (3.4).
///
/// For r linear in theta and the metric `design` this is Algorithm 1 itself, with its guarantee (Theorem 4.2). For any
/// other reward nothing is guaranteed at finite n: the ellipsoid is the likelihood confidence set only to second order
/// about theta_hat, the bonus bounds r_theta_hat - r_theta only to first order, `information` and its radius are
/// asymptotic, and theta_hat may be a local maximum. As n grows with an identified truth in the interior of the ball
/// all four errors vanish. What holds for every n needs the set itself: `reward_class_pessimism` over the members of a
/// finite class.
/// \source Zhong et al. 2024, arXiv 2404.18922v1, Algorithm 1, for a differentiable class (section 4.1 announces
///   general function classes without saying how)
/// \param log_reference log pi_ref [states, actions]
/// \param visits, starts as in `differentiable_reward_mle`, states outermost
/// \throws as `differentiable_reward_mle` and `pessimistic_reward_planning`
/// \cost maximum likelihood, O(states x actions x p^2) for the bonus, one backward recursion
template <class Mdp, Array L, class R, DesignMatrix X>
requires TabularMdp<Mdp, L> && DifferentiableReward<R, matrix_t<L>> && std::same_as<dense_t<X>, matrix_t<L>>
[[nodiscard]] differentiable_reward_plan<array_t<L>> differentiable_reward_planning(
    const Mdp& mdp, const L& log_reference, const R& reward, const comparison_set<X>& visits,
    std::span<const matrix_t<L>> starts, const differentiable_reward_planning_options& options = {}) {
  using A = array_t<L>;
  differentiable_reward_mle_options mle = options.mle;
  mle.bound = options.bound;
  differentiable_reward_plan<A> result;
  result.estimate = differentiable_reward_mle(reward, visits, starts, mle);
  const auto& best = result.estimate.best;
  result.linear = linearize_reward(reward, visits, best.theta);
  const auto covariance = make_reward_covariance(result.linear, options.lambda, options.metric);
  const double radius =
      options.radius ? *options.radius : differentiable_reward_radius(result.linear, best.rank, options);
  const A features = array::elementwise(result.linear.features);
  result.pessimistic = plan_below_estimate(mdp, log_reference, result.linear.value, features, covariance, radius,
                                           options.beta, options.quotient_features);
  result.pessimistic.estimate = best;
  return result;
}

}  // namespace rto
