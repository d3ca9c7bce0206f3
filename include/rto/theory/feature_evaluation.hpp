// What a policy collects of every feature: the derivatives of values with respect to a linear reward's parameter.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/policy_evaluation.hpp>

namespace rto {

/// With r = <theta, phi>: J is linear in theta with gradient `expectation`, and q(s,a) - V(s) (without the KL charge)
/// has the gradient `advantage`.
template <LinearAlgebra M> struct feature_evaluation {
  M expectation;  ///< E_{d^pi} phi [d, 1]
  M advantage;    ///< phi(s,a) + E Psi(s') - Psi(s) [states x actions, d], Psi(s) what pi collects from s on
};

/// Evaluates a policy on every feature as if it were the reward, without KL charge.
/// \param log_policy log pi [states, actions]
/// \param features phi [states x actions, d], states outermost, finite
/// \throws std::invalid_argument for shapes, std::domain_error for a policy that is none or features not finite
/// \cost d policy evaluations
template <class Mdp, Array P, Array F>
requires TabularMdp<Mdp, F>
[[nodiscard]] feature_evaluation<matrix_t<F>> evaluate_features(const Mdp& mdp, const P& log_policy,
                                                                const F& features) {
  using A = array_t<F>;
  using M = matrix_t<F>;
  const std::int64_t states = mdp.states(), actions = mdp.actions(), d = array::cols(features);
  require_shape("evaluate_features", "features", features, states * actions, d);
  std::vector<A> advantages;  // one feature each, as a row
  std::vector<double> expectations;
  for (std::int64_t k = 0; k < d; ++k) {
    const A column = array::time_slice(features, k, k + 1);
    const A reward = array::reshape(column, states, actions);
    const auto evaluation = evaluate_policy(mdp, log_policy, log_policy, reward, 0.0);
    const A advantage = evaluation.action_value - array::broadcast_columns(evaluation.value, actions);
    advantages.push_back(array::reshape(advantage, 1, states * actions));
    expectations.push_back(array::item(evaluation.objective));
  }
  const A rows = d == 0 ? array::full(features, 0, states * actions, 0.0) : array::stack_rows(features, advantages);
  const M transposed = array::dense(array::matrix(rows));
  const M advantage = array::transpose(transposed);
  return {array::from_host(advantage, std::span<const double>(expectations), d, 1), advantage};
}

}  // namespace rto
