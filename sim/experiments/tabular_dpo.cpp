#include "sim/experiments/tabular_dpo.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Cholesky>

#include <rto/loss/dpo_loss.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/preference/bradley_terry.hpp>

namespace rto::sim {
namespace {

using table = eigen_array<double>;
using matrix = eigen_matrix<double>;

struct evaluation {
  table log_policy = {}, margin = {};
  double loss = 0;
  matrix gradient = {}, hessian = {};  // by w
};

matrix as_column(const table& x) { return x.reshaped<Eigen::RowMajor>().matrix(); }

evaluation evaluate(const dpo_problem& p, const table& log_policy, bool derivatives) {
  const Eigen::Index actions = p.log_reference.cols(), d = p.features.cols();
  evaluation e{.log_policy = log_policy};
  const table policy_ratio = (p.difference * as_column(log_policy)).array();
  const table reference_ratio = (p.difference * as_column(p.log_reference)).array();
  e.margin = dpo_margin(policy_ratio, reference_ratio, p.beta);
  const table label = p.label.array(), weight = p.weight.array() / p.weight.sum();
  e.loss = -(weight * bradley_terry_log_likelihood(e.margin, label)).sum();
  if (!derivatives) return e;

  // d log pi(a|s) / dw = phi(s,a) - E_pi phi(s,.), and minus the covariance of phi(s,.) for the second derivative.
  matrix centred = p.features;
  const table pi = probabilities(log_policy);
  for (Eigen::Index s = 0; s < pi.rows(); ++s) {
    auto block = centred.middleRows(s * actions, actions);
    const matrix mean = pi.row(s).matrix() * block;
    block.rowwise() -= mean.row(0);
  }
  const matrix residual = (weight * bradley_terry_residual(e.margin, label)).matrix();
  const matrix jacobian = p.beta * (p.difference * centred);
  e.gradient = -jacobian.transpose() * residual;
  e.hessian =
      jacobian.transpose() * (weight * bradley_terry_curvature(e.margin)).matrix().col(0).asDiagonal() * jacobian;
  const matrix pull = p.difference.transpose() * residual;  // [N A, 1]
  for (Eigen::Index s = 0; s < pi.rows(); ++s) {
    const auto block = centred.middleRows(s * actions, actions);
    matrix covariance = matrix::Zero(d, d);
    for (Eigen::Index a = 0; a < actions; ++a) covariance += pi(s, a) * block.row(a).transpose() * block.row(a);
    e.hessian += p.beta * pull.middleRows(s * actions, actions).sum() * covariance;
  }
  return e;
}

table policy_of(const dpo_problem& p, const matrix& w) {
  const matrix shift = p.features * w;
  return log_softmax(
      table(p.log_reference + shift.reshaped<Eigen::RowMajor>(p.log_reference.rows(), p.log_reference.cols()).array()));
}

}  // namespace

double dpo_gradient_norm(const dpo_problem& problem, const eigen_array<double>& log_policy) {
  return evaluate(problem, log_policy, true).gradient.cwiseAbs().maxCoeff();
}

dpo_fit fit_dpo(const dpo_problem& problem) {
  constexpr double tolerance = 1e-12;
  constexpr int limit = 500;
  matrix w = matrix::Zero(problem.features.cols(), 1);
  evaluation here = evaluate(problem, policy_of(problem, w), true);
  double damping = 1e-8;
  dpo_fit fit;
  for (fit.iterations = 0; fit.iterations < limit; ++fit.iterations) {
    fit.gradient_norm = here.gradient.cwiseAbs().maxCoeff();
    if (fit.gradient_norm <= tolerance) break;
    const matrix shifted = here.hessian + damping * matrix::Identity(w.rows(), w.rows());
    const Eigen::LLT<matrix> factor(shifted);
    if (factor.info() == Eigen::Success) {
      const matrix next = w - factor.solve(here.gradient);
      const table log_policy = policy_of(problem, next);
      // Close to the minimum the loss no longer resolves a step, the gradient does.
      const evaluation there = evaluate(problem, log_policy, true);
      const bool descends = there.loss < here.loss ||
                            (there.loss <= here.loss * (1 + 1e-14) && there.gradient.norm() < here.gradient.norm());
      if (descends) {
        w = next, here = there;
        damping = std::max(damping / 10, 1e-12);
        continue;
      }
    }
    damping *= 10;
    if (damping > 1e12) break;
  }
  fit.converged = fit.gradient_norm <= 1e-9;
  fit.log_policy = here.log_policy, fit.margin = here.margin, fit.loss = here.loss;
  return fit;
}

}  // namespace rto::sim
