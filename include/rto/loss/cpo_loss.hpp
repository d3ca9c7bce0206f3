// Contrastive preference optimisation: DPO against a uniform reference, with the preferred answers' likelihood.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/preference_loss.hpp>

namespace rto {

struct cpo_options {
  double beta = 0.1;           // scale of the log-probabilities, > 0
  double nll_coefficient = 1;  // weight of the negative log-likelihood, >= 0
  double label_smoothing = 0;  // epsilon in [0, 1/2]
};

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m) - alpha log pi(y^w|x) / |y^w|, m = beta (log pi(y^w|x) - log
/// pi(y^l|x)).
///
/// \source Xu et al. 2024 (arXiv 2401.08417), (6)
/// \param policy_log_ratio log pi(y^w|x) - log pi(y^l|x) of sequence log-probabilities (sums over tokens), nats
/// \param preferred_mean log pi(y^w|x) / |y^w|, nats per token (`mean_log_probability`), the same shape
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio: beta (-(1 - eps) sigma(-m) + eps sigma(m)), through preferred_mean -alpha
/// \throws std::invalid_argument where shapes differ; std::domain_error where an option is out of its domain
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> cpo_loss(const A& policy_log_ratio, const B& preferred_mean, cpo_options options = {}) {
  const auto [beta, alpha, label_smoothing] = options;
  require_same_shape("cpo_loss", "policy_log_ratio", policy_log_ratio, "preferred_mean", preferred_mean);
  require_domain(beta > 0 && beta < detail::infinity, "cpo_loss", "0 < beta < infinity", beta);
  require_domain(alpha >= 0 && alpha < detail::infinity, "cpo_loss", "0 <= nll_coefficient < infinity", alpha);
  const value_t<A> margin = beta * policy_log_ratio;
  return value_t<A>(preference_loss(margin, label_smoothing) - alpha * preferred_mean);
}

}  // namespace rto
