// Preference optimisation by the mean log-probability of a token, without a reference policy.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/preference_loss.hpp>

namespace rto {

struct simpo_options {
  double beta = 2;             // scale of the mean log-probability, > 0
  double gamma = 1;            // target margin, reward units, >= 0 (the published code sets gamma / beta)
  double label_smoothing = 0;  // epsilon in [0, 1/2]
};

/// m = beta (log pi(y^w|x) / |y^w| - log pi(y^l|x) / |y^l|) - gamma.
///
/// \source Meng et al. 2024 (arXiv 2405.14734), (6)
/// \param preferred_mean log pi(y^w|x) / |y^w|, nats per token (`mean_log_probability`)
/// \param other_mean log pi(y^l|x) / |y^l|, the same shape
/// \returns the shape of the arguments, reward units
/// \gradient through both arguments: beta and -beta
/// \throws std::invalid_argument where shapes differ; std::domain_error unless beta is positive and finite and gamma
///   non-negative and finite
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> simpo_margin(const A& preferred_mean, const B& other_mean, double beta, double gamma) {
  require_same_shape("simpo_margin", "preferred_mean", preferred_mean, "other_mean", other_mean);
  require_domain(beta > 0 && beta < detail::infinity, "simpo_margin", "0 < beta < infinity", beta);
  require_domain(gamma >= 0 && gamma < detail::infinity, "simpo_margin", "0 <= gamma < infinity", gamma);
  return value_t<A>(beta * (preferred_mean - other_mean) - gamma);
}

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m), m = simpo_margin.
///
/// \source Meng et al. 2024 (arXiv 2405.14734), (6). Parameters as in simpo_margin.
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through both arguments: +-beta (-(1 - eps) sigma(-m) + eps sigma(m))
/// \throws as simpo_margin; std::domain_error where the label smoothing is outside [0, 1/2]
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> simpo_loss(const A& preferred_mean, const B& other_mean, simpo_options options = {}) {
  return preference_loss(simpo_margin(preferred_mean, other_mean, options.beta, options.gamma),
                         options.label_smoothing);
}

}  // namespace rto
