// Remark B.2: pessimism over transition kernels and rewards at once, when the transitions are unknown.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <rto/algorithm/pessimistic_value.hpp>
#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/finite_mdp.hpp>
#include <rto/mdp/transition_likelihood.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/likelihood_confidence_set.hpp>
#include <rto/theory/concentrability.hpp>

namespace rto {

/// The set of kernels {P : log P(D) >= max over the class - zeta} of a finite class.
/// \source arXiv 2404.18922v1, Remark B.2 (formula reconstructed); the maximum runs over the class
/// \param candidates finite MDPs of one shape that differ in their kernels
/// \param zeta width >= 0; `finite_class_zeta(|C|, delta)` contains the truth with probability 1 - delta
/// \throws std::invalid_argument for shapes or an empty class; std::domain_error where every candidate forbids an
///   observed transition
/// \cost O(|C| H S^2 A)
template <LinearAlgebra M, class Mdp>
[[nodiscard]] likelihood_confidence_set kernel_confidence_set(const transition_counts<M>& counts,
                                                              std::span<const Mdp> candidates, double zeta) {
  std::vector<double> log_likelihood;
  for (const Mdp& candidate : candidates) log_likelihood.push_back(transition_log_likelihood(counts, candidate));
  return make_likelihood_confidence_set(std::move(log_likelihood), zeta);
}

/// The reward part of the problem: an ellipsoid of linear rewards, what is charged, and what is subtracted.
template <class A> struct linear_reward_set {
  A features;                                      ///< phi [states x actions, d], states outermost
  matrix_t<A> theta;                               ///< centre theta_hat [d, 1]
  regularized_covariance<matrix_t<A>> covariance;  ///< Sigma_D
  double radius = 0;                               ///< rho, finite, >= 0
  double beta = 1;                                 ///< KL coefficient in [0, infinity]
};

/// Values of a list of policies under a list of kernels.
template <class A> struct doubly_pessimistic_values {
  A value;                                ///< min over theta of J_P(pi; r_theta) [policies, kernels]
  std::vector<double> pessimistic_value;  ///< of every policy: the least of its row over the members of the set
  std::int64_t best_policy = 0;           ///< the first maximiser of that
};

/// min_{P in set, theta in ellipsoid} J_P(pi; r_theta) for every policy of a finite list, and the best of them.
///
/// The maximum over *all* policies is not convex, and no algorithm is known for it: the library evaluates the objective
/// of Remark B.2 on the policies it is given, for example the optimal ones of every candidate.
///   J_P(pi; r_theta_hat) - rho ||E_{d_P^pi} phi||_{Sigma_D^-1} is the inner minimum for one kernel.
/// \source arXiv 2404.18922v1, Remark B.2 (formulas reconstructed)
/// \param candidates kernels, as finite MDPs  \param set which of them are in the confidence set
/// \param log_policies [states, actions] each, at least one
/// \throws std::invalid_argument for shapes, empty lists or a set of another class; std::domain_error for values out of
///   their domain
/// \cost policies x kernels evaluations of a policy
template <class Mdp, Array P, Array L, Array F>
requires TabularMdp<Mdp, F>
[[nodiscard]] doubly_pessimistic_values<array_t<F>> evaluate_doubly_pessimistic(std::span<const Mdp> candidates,
                                                                                const likelihood_confidence_set& set,
                                                                                std::span<const P> log_policies,
                                                                                const L& log_reference,
                                                                                const linear_reward_set<F>& rewards) {
  using M = matrix_t<F>;
  if (candidates.empty() || candidates.size() != set.log_likelihood.size())
    throw std::invalid_argument("rto::evaluate_doubly_pessimistic: the set must be of the " +
                                std::to_string(candidates.size()) + " candidates, at least one, got a set of " +
                                std::to_string(set.log_likelihood.size()));
  if (log_policies.empty())
    throw std::invalid_argument("rto::evaluate_doubly_pessimistic: need at least one policy, got none");
  const M no_reference = array::full(rewards.theta, array::rows(rewards.theta), 1, 0.0);
  std::vector<double> values;
  doubly_pessimistic_values<array_t<F>> result;
  for (const P& log_policy : log_policies) {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < candidates.size(); ++k) {
      const auto at = evaluate_linear_policy(candidates[k], log_policy, log_reference, rewards.features, rewards.theta,
                                             rewards.beta);
      values.push_back(pessimistic_value(at, rewards.theta, rewards.covariance, no_reference, rewards.radius));
      if (set.contains(static_cast<std::int64_t>(k))) least = std::min(least, values.back());
    }
    result.pessimistic_value.push_back(least);
  }
  const auto best = std::max_element(result.pessimistic_value.begin(), result.pessimistic_value.end());
  result.best_policy = best - result.pessimistic_value.begin();
  result.value =
      array::from_host(rewards.features, std::span<const double>(values),
                       static_cast<std::int64_t>(log_policies.size()), static_cast<std::int64_t>(candidates.size()));
  return result;
}

