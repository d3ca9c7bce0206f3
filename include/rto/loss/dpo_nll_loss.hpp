// DPO that also raises the probability of the preferred answers.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/dpo_loss.hpp>

namespace rto {

struct dpo_nll_options {
  double beta = 0.1;           // KL coefficient, > 0
  double nll_coefficient = 1;  // alpha, weight of the negative log-likelihood, >= 0; 0 is DPO
  double label_smoothing = 0;  // epsilon in [0, 1/2]
};

/// l = dpo_loss - alpha log pi(y^w|x) / |y^w|.
///
/// \source Pang et al. 2024 (arXiv 2404.19733), (1); alpha = 0.2 in Llama 3.1
/// \param policy_log_ratio, reference_log_ratio as in dpo_margin, nats
/// \param preferred_mean log pi(y^w|x) / |y^w|, nats per token (`mean_log_probability`), the same shape
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio as dpo_loss, through preferred_mean -alpha
/// \throws as dpo_loss; std::domain_error unless alpha is non-negative and finite
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> dpo_nll_loss(const A& policy_log_ratio, const B& reference_log_ratio, const C& preferred_mean,
                                      dpo_nll_options options = {}) {
  const double alpha = options.nll_coefficient;
  require_same_shape("dpo_nll_loss", "policy_log_ratio", policy_log_ratio, "preferred_mean", preferred_mean);
  require_domain(alpha >= 0 && alpha < detail::infinity, "dpo_nll_loss", "0 <= nll_coefficient < infinity", alpha);
  const value_t<A> preference = dpo_loss(policy_log_ratio, reference_log_ratio,
                                         {.beta = options.beta, .label_smoothing = options.label_smoothing});
  return value_t<A>(preference - alpha * preferred_mean);
}

}  // namespace rto
