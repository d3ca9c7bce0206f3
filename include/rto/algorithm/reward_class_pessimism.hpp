// Pessimism over a finite class of rewards, which need not be linear: on the value of a policy, and on every state and
// action.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/reward/linear_reward.hpp>
#include <rto/theory/feature_evaluation.hpp>

namespace rto {

namespace detail {

/// The rewards as columns [states x actions, K]: r_w = sum_k w_k r_k is then a linear reward with parameter w.
template <Array A>
[[nodiscard]] A reward_columns(const char* function, std::int64_t states, std::int64_t actions,
                               std::span<const A> rewards) {
  if (rewards.empty())
    throw std::invalid_argument(std::string("rto::") + function + ": need at least one reward, got none");
  std::vector<A> rows;
  for (const A& reward : rewards) {
    require_shape(function, "a reward", reward, states, actions);
    if (!array::all_finite(reward))
      throw std::domain_error(std::string("rto::") + function + ": need finite rewards, got an infinity or NaN");
    rows.push_back(array::reshape(reward, 1, states * actions));
  }
  const A stacked = array::stack_rows(rewards.front(), rows);
  return array::transpose(stacked);
}

}  // namespace detail

/// A(s,a) = r(s,a) + E V_ref(s') - V_ref(s), V_ref the value of the reference policy without KL charge, of every
/// reward.
///
/// Rewards that differ by a potential have the same comparisons, so that their entries cannot be compared. This is the
/// member of the shaping class with mean zero under the reference policy in every state: it is the same for all of
/// them, and its value is J(pi; A) = J(pi; r) - J(pi_ref; r) for every policy.
/// \source docs/mathematics.md 7.2 and 13.3; potential shaping is Ng, Harada, Russell 1999
/// \param rewards r_k [states, actions], finite, at least one
/// \returns [states, actions] each
/// \throws std::invalid_argument for shapes or an empty list; std::domain_error for values out of their domain
/// \cost K policy evaluations
template <class Mdp, Array L, Array A>
requires TabularMdp<Mdp, A> && GoesWith<L, A>
[[nodiscard]] std::vector<A> reference_advantages(const Mdp& mdp, const L& log_reference, std::span<const A> rewards) {
  const std::int64_t states = mdp.states(), actions = mdp.actions();
  const A columns = detail::reward_columns("reference_advantages", states, actions, rewards);
  const A advantage = array::elementwise(evaluate_features(mdp, log_reference, columns).advantage);
  std::vector<A> centred;
  for (std::int64_t k = 0; k < static_cast<std::int64_t>(rewards.size()); ++k)
    centred.push_back(array::reshape(A(array::time_slice(advantage, k, k + 1)), states, actions));
  return centred;
}

/// r_hat(s,a) = min_k A_k(s,a), the least of the rewards centred by `reference_advantages`: where the true reward is in
/// the list, J(pi; r_hat) <= J(pi; r*) - J(pi_ref; r*) for every policy. Plan for it as for any reward.
/// \param rewards the members of a confidence set [states, actions] each, at least one
/// \returns [states, actions], <= 0 in the mean of the reference policy in every state
/// \throws as `reference_advantages`
/// \cost K policy evaluations
template <class Mdp, Array L, Array A>
requires TabularMdp<Mdp, A> && GoesWith<L, A>
[[nodiscard]] A pointwise_pessimistic_reward(const Mdp& mdp, const L& log_reference, std::span<const A> rewards) {
  std::vector<A> centred = reference_advantages(mdp, log_reference, rewards);
  A least = centred.front();
  for (const A& other : centred) least = A(array::where_le(least, other, least, other));
  return least;
}

struct reward_class_pessimism_options {
  double beta = 1;  ///< KL coefficient in (0, infinity)
  /// Converged where the duality gap is at most tolerance x (1 + |objective|); at least 64 eps of the rewards' type.
  double tolerance = 1e-10;
  std::int64_t max_iterations = 500;
};

/// A saddle point of max over pi, min over k of J(pi; r_k) - J(pi_ref; r_k).
template <class A> struct reward_class_pessimism_result {
  optimal_plan<A> plan;          ///< pi_hat, optimal for `reward`
  A reward;                      ///< sum_k w_k r_k, the worst mixture for pi_hat [states, actions]
  std::vector<double> weight;    ///< w, on the simplex
  double objective = 0;          ///< F(w): the pessimistic value from above
  double pessimistic_value = 0;  ///< min_k J(pi_hat; r_k) - J(pi_ref; r_k): from below
  std::int64_t iterations = 0;   ///< Newton steps
  bool converged = false;

  [[nodiscard]] double duality_gap() const { return objective - pessimistic_value; }
};

/// pi_hat = argmax over pi of min over k of J(pi; r_k) - J(pi_ref; r_k).
///
/// Concave in the occupancy measure and linear in mixtures of rewards, so max and min commute: minimise the convex
/// F(w) = J*_beta(sum_k w_k r_k) - sum_k w_k c_k over the simplex, c_k = J(pi_ref; r_k), by Newton's method on
/// F(w) - m sum_k log w_k with m falling to 0; pi_hat is optimal for the worst mixture. At the minimum of the barrier
/// function the gap is K m; what is reported and tested is the true gap at the policy returned,
/// <w, grad F> - min_k (grad F)_k.
///   gradient of F  E_{d^pi} r_k - c_k, pi optimal for the mixture
///   Hessian of F   beta^-1 sum_{s,a} d^pi(s,a) D(s,a) D(s,a)^T, D_k(s,a) the advantage of r_k under pi
/// \source (B.1) of arXiv 2404.18922v1 with a finite class in place of the ellipsoid; c_k is the reference vector of
///   Zhu, Jiao, Jordan 2023 (arXiv 2301.11270) for tabular features
/// \param log_reference log pi_ref [states, actions]
/// \param rewards the members of a confidence set [states, actions] each, finite, at least one
/// \throws std::invalid_argument for shapes or an empty list; std::domain_error for values out of their domain
/// \cost usually 20 to 60 Newton steps of one plan and K policy evaluations, O(states x actions x K^2 + K^3)
template <class Mdp, Array L, Array A>
requires TabularMdp<Mdp, A> && GoesWith<L, A>
[[nodiscard]] reward_class_pessimism_result<A> reward_class_pessimism(
    const Mdp& mdp, const L& log_reference, std::span<const A> rewards,
    const reward_class_pessimism_options& options = {}) {
  using M = matrix_t<A>;
  constexpr auto function = "reward_class_pessimism";
  const double beta = options.beta;
  require_domain(beta > 0 && std::isfinite(beta), function, "0 < beta < infinity", beta);
  require_domain(options.tolerance > 0, function, "tolerance > 0", options.tolerance);
  const std::int64_t states = mdp.states(), actions = mdp.actions();
  const A columns = detail::reward_columns(function, states, actions, rewards);
  const M phi = array::dense(array::matrix(columns));
  const auto count = static_cast<std::int64_t>(rewards.size());
  const M reference = evaluate_features(mdp, log_reference, columns).expectation;
  const auto column = [&](const std::vector<double>& x) {
    return M(array::from_host(phi, std::span<const double>(x), count, 1));
  };

  struct point {
    M w;
    A reward;
    optimal_plan<A> plan = {};
    double value = 0;  // F(w)
  };
  const auto evaluate = [&](const M& w) {
    point at{.w = w, .reward = array::reshape(array::elementwise(M(linear_reward(phi, w))), states, actions)};
    at.plan = plan(mdp, log_reference, at.reward, {.beta = beta});
    at.value = array::item(at.plan.objective) - inner_product(w, reference);
    return at;
  };
  const auto barrier = [](const point& at, double m) {
    double logs = 0;
    for (const double w : array::to_host(at.w)) logs += std::log(w);
    return at.value - m * logs;
  };

  const double eps = machine_epsilon(columns);
  reward_class_pessimism_result<A> result;
  point at = evaluate(M(array::full(phi, count, 1, 1.0 / static_cast<double>(count))));
  double m = 0;
  for (;; ++result.iterations) {
    const feature_evaluation<M> collected = evaluate_features(mdp, at.plan.log_policy, columns);
    const M gradient = collected.expectation - reference;
    const std::vector<double> w = array::to_host(at.w), g = array::to_host(gradient);
    const double gap = inner_product(at.w, gradient) - *std::min_element(g.begin(), g.end());
    result.objective = at.value;
    result.pessimistic_value = at.value - gap;
    result.converged = gap <= std::max(options.tolerance, 64 * eps) * (1 + std::abs(at.value));
    if (result.converged || result.iterations >= options.max_iterations || count == 1) break;
    if (result.iterations == 0) m = gap / static_cast<double>(count);

    // Newton's step on the affine set sum w = 1: (H + m diag(w^-2)) step = -(gradient - m / w) + nu.
    const A visits = array::reshape(occupancy(mdp, at.plan.log_policy).state_action_visits, states * actions, 1);
    const M weight = array::dense(array::matrix(visits));
    std::vector<double> barrier_gradient, barrier_curvature;
    for (std::size_t k = 0; k < w.size(); ++k) {
      barrier_gradient.push_back(g[k] - m / w[k]);
      barrier_curvature.push_back(m / (w[k] * w[k]));
    }
    const M identity = array::add_to_diagonal(M(array::full(phi, count, count, 0.0)), 1.0);
    const M hessian = (1 / beta) * array::weighted_gram(collected.advantage, weight) +
                      array::weighted_gram(identity, column(barrier_curvature));
    const cholesky_factor<M> factor = array::cholesky(hessian);
    const auto solve = [&](const M& right) {
      return M(array::solve_lower_transposed(factor.lower, M(array::solve_lower(factor.lower, right))));
    };
    if (!factor.positive_definite) break;  // at rounding level: `converged` says so
    const M slope = column(barrier_gradient), ones = array::full(phi, count, 1, 1.0);
    const M towards = solve(slope), normal = solve(ones);
    const M step = (inner_product(ones, towards) / inner_product(ones, normal)) * normal - towards;
    const double decrement = -inner_product(slope, step);  // >= 0

    double fraction = 1;  // not beyond the simplex
    const std::vector<double> s = array::to_host(step);
    for (std::size_t k = 0; k < w.size(); ++k)
      if (s[k] < 0) fraction = std::min(fraction, -0.95 * w[k] / s[k]);
    const double start = barrier(at, m);
    for (int halving = 0; halving < 40; ++halving, fraction /= 2) {
      point next = evaluate(M(at.w + fraction * step));
      if (!(barrier(next, m) <=
            start - 1e-4 * fraction * decrement + std::max(1e-14, 32 * eps) * (1 + std::abs(start))))
        continue;
      at = std::move(next);
      break;
    }
    if (decrement <= 0.1 * m) m *= 0.1;  // near enough to the minimum for this m
  }
  result.weight = array::to_host(at.w);
  result.reward = at.reward;
  result.plan = std::move(at.plan);
  return result;
}

/// Right-hand side for a finite class: SubOpt(pi_hat) <= max_k E_{d^pi*}[A* - A_k] - beta E_{d^pi*} KL(pi* || pi_hat)
/// for `reward_class_pessimism`, and the same with E_{d^pi*}[A* - min_k A_k] for the pointwise reward.
/// \assumes the true reward is in the list
struct reward_class_bound {
  double value = 0;      ///< max_k E_{d^pi*}[A* - A_k], A the centred rewards; >= 0
  double pointwise = 0;  ///< E_{d^pi*}[A* - min_k A_k]; never smaller
};

/// \param occupancy d^pi*(s, a) [states, actions], of the policy optimal for the true reward
/// \param rewards the members of the confidence set  \param truth place of the true reward among them
/// \throws std::invalid_argument for shapes or a place out of range
/// \cost K policy evaluations
template <class Mdp, Array L, Array A>
requires TabularMdp<Mdp, A> && GoesWith<L, A>
[[nodiscard]] reward_class_bound bound_reward_class(const Mdp& mdp, const L& log_reference, const A& occupancy,
                                                    std::span<const A> rewards, std::int64_t truth) {
  if (truth < 0 || truth >= static_cast<std::int64_t>(rewards.size()))
    throw std::invalid_argument("rto::bound_reward_class: truth must be in [0, " + std::to_string(rewards.size()) +
                                "), got " + std::to_string(truth));
  const std::vector<A> centred = reference_advantages(mdp, log_reference, rewards);
  const A& right = centred[static_cast<std::size_t>(truth)];
  const auto shortfall = [&](const A& other) {
    const A difference = right - other;
    return array::item(expected_sum(occupancy, difference));
  };
  reward_class_bound bound;
  for (const A& other : centred) bound.value = std::max(bound.value, shortfall(other));
  bound.pointwise = shortfall(pointwise_pessimistic_reward(mdp, log_reference, rewards));
  return bound;
}

}  // namespace rto