/// Right-hand side of Remark B.2's bound for one comparator.
struct unknown_transitions_bound {
  double coverage = 0;          ///< 2 rho ||E_{d_P*^pi} phi||_{Sigma_D^-1}, as in Theorem B.1
  double transition_error = 0;  ///< max over P in the set, theta of J_P*(pi; r_theta) - J_P(pi; r_theta) >= 0

  [[nodiscard]] double total() const { return coverage + transition_error; }
};

/// J_P*(pi) - J_P*(pi_hat) <= 2 rho ||E_{d_P*^pi} phi||_{Sigma_D^-1}
///                            + max_{P in set, theta} [J_P*(pi; r_theta) - J_P(pi; r_theta)],
/// for every policy pi of the list from which pi_hat was chosen; for pi = pi* it bounds SubOpt(pi_hat). The second term
/// is the additional error that the remark mentions; over the ellipsoid it has the closed form
/// J_P*(pi; r_theta_hat) - J_P(pi; r_theta_hat) + rho ||E_{d_P*^pi} phi - E_{d_P^pi} phi||_{Sigma_D^-1}.
/// \source arXiv 2404.18922v1, Remark B.2, after Theorem B.1 (formulas reconstructed)
/// \assumes the true kernel is in the set, ||theta_hat - theta*||_{Sigma_D} <= rho, and the list contains `log_policy`
/// \param truth place of the true kernel among the candidates
/// \param log_policy the comparator pi [states, actions]; its KL charge must be finite under every candidate
/// \throws std::invalid_argument for shapes or a place out of range; std::domain_error for values out of their domain
/// \cost one evaluation of a policy for every member
template <class Mdp, Array P, Array L, Array F>
requires TabularMdp<Mdp, F>
[[nodiscard]] unknown_transitions_bound bound_unknown_transitions(std::span<const Mdp> candidates,
                                                                  const likelihood_confidence_set& set,
                                                                  std::int64_t truth, const P& log_policy,
                                                                  const L& log_reference,
                                                                  const linear_reward_set<F>& rewards) {
  using M = matrix_t<F>;
  if (truth < 0 || truth >= static_cast<std::int64_t>(candidates.size()))
    throw std::invalid_argument("rto::bound_unknown_transitions: truth must be in [0, " +
                                std::to_string(candidates.size()) + "), got " + std::to_string(truth));
  const auto evaluate = [&](std::int64_t k) {
    return evaluate_linear_policy(candidates[static_cast<std::size_t>(k)], log_policy, log_reference, rewards.features,
                                  rewards.theta, rewards.beta);
  };
  const auto at_truth = evaluate(truth);
  const M none = array::full(rewards.theta, array::rows(rewards.theta), 1, 0.0);
  unknown_transitions_bound bound;
  bound.coverage = 2 * rewards.radius * value_coverage(at_truth.expected_features, none, rewards.covariance);
  for (const std::int64_t k : set.members) {
    if (k == truth) continue;  // no error there: what the maximum starts from
    const auto at = evaluate(k);
    const double error =
        at_truth.objective - at.objective +
        rewards.radius * value_coverage(at_truth.expected_features, at.expected_features, rewards.covariance);
    bound.transition_error = std::max(bound.transition_error, error);
  }
  return bound;
}

}  // namespace rto
