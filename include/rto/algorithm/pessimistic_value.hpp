// The pessimistic value of one policy over an ellipsoid of linear rewards, in closed form.
#pragma once

#include <cmath>
#include <cstdint>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/linear_reward.hpp>
#include <rto/theory/concentrability.hpp>

namespace rto {

/// What every linear reward r_theta says about a policy: J(pi; r_theta') = objective + <theta' - theta, E phi>.
template <LinearAlgebra M> struct linear_policy_value {
  double objective = 0;  ///< J(pi; r_theta), with the KL charge; -inf where the policy pays an infinite one
  M expected_features;   ///< E_{d^pi} phi [d, 1]
};

/// J(pi; r_theta) and E_{d^pi} phi of a policy in a model.
/// \param log_policy, log_reference [states, actions]
/// \param features phi [states x actions, d], states outermost
/// \param theta [d, 1]
/// \param beta KL coefficient in [0, infinity]
/// \throws std::invalid_argument for shapes, std::domain_error for values out of their domain
/// \cost one policy evaluation, one occupancy, O(states x actions x d)
template <class Mdp, Array P, Array L, Array F>
requires TabularMdp<Mdp, F> && GoesWith<P, F> && GoesWith<L, F>
[[nodiscard]] linear_policy_value<matrix_t<F>> evaluate_linear_policy(const Mdp& mdp, const P& log_policy,
                                                                      const L& log_reference, const F& features,
                                                                      const matrix_t<F>& theta, double beta) {
  using A = array_t<F>;
  using M = matrix_t<F>;
  const std::int64_t states = mdp.states(), actions = mdp.actions();
  require_shape("evaluate_linear_policy", "features", features, states * actions, array::rows(theta));
  const M phi = array::dense(array::matrix(features));
  const A reward = array::reshape(array::elementwise(M(linear_reward(phi, theta))), states, actions);
  const A visits = array::reshape(occupancy(mdp, log_policy).state_action_visits, states * actions, 1);
  return {array::item(evaluate_policy(mdp, log_policy, log_reference, reward, beta).objective),
          expected_features(M(array::dense(array::matrix(visits))), phi)};
}

/// J_hat(pi) = J(pi; r_theta_hat) - <theta_hat, v> - rho ||E_{d^pi} phi - v||_{Sigma_D^-1}: the least value of
/// J(pi; r_theta) - <theta, v> over ||theta - theta_hat||_{Sigma_D} <= rho.
/// \source Zhong et al. 2024, arXiv 2404.18922v1, (B.1), inner minimum (formula reconstructed); v is the reference
///   vector of Zhu, Jiao, Jordan 2023, arXiv 2301.11270
/// \param value of the policy at theta_hat
/// \param theta_hat centre of the ellipsoid [d, 1]
/// \param reference v [d, 1]
/// \param radius rho, finite, >= 0
/// \throws std::invalid_argument for shapes; std::domain_error for the radius
/// \cost O(d^2); synchronises with a device
template <LinearAlgebra M>
[[nodiscard]] double pessimistic_value(const linear_policy_value<M>& value, const M& theta_hat,
                                       const regularized_covariance<M>& covariance, const M& reference, double radius) {
  require_domain(radius >= 0 && std::isfinite(radius), "pessimistic_value", "a finite radius >= 0", radius);
  return value.objective - inner_product(theta_hat, reference) -
         radius * value_coverage(value.expected_features, reference, covariance);
}

}  // namespace rto
