// Algorithm 1: comparisons in, policy out.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/preference/trajectory_features.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/linear_reward.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/reward/reward_mle.hpp>
#include <rto/theory/structural_kernel.hpp>

namespace rto {

struct pessimistic_reward_planning_options {
  double beta = 1;    ///< KL coefficient in [0, infinity], reward units a nat
  double lambda = 1;  ///< ridge of Sigma_D, > 0
  /// rho, finite and >= 0; empty: the radius of Lemma A.1 from `bound` and `delta`.
  std::optional<double> radius = std::nullopt;
  double bound = std::numeric_limits<double>::infinity();  ///< B >= ||theta*||, of the maximum-likelihood estimate too
  double delta = 0.05;                                     ///< failure probability of the radius, in (0, 1)
  /// Take the bonus of the features projected off the structural kernel: the part of the bonus that no data can reduce
  /// goes, and with it the inconsistency it can cause.
  bool quotient_features = false;
  reward_mle_options mle = {};  ///< `bound` above overrides its bound
};

/// What Algorithm 1 computes on the way to its policy.
template <class A> struct pessimistic_reward_plan {
  reward_estimate<matrix_t<A>> estimate;           ///< theta_hat and how it was found
  regularized_covariance<matrix_t<A>> covariance;  ///< Sigma_D with its factor
  double radius = 0;                               ///< rho
  A bonus;                                         ///< ||phi(s,a)||_{Sigma_D^-1} [states, actions]
  A reward;                                        ///< r_hat = <theta_hat, phi> - rho bonus [states, actions]
  optimal_plan<A> plan;                            ///< pi_hat, optimal for r_hat
};

/// max_i ||x_i|| of the rows of X, 0 without rows. \cost O(n d); synchronises with a device
template <DesignMatrix X> [[nodiscard]] double largest_row_norm(const X& features) {
  if (array::rows(features) == 0) return 0;
  const dense_t<X> squares = array::row_squared_norms(features);
  return std::sqrt(array::item(array::max_coeff(array::elementwise(squares))));
}

/// The radius of Lemma A.1 for a set of comparisons whose features have the given rank.
/// \param bound B  \param lambda ridge > 0  \param delta failure probability in (0, 1)
/// \throws std::domain_error
/// \cost O(n d)
template <DesignMatrix X>
[[nodiscard]] double confidence_radius(const comparison_set<X>& comparisons, std::int64_t rank, double bound,
                                       double lambda, double delta) {
  return confidence_radius({.rank = rank,
                            .max_row_norm = largest_row_norm(comparisons.features),
                            .bound = bound,
                            .lambda = lambda,
                            .delta = delta});
}

/// Steps 2 and 3 of Algorithm 1 for an estimated reward of any origin, with features of its uncertainty:
/// r_hat(s,a) = r(s,a) - rho ||phi(s,a)||_{Sigma_D^-1}, and the policy optimal for it.
/// \param estimate r [states x actions, 1], states outermost
/// \param features phi [states x actions, d]  \param radius rho, finite and >= 0
/// \param quotient take the bonus of the features projected off the structural kernel
/// \returns a plan whose `estimate` is empty
/// \throws std::invalid_argument for shapes; std::domain_error for values out of their domain
/// \cost O(states x actions x d^2) for the bonus, one backward recursion
template <class Mdp, Array L, Array F>
requires TabularMdp<Mdp, F> && GoesWith<L, F>
[[nodiscard]] pessimistic_reward_plan<array_t<F>> plan_below_estimate(
    const Mdp& mdp, const L& log_reference, const matrix_t<F>& estimate, const F& features,
    const regularized_covariance<matrix_t<F>>& covariance, double radius, double beta, bool quotient) {
  using A = array_t<F>;
  using M = matrix_t<F>;
  const std::int64_t states = mdp.states(), actions = mdp.actions();
  require_shape("pessimistic_reward_planning", "features", features, states * actions, array::rows(covariance.matrix));
  require_shape("pessimistic_reward_planning", "the estimated reward", estimate, states * actions, 1);
  if (!array::all_finite(features))
    throw std::domain_error("rto::pessimistic_reward_planning: need finite features, got an infinity or NaN");
  const M phi = array::dense(array::matrix(features));
  const M psi = quotient ? quotient_features(find_structural_kernel(mdp, features), phi) : phi;
  const M reward = subtract_uncertainty(estimate, psi, covariance, radius);  // (4.2)
  const M bonus = elliptical_norms(psi, covariance);
  pessimistic_reward_plan<A> result;
  result.covariance = covariance;
  result.radius = radius;
  result.bonus = array::reshape(array::elementwise(bonus), states, actions);
  result.reward = array::reshape(array::elementwise(reward), states, actions);
  result.plan = plan(mdp, log_reference, result.reward, {.beta = beta});  // (3.4)
  return result;
}

/// Steps 2 and 3 of Algorithm 1 for an estimate and a covariance that are there already: for several radii, or where
/// the covariance counts comparisons by other weights.
/// \param radius rho, finite and >= 0
/// \param quotient take the bonus of the features projected off the structural kernel
/// \throws std::invalid_argument for shapes; std::domain_error for values out of their domain
/// \cost O(states x actions x d^2) for the bonus, one backward recursion
template <class Mdp, Array L, Array F>
requires TabularMdp<Mdp, F> && GoesWith<L, F>
[[nodiscard]] pessimistic_reward_plan<array_t<F>> pessimistic_reward_planning(
    const Mdp& mdp, const L& log_reference, const F& features, const reward_estimate<matrix_t<F>>& estimate,
    const regularized_covariance<matrix_t<F>>& covariance, double radius, double beta, bool quotient) {
  using M = matrix_t<F>;
  require_shape("pessimistic_reward_planning", "features", features, mdp.states() * mdp.actions(),
                array::rows(estimate.theta));
  const M mean = linear_reward(M(array::dense(array::matrix(features))), estimate.theta);
  auto result = plan_below_estimate(mdp, log_reference, mean, features, covariance, radius, beta, quotient);
  result.estimate = estimate;
  return result;
}

/// Algorithm 1, pessimistic reward planning: (1) theta_hat by maximum likelihood (4.1), (2) the reward
/// r_hat(s,a) = <theta_hat, phi(s,a)> - rho ||phi(s,a)||_{Sigma_D^-1} (4.2), (3) the policy optimal for r_hat with KL
/// coefficient beta (3.4).
/// \source Zhong et al. 2024, arXiv 2404.18922v1, Algorithm 1 (formulas reconstructed); Theorem 4.2 bounds its
///   suboptimality, see theory/suboptimality.hpp
/// \param mdp any TabularMdp: complete_token_tree, token_trie, ...
/// \param log_reference log pi_ref [states, actions]
/// \param features phi [states x actions, d], states outermost
/// \param comparisons X [n, d], y, optional weights (of the likelihood only); n = 0 allowed
/// \throws std::invalid_argument for shapes; std::domain_error for values out of their domain, and where the radius is
///   infinite (B infinite, or B max ||x_i|| > 709.7): rewards of -infinity are refused, not propagated
/// \cost maximum likelihood, O(states x actions x d^2) for the bonus, one backward recursion
template <class Mdp, Array L, Array F, DesignMatrix X>
requires TabularMdp<Mdp, F> && GoesWith<L, F>
[[nodiscard]] pessimistic_reward_plan<array_t<F>> pessimistic_reward_planning(
    const Mdp& mdp, const L& log_reference, const F& features, const comparison_set<X>& comparisons,
    const pessimistic_reward_planning_options& options = {}) {
  reward_mle_options mle = options.mle;
  mle.bound = options.bound;
  const auto estimate = reward_mle(comparisons, mle);
  const auto covariance = make_regularized_covariance(comparisons.features, options.lambda);
  const double radius =
      options.radius ? *options.radius
                     : confidence_radius(comparisons, estimate.rank, options.bound, options.lambda, options.delta);
  return pessimistic_reward_planning(mdp, log_reference, features, estimate, covariance, radius, options.beta,
                                     options.quotient_features);
}

/// The same from trajectory pairs of a token tree.
/// \throws also as `compare_trajectories`
template <class Mdp, Array L, Array F>
requires TokenMdp<Mdp> && TabularMdp<Mdp, F> && GoesWith<L, F>
[[nodiscard]] pessimistic_reward_plan<array_t<F>> pessimistic_reward_planning(
    const Mdp& mdp, const L& log_reference, const F& features, std::span<const trajectory_pair> pairs,
    const pessimistic_reward_planning_options& options = {}) {
  return pessimistic_reward_planning(mdp, log_reference, features, compare_trajectories(mdp, features, pairs), options);
}

}  // namespace rto
