// Appendix B: pessimism on the value of a policy instead of on the reward of every state and action.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <rto/algorithm/pessimistic_value.hpp>
#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/reward/ball_newton_step.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/linear_reward.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/theory/feature_evaluation.hpp>

namespace rto {

struct value_pessimism_options {
  double beta = 1;    ///< KL coefficient in (0, infinity]
  double radius = 1;  ///< rho, finite, >= 0
  double tolerance =
      1e-12;  ///< of the KKT residual, relative to E_{d^pi} ||phi|| + ||v||, what cancels in the gradient; >= 64 eps
  std::int64_t max_iterations = 200;
};

/// A saddle point of (B.1).
template <class A> struct value_pessimism_result {
  optimal_plan<A> plan;           ///< pi_hat, optimal for r_theta
  A reward;                       ///< r_theta [states, actions]
  matrix_t<A> theta;              ///< the worst parameter of the ellipsoid for pi_hat [d, 1]
  matrix_t<A> expected_features;  ///< E_{d^pi_hat} phi [d, 1]
  double multiplier = 0;          ///< mu >= 0 of ||theta - theta_hat||_{Sigma_D} <= rho
  double objective = 0;           ///< min over theta of J*(r_theta) - <theta, v>: the pessimistic value from above
  double pessimistic_value = 0;   ///< J(pi_hat; r_theta_hat) - <theta_hat, v> - rho ||E phi - v||: from below
  double gradient_norm = 0;       ///< KKT residual, in coordinates in which the ellipsoid is a ball
  std::int64_t iterations = 0;
  bool converged = false;
};

namespace detail {

/// F(theta) = J*_beta(r_theta) - <theta, v> at theta = theta_hat + L^-T u, with its derivatives in u.
template <class A> struct pessimistic_dual {
  using M = matrix_t<A>;
  A reward;
  optimal_plan<A> plan;
  M theta, expected_features, gradient, hessian;
  double value = 0, scale = 0;
};

}  // namespace detail

/// pi_hat = argmax over pi of min over ||theta - theta_hat||_{Sigma_D} <= rho of J(pi; r_theta) - <theta, v>.
///
/// Concave in the occupancy measure and convex in theta, so max and min commute: Newton's method minimises the smooth
/// convex F(theta) = J*_beta(r_theta) - <theta, v> over the ellipsoid, and pi_hat is optimal for its minimiser. With
/// theta = theta_hat + L^-T u the ellipsoid is the ball ||u|| <= rho.
///   gradient of F  E_{d^pi} phi - v, pi optimal for r_theta
///   Hessian of F   beta^-1 sum_{s,a} d^pi(s,a) D(s,a) D(s,a)^T, D the feature advantages of pi
/// \source Zhong et al. 2024, arXiv 2404.18922v1, (B.1) and Theorem B.1 (v = 0; formulas reconstructed); v is the
///   reference vector of Zhu, Jiao, Jordan 2023, arXiv 2301.11270: with v = E_{d^pi_ref} phi the coverage term vanishes
///   as data grow, without it need not
/// \param log_reference log pi_ref [states, actions]
/// \param features phi [states x actions, d], states outermost
/// \param theta_hat centre of the ellipsoid [d, 1]
/// \param reference v [d, 1]
/// \returns the policy with the worst parameter; `objective` and `pessimistic_value` are the two sides of the duality
///   gap; `converged` false where the iteration limit came first
/// \throws std::invalid_argument for shapes; std::domain_error for beta <= 0 (F is not smooth there) or a radius that
///   is negative or infinite
/// \cost usually 5 to 20 iterations of one plan and d policy evaluations, O(states x actions x d^2 + d^3)
template <class Mdp, Array L, Array F>
requires TabularMdp<Mdp, F> && GoesWith<L, F>
[[nodiscard]] value_pessimism_result<array_t<F>> value_pessimism(const Mdp& mdp, const L& log_reference,
                                                                 const F& features, const matrix_t<F>& theta_hat,
                                                                 const regularized_covariance<matrix_t<F>>& covariance,
                                                                 const matrix_t<F>& reference,
                                                                 const value_pessimism_options& options) {
  using A = array_t<F>;
  using M = matrix_t<F>;
  constexpr auto function = "value_pessimism";
  const std::int64_t states = mdp.states(), actions = mdp.actions(), d = array::cols(features);
  require_shape(function, "features", features, states * actions, d);
  if (!array::all_finite(features))
    throw std::domain_error("rto::value_pessimism: need finite features, got an infinity or NaN");
  require_shape(function, "theta_hat", theta_hat, d, 1);
  require_shape(function, "reference", reference, d, 1);
  require_shape(function, "covariance", covariance.matrix, d, d);
  require_domain(options.beta > 0, function, "beta > 0", options.beta);
  require_domain(options.radius >= 0 && std::isfinite(options.radius), function, "a finite radius >= 0",
                 options.radius);
  require_domain(options.tolerance > 0, function, "tolerance > 0", options.tolerance);
  const M phi = array::dense(array::matrix(features));
  const M& lower = covariance.factor.lower;
  const M norms = elliptical_norms(phi, covariance);

  const auto evaluate = [&](const M& u) {
    detail::pessimistic_dual<A> at;
    at.theta = theta_hat + array::solve_lower_transposed(lower, u);
    at.reward = array::reshape(array::elementwise(M(linear_reward(phi, at.theta))), states, actions);
    at.plan = plan(mdp, log_reference, at.reward, {.beta = options.beta});
    at.value = array::item(at.plan.objective) - inner_product(at.theta, reference);
    return at;
  };
  const auto differentiate = [&](detail::pessimistic_dual<A>& at) {
    const feature_evaluation<M> collected = evaluate_features(mdp, at.plan.log_policy, features);
    const A visits = array::reshape(occupancy(mdp, at.plan.log_policy).state_action_visits, states * actions, 1);
    const M weight = array::dense(array::matrix(visits));
    const M hessian = (1 / options.beta) * array::weighted_gram(collected.advantage, weight);
    const M half = array::solve_lower(lower, hessian);
    at.hessian = array::solve_lower(lower, M(array::transpose(half)));
    at.expected_features = collected.expectation;
    const M expected = array::solve_lower(lower, collected.expectation);
    const M subtracted = array::solve_lower(lower, reference);
    at.gradient = expected - subtracted;
    // What cancels: with v = 0 the sum E phi itself vanishes at a minimiser inside the ellipsoid, its terms do not.
    at.scale = array::item(array::transposed_product(weight, norms)) + std::sqrt(inner_product(subtracted, subtracted));
  };

  const double eps = machine_epsilon(features);
  value_pessimism_result<A> result;
  M u = array::full(theta_hat, d, 1, 0.0);
  detail::pessimistic_dual<A> at = evaluate(u);
  differentiate(at);
  for (;; ++result.iterations) {
    const double squared = inner_product(u, u), slope = std::sqrt(inner_product(at.gradient, at.gradient));
    const bool on_boundary = std::sqrt(squared) >= options.radius * (1 - std::max(1e-12, 64 * eps));
    result.multiplier = on_boundary && squared > 0 ? std::max(0.0, -inner_product(at.gradient, u) / squared) : 0.0;
    const M residual = at.gradient + result.multiplier * u;
    result.gradient_norm = options.radius == 0 ? 0.0 : std::sqrt(inner_product(residual, residual));
    result.converged = result.gradient_norm <= std::max(options.tolerance, 64 * eps) * at.scale;
    if (result.converged || result.iterations >= options.max_iterations) break;

    const double guess = result.multiplier > 0 ? result.multiplier : slope / options.radius;
    const M step = solve_ball_newton_step(u, at.gradient, at.hessian, options.radius, guess).step;
    const double descent = inner_product(at.gradient, step);
    double fraction = 1;
    detail::pessimistic_dual<A> next = evaluate(M(u + step));
    for (int halving = 0; halving < 40 && !(next.value <= at.value + 1e-4 * fraction * descent +
                                                              std::max(1e-14, 32 * eps) * (1 + std::abs(at.value)));
         ++halving) {
      fraction /= 2;
      next = evaluate(M(u + fraction * step));
    }
    u = u + fraction * step;
    at = std::move(next);
    differentiate(at);
  }

  result.pessimistic_value = pessimistic_value(
      evaluate_linear_policy(mdp, at.plan.log_policy, log_reference, features, theta_hat, options.beta), theta_hat,
      covariance, reference, options.radius);
  result.objective = at.value;
  result.theta = at.theta;
  result.expected_features = at.expected_features;
  result.reward = at.reward;
  result.plan = std::move(at.plan);
  return result;
}

}  // namespace rto
