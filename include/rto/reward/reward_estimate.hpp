// What maximum likelihood for the linear reward is asked and what it answers.
#pragma once

#include <cstdint>
#include <limits>

#include <rto/array/linear_algebra.hpp>

namespace rto {

/// Where the maximum of the likelihood over ||theta|| <= B lies.
enum class mle_status {
  interior,     ///< a maximiser of the unconstrained problem, multiplier 0
  boundary,     ///< ||theta|| = B with multiplier mu > 0 (always so for separable data), or B = 0
  not_attained  ///< B = infinity and the data are separable: the likelihood has no maximiser
};

/// Whether some direction v orders all comparisons as they were labelled: s_i <v, x_i> >= 0 for hard labels, = 0 for
/// soft ones, > 0 at least once (complete or quasi-complete separation; Albert & Anderson 1984).
enum class separability_verdict { separable, not_separable, undecided };

enum class mle_solver {
  automatic,  ///< newton up to 1000 features, l_bfgs beyond
  newton,     ///< second order: one [d, d] information matrix an iteration
  l_bfgs      ///< first order, matrix-free: products with X and its transpose only
};

struct reward_mle_options {
  double bound = std::numeric_limits<double>::infinity();  ///< B >= 0, the norm bound of (4.1)
  mle_solver solver = mle_solver::automatic;
  /// Converged when ||grad + mu theta|| <= tolerance * sum_i w_i (y_i (1 - p_i) + (1 - y_i) p_i) ||x_i||: relative to
  /// what cancels in the gradient (|y_i - p_i| for hard labels), so that neither the scale of the features nor
  /// underflowing probabilities pass for convergence, and soft labels that are met exactly do. Less than 64 roundings
  /// of the features' type is not asked for: in float 1e-10 means 7.6e-6.
  double tolerance = 1e-10;
  std::int64_t max_iterations = 0;  ///< 0: 200 for newton, 5000 for l_bfgs
};

/// The answer; M is the dense matrix type of the features.
template <LinearAlgebra M> struct reward_estimate {
  M theta;  ///< [d, 1], the maximiser of least norm; the last iterate where the maximum is not attained
  mle_status status = mle_status::interior;
  double multiplier = 0.0;      ///< mu >= 0 of the norm bound: grad(-l) + mu theta = 0; 0 where B = 0
  double norm = 0.0;            ///< ||theta||
  std::int64_t rank = 0;        ///< of the comparisons of positive weight; -1: not computed (l_bfgs)
  double log_likelihood = 0.0;  ///< nats
  double gradient_norm = 0.0;   ///< KKT residual ||grad(-l)(theta) + mu theta||
  std::int64_t iterations = 0;
  bool converged = false;  ///< false where not attained
  /// Decided when B is infinite (existence of a maximiser depends on it), or where it comes for free.
  separability_verdict separability = separability_verdict::undecided;
  M direction;  ///< [d, 1], a separating direction of norm 1 where `separability` is separable; otherwise empty
};

}  // namespace rto
