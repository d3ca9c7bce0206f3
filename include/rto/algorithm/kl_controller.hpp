// The price of leaving the reference, moved so that the divergence comes to a target.
#pragma once

#include <algorithm>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

struct kl_controller_options {
  double target = 6;        ///< KL(pi || pi_ref) wanted, nats, > 0, in the unit of what is measured
  double horizon = 10'000;  ///< answers over which a divergence of twice the target multiplies the coefficient by 1.2
  double most = 0.2;        ///< relative error that counts at most, > 0
};

/// beta <- beta (1 + clip(KL / target - 1, -most, most) n / horizon), n answers since the last change.
///
/// \source Ziegler et al. 2019 (arXiv 1909.08593), section 2.2 ("log-space proportional controller")
/// \param coefficient beta, >= 0, reward units per nat  \param kl measured, nats  \param answers n, >= 0
/// \throws std::domain_error for an argument out of its domain, and for answers * most >= horizon, where the factor
///   would not be positive
[[nodiscard]] inline double adapted_kl_coefficient(double coefficient, double kl, double answers,
                                                   const kl_controller_options& options = {}) {
  constexpr const char* name = "adapted_kl_coefficient";
  require_domain(coefficient >= 0, name, "coefficient >= 0", coefficient);
  require_domain(options.target > 0, name, "target > 0", options.target);
  require_domain(options.most > 0, name, "most > 0", options.most);
  require_domain(answers >= 0, name, "answers >= 0", answers);
  require_domain(answers * options.most < options.horizon, name, "answers * most < horizon", options.horizon);
  const double error = std::clamp(kl / options.target - 1, -options.most, options.most);
  return coefficient * (1 + error * answers / options.horizon);
}

}  // namespace rto
