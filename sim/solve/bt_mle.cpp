// Family bt_mle: maximum likelihood, covariance, confidence radius and pessimistic rewards of given comparisons.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <rto/array/eigen_matrix.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/io/ndarray.hpp"
#include "sim/solve/registry.hpp"

namespace {

using namespace rto::sim;
using matrix = rto::eigen_matrix<double>;
using row_major = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using design = Eigen::Map<const row_major>;  // the numbers of the file, not copied

design as_design(const ndarray& a) {
  return {a.data.data(), static_cast<Eigen::Index>(a.shape[0]), static_cast<Eigen::Index>(a.shape[1])};
}

matrix column(const std::vector<double>& v) {
  return Eigen::Map<const Eigen::VectorXd>(v.data(), static_cast<Eigen::Index>(v.size()));
}

json vector_json(const matrix& v) { return array_json({static_cast<std::size_t>(v.size())}, v.data()); }

json matrix_json(const matrix& m) {
  const row_major rows = m;
  return array_json({static_cast<std::size_t>(m.rows()), static_cast<std::size_t>(m.cols())}, rows.data());
}

std::string status_text(rto::mle_status status) {
  switch (status) {
    case rto::mle_status::interior:
      return "interior";
    case rto::mle_status::boundary:
      return "boundary";
    case rto::mle_status::not_attained:
      return "not_attained";
  }
  return "";
}

json solve_bt_mle(const problem& p) {
  const ndarray x = p.input.array("X", {any_length, any_length});
  const auto n = static_cast<std::int64_t>(x.shape[0]), d = static_cast<std::int64_t>(x.shape[1]);
  const ndarray query = p.input.array("query", {any_length, d});
  rto::comparison_set<design> comparisons{as_design(x), column(p.input.numbers("y", n)), matrix{}};
  if (p.input.has("w")) comparisons.weight = column(p.input.numbers("w", n));
  const double bound = p.input.number("B"), pessimism = p.input.number("rho_pess");

  const auto estimate = rto::reward_mle(comparisons, {.bound = bound});
  const auto covariance = rto::make_regularized_covariance(comparisons.features, p.input.number("lam"));
  const double max_row_norm = n > 0 ? std::sqrt(comparisons.features.rowwise().squaredNorm().maxCoeff()) : 0.0;

  json result;
  result["status"] = status_text(estimate.status);
  result["Sigma"] = matrix_json(covariance.matrix);
  result["bonus"] = vector_json(rto::elliptical_norms(as_design(query), covariance));
  result["max_row_norm"] = max_row_norm;
  // Formula value, where labels are soft or weighted too; no bound, no radius.
  // Weights do not enter Sigma, so a row of weight 0 counts in its rank; a bound of 0 asks for the rank alone.
  const std::int64_t rank =
      comparisons.weighted()
          ? rto::reward_mle(rto::comparison_set<design>{comparisons.features, comparisons.label, matrix{}},
                            {.bound = 0})
                .rank
          : estimate.rank;
  const double radius = rto::confidence_radius({.rank = rank,
                                                .max_row_norm = max_row_norm,
                                                .bound = bound,
                                                .lambda = covariance.lambda,
                                                .delta = p.input.number("delta")});
  if (std::isfinite(bound)) {
    result["gamma"] = rto::logistic_curvature(bound * max_row_norm);
    result["radius"] = number(radius);
  }
  if (estimate.status == rto::mle_status::not_attained) return result;

  const auto at_estimate = rto::evaluate_bradley_terry(comparisons, estimate.theta);
  result["theta"] = vector_json(estimate.theta);
  result["mu"] = estimate.multiplier;
  result["rank"] = estimate.rank;
  result["norm_theta"] = estimate.norm;
  result["loglik"] = estimate.log_likelihood;
  result["grad_nll"] = vector_json(-at_estimate.gradient);
  result["hess_nll"] = matrix_json(at_estimate.information);
  result["pess_reward"] = vector_json(rto::pessimistic_reward(as_design(query), estimate.theta, covariance, pessimism));
  return result;
}

const registered_family bt_mle{"bt_mle", solve_bt_mle};

}  // namespace
