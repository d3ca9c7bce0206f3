#pragma once
// The family bt_mle, for any array type: maximum likelihood, covariance, confidence radius and pessimistic rewards.
#include <cmath>
#include <cstdint>
#include <span>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/solve/array_fields.hpp"
#include "sim/solve/mle_status_text.hpp"
#include "sim/solve/registry.hpp"

namespace rto::sim {

/// The family bt_mle. \param like says which array type, on which device
template <Array A> json solve_bt_mle(const problem& p, const A& like) {
  using M = matrix_t<A>;
  const ndarray x = p.input.array("X", {any_length, any_length});
  const auto n = static_cast<std::int64_t>(x.shape[0]), d = static_cast<std::int64_t>(x.shape[1]);
  const ndarray queries = p.input.array("query", {any_length, d});
  const M query = read_matrix(like, std::span(queries.data), static_cast<std::int64_t>(queries.shape[0]), d);
  comparison_set<M> comparisons{read_matrix(like, std::span(x.data), n, d), read_column(like, p.input.numbers("y", n)),
                                M{}};
  if (p.input.has("w")) comparisons.weight = read_column(like, p.input.numbers("w", n));
  const double bound = p.input.number("B"), pessimism = p.input.number("rho_pess");

  const auto estimate = reward_mle(comparisons, {.bound = bound});
  const auto covariance = make_regularized_covariance(comparisons.features, p.input.number("lam"));
  const double max_row_norm = largest_row_norm(comparisons.features);

  json result;
  result["status"] = mle_status_text(estimate.status);
  result["Sigma"] = rows_json(covariance.matrix);
  result["bonus"] = vector_json(elliptical_norms(query, covariance));
  result["max_row_norm"] = max_row_norm;
  // Formula value, where labels are soft or weighted too; no bound, no radius.
  // Weights do not enter Sigma, so a row of weight 0 counts in its rank; a bound of 0 asks for the rank alone.
  const std::int64_t rank =
      comparisons.weighted()
          ? reward_mle(comparison_set<M>{comparisons.features, comparisons.label, M{}}, {.bound = 0}).rank
          : estimate.rank;
  const double radius = confidence_radius({.rank = rank,
                                           .max_row_norm = max_row_norm,
                                           .bound = bound,
                                           .lambda = covariance.lambda,
                                           .delta = p.input.number("delta")});
  if (std::isfinite(bound)) {
    result["gamma"] = logistic_curvature(bound * max_row_norm);
    result["radius"] = number(radius);
  }
  if (estimate.status == mle_status::not_attained) return result;

  const auto at_estimate = evaluate_bradley_terry(comparisons, estimate.theta);
  result["theta"] = vector_json(estimate.theta);
  result["mu"] = estimate.multiplier;
  result["rank"] = estimate.rank;
  result["norm_theta"] = estimate.norm;
  result["loglik"] = estimate.log_likelihood;
  result["grad_nll"] = vector_json(M(-1.0 * at_estimate.gradient));
  result["hess_nll"] = rows_json(at_estimate.information);
  result["pess_reward"] = vector_json(pessimistic_reward(query, estimate.theta, covariance, pessimism));
  return result;
}

}  // namespace rto::sim
