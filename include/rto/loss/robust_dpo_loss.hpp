// The DPO loss that is unbiased under labels flipped at a known rate.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/dpo_loss.hpp>

namespace rto {

struct robust_dpo_options {
  double beta = 0.1;       // KL coefficient, > 0
  double flip_rate = 0.1;  // eps in [0, 1/2): the probability that a label is flipped
};

/// l = [-(1 - eps) log sigma(m) + eps log sigma(-m)] / (1 - 2 eps): its mean over labels that are flipped with
/// probability eps is the DPO loss of the true ones. May be negative. m is dpo_margin.
///
/// \source Chowdhury et al. 2024 (arXiv 2403.00409), (12): rDPO. Parameters as in dpo_margin.
/// \returns the shape of the arguments, nats; take its mean over pairs
/// \gradient through policy_log_ratio only: -beta [(1 - eps) sigma(-m) + eps sigma(m)] / (1 - 2 eps)
/// \throws as dpo_margin; std::domain_error where the flip rate is outside [0, 1/2)
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> robust_dpo_loss(const A& policy_log_ratio, const B& reference_log_ratio,
                                         robust_dpo_options options = {}) {
  const double eps = options.flip_rate;
  require_domain(eps >= 0 && eps < 0.5, "robust_dpo_loss", "flip_rate in [0, 1/2)", eps);
  const value_t<A> margin = dpo_margin(policy_log_ratio, reference_log_ratio, options.beta);
  const double scale = 1 / (1 - 2 * eps);
  return value_t<A>((-(1 - eps) * scale) * array::log_sigmoid(margin) + (eps * scale) * array::log_sigmoid(-margin));
}

}  // namespace rto
