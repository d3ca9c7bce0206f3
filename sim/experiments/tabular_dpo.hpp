#pragma once
// DPO fitted exactly on a small token tree, for comparison with maximum likelihood of the reward.
#include <cstdint>

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

namespace rto::sim {

/// Preferences between trajectories of one prompt of a tree, and the class of policies that DPO searches.
struct dpo_problem {
  eigen_array<double> log_reference = {};  // [N, A], full support
  eigen_matrix<double> features = {};      // [N A, d]: logits are log pi_ref + features w
  eigen_matrix<double> difference = {};    // [n, N A]: edges of the first trajectory less those of the second
  eigen_matrix<double> label = {};         // [n, 1], in [0, 1]
  eigen_matrix<double> weight = {};        // [n, 1], >= 0
  double beta = 0.1;
};

struct dpo_fit {
  eigen_array<double> log_policy = {};  // [N, A]
  eigen_array<double> margin = {};      // [n, 1], reward units
  double loss = 0;                      // mean over the weights, nats
  double gradient_norm = 0;             // largest entry
  std::int64_t iterations = 0;
  bool converged = false;
};

/// The DPO loss at a policy and its gradient by w there: what `fit_dpo` drives to zero.
double dpo_gradient_norm(const dpo_problem& problem, const eigen_array<double>& log_policy);

/// Minimises the mean of -y log sigma(m) - (1 - y) log sigma(-m), m the DPO margin, from pi = pi_ref by Newton's method
/// with the exact Hessian, damped (Levenberg) where it is not positive definite or a step does not descend. The loss is
/// not convex in w; where the class holds every policy of full support each stationary point is the minimum.
/// \cost an iteration O(n N A d + d^3)
dpo_fit fit_dpo(const dpo_problem& problem);

}  // namespace rto::sim
