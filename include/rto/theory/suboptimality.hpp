// What Theorem 4.2 and Theorem B.1 say about the suboptimality gap: the exact decomposition behind the proof and the
// right-hand sides, term by term.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/suboptimality_gap.hpp>

namespace rto {

/// SubOpt(pi_hat) = (i) + (ii) + (iii), an identity in the true reward r and the reward r_hat that pi_hat is optimal
/// for.
struct suboptimality_terms {
  double reward_error_of_optimum = 0;  ///< (i)   E_{d^pi*}[r - r_hat]
  double reward_error_of_policy = 0;   ///< (ii)  -E_{d^pi_hat}[r - r_hat]; <= 0 where r_hat is a lower bound of r
  double planning = 0;                 ///< (iii) -beta E_{d^pi*} KL(pi* || pi_hat) <= 0

  double total() const { return reward_error_of_optimum + reward_error_of_policy + planning; }
};

/// Right-hand side of Theorem 4.2 and Theorem B.1.
struct suboptimality_bound {
  double coverage = 0;       ///< 2 rho times the coverage term
  double kl_divergence = 0;  ///< -beta E_{d^pi*} KL(pi* || pi_hat) <= 0

  double total() const { return coverage + kl_divergence; }
};

/// -beta E_{s ~ d^pi*} KL(pi*(.|s) || pi_hat(.|s)), the last term of both theorems and term (iii) of their proof.
/// \param beta KL coefficient, >= 0; the KL divergence is not charged at beta = 0, and both policies are the reference
///   policy at beta = infinity, so the term is 0 at both ends
/// \param expected_kl E_{s ~ d^pi*} KL(pi* || pi_hat) in nats, >= 0
/// \throws std::domain_error for a negative or NaN argument
inline double planning_term(double beta, double expected_kl) {
  require_domain(beta >= 0, "planning_term", "beta >= 0", beta);
  // An expectation of divergences that vanish may come out at -1e-17.
  require_domain(expected_kl > -1e-9, "planning_term", "expected_kl >= 0", expected_kl);
  return beta == 0 || std::isinf(beta) ? 0.0 : -beta * expected_kl;
}

/// The decomposition SubOpt = E_{d^pi*}[r - r_hat] - E_{d^pi_hat}[r - r_hat] - beta E_{d^pi*} KL(pi* || pi_hat).
/// \source Zhong et al. 2024, arXiv 2404.18922v1, proof of Theorem 4.2 (formulas reconstructed); there the third term
/// is
///   bounded, here it is the exact identity that the performance difference lemma gives
/// \param occupancy_of_optimum d^pi*(s, a) [states, actions], of the policy optimal for `reward`
/// \param occupancy_of_policy d^pi_hat(s, a) [states, actions], of the policy optimal for `estimated_reward`
/// \param reward r [states, actions], finite
/// \param estimated_reward r_hat [states, actions], finite
/// \param expected_kl E_{s ~ d^pi*} KL(pi* || pi_hat), nats
/// \throws std::invalid_argument for unequal shapes, std::domain_error as planning_term
/// \cost O(states x actions); synchronises with a device
template <Array A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> D>
[[nodiscard]] suboptimality_terms decompose_suboptimality(const A& occupancy_of_optimum, const B& occupancy_of_policy,
                                                          const C& reward, const D& estimated_reward, double beta,
                                                          double expected_kl) {
  constexpr auto function = "decompose_suboptimality";
  require_same_shape(function, "occupancy_of_optimum", occupancy_of_optimum, "occupancy_of_policy",
                     occupancy_of_policy);
  require_same_shape(function, "occupancy_of_optimum", occupancy_of_optimum, "reward", reward);
  require_same_shape(function, "occupancy_of_optimum", occupancy_of_optimum, "estimated_reward", estimated_reward);
  const value_t<A> error = reward - estimated_reward;
  return {.reward_error_of_optimum = array::item(expected_sum(occupancy_of_optimum, error)),
          .reward_error_of_policy = -array::item(expected_sum(occupancy_of_policy, error)),
          .planning = planning_term(beta, expected_kl)};
}

/// Theorem 4.2: SubOpt(pi_hat) <= 2 rho E_{(s,a) ~ d^pi*} ||phi(s,a)||_{Sigma_D^-1} - beta E_{s ~ d^pi*} KL(pi* ||
/// pi_hat). With `coverage` = ||E_{d^pi*} phi - v||_{Sigma_D^-1} it is Theorem B.1, which the paper states without the
/// KL divergence (`expected_kl` = 0) and for v = 0.
/// \source Zhong et al. 2024, arXiv 2404.18922v1, Theorems 4.2 and B.1 (formulas reconstructed)
/// \assumes the event ||theta_hat - theta*||_{Sigma_D} <= rho, which has probability at least 1 - delta for the radius
///   of Lemma A.1; off this event the right-hand side may be negative
/// \param radius rho, finite, >= 0
/// \param coverage the coverage term without 2 rho, >= 0 (concentrability.hpp)
/// \param beta KL coefficient, in [0, infinity]
/// \param expected_kl E_{s ~ d^pi*} KL(pi* || pi_hat), nats
/// \throws std::domain_error for an argument out of its domain
inline suboptimality_bound pessimism_bound(double radius, double coverage, double beta, double expected_kl) {
  require_domain(radius >= 0 && std::isfinite(radius), "pessimism_bound", "a finite radius >= 0", radius);
  require_domain(coverage >= 0, "pessimism_bound", "coverage >= 0", coverage);
  return {.coverage = 2 * radius * coverage, .kl_divergence = planning_term(beta, expected_kl)};
}

/// SubOpt(pi_hat) <= span^2 / (8 beta): second order in the error of the reward, without any event. This, not the
/// 1/sqrt(n) of the bound, is why SubOpt decreases at 1/n.
/// \source the suboptimality is a Bregman divergence of the convex map r -> J*_beta(r), whose second derivative is a
///   variance over trajectories divided by beta, and a variance is at most span^2 / 4
/// \assumes a deterministic kernel; one prompt, or the largest span over prompts
/// \param span max - min over the trajectories of one prompt of R - R_hat, reward units, >= 0
/// \param beta KL coefficient, in (0, infinity]
/// \throws std::domain_error for an argument out of its domain
inline double fast_rate_bound(double span, double beta) {
  require_domain(span >= 0, "fast_rate_bound", "span >= 0", span);
  require_domain(beta > 0, "fast_rate_bound", "beta > 0", beta);
  return span * span / (8 * beta);
}

/// The same from the error of the reward: E_{x ~ rho_0} span_x(R - R_hat)^2 / (8 beta), the span over the trajectories
/// of prompt x that the reference policy allows, by two hard maximisations.
/// \source as above
/// \assumes a deterministic kernel
/// \param log_reference log pi_ref [states, actions]
/// \param reward_error r - r_hat [states, actions], finite
/// \throws std::invalid_argument for shapes, std::domain_error for values out of their domain
/// \cost O(edges)
template <class Mdp, Array L, Array R>
requires TabularMdp<Mdp, R> && GoesWith<L, R>
[[nodiscard]] double fast_rate_bound(const Mdp& mdp, const L& log_reference, const R& reward_error, double beta) {
  using A = array_t<R>;
  const A opposite = -reward_error;
  const A span =
      plan(mdp, log_reference, reward_error, {.beta = 0}).value + plan(mdp, log_reference, opposite, {.beta = 0}).value;
  const auto prompts = mdp.start_distribution();
  const std::vector<double> spans =
      array::to_host(A(array::row_slice(span, 0, static_cast<std::int64_t>(prompts.size()))));
  double bound = 0;
  for (std::size_t x = 0; x < prompts.size(); ++x)
    bound += prompts[x] * fast_rate_bound(std::max(spans[x], 0.0), beta);  // -0 of one trajectory may round below 0
  return bound;
}

}  // namespace rto
