// Direct preference optimisation with a price on length.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/dpo_loss.hpp>

namespace rto {

struct r_dpo_options {
  double beta = 0.1;           // KL coefficient, > 0
  double alpha = 0.01;         // price of a token, reward units, >= 0; 0 is DPO
  double label_smoothing = 0;  // epsilon in [0, 1/2]
};

/// m = beta Delta + alpha (|y^w| - |y^l|), Delta the log-ratio difference of dpo_margin.
///
/// The policy of the reward r less alpha |y| is pi = pi_ref e^((r - alpha |y|) / beta) / Z(x), so r^w - r^l is this
/// margin: the sign of alpha follows, and with it that a longer preferred answer needs less Delta. Some summaries print
/// a minus; that would reward length.
///
/// \source Park et al. 2024 (arXiv 2403.19159), R-DPO
/// \param policy_log_ratio, reference_log_ratio as in dpo_margin, nats
/// \param length_difference |y^w| - |y^l|, tokens, the same shape
/// \returns the shape of the arguments, reward units
/// \gradient through policy_log_ratio only
/// \throws as dpo_margin; std::domain_error where alpha is negative or not finite
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> r_dpo_margin(const A& policy_log_ratio, const B& reference_log_ratio,
                                      const C& length_difference, double beta, double alpha) {
  require_same_shape("r_dpo_margin", "policy_log_ratio", policy_log_ratio, "length_difference", length_difference);
  require_domain(alpha >= 0 && alpha < detail::infinity, "r_dpo_margin", "0 <= alpha < infinity", alpha);
  return value_t<A>(dpo_margin(policy_log_ratio, reference_log_ratio, beta) +
                    alpha * array::stop_gradient(length_difference));
}

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m), m = beta Delta + alpha (|y^w| - |y^l|).
///
/// \source Park et al. 2024 (arXiv 2403.19159). Parameters as in r_dpo_margin.
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio only: beta (-(1 - eps) sigma(-m) + eps sigma(m))
/// \throws as r_dpo_margin; std::domain_error where the label smoothing is outside [0, 1/2]
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> r_dpo_loss(const A& policy_log_ratio, const B& reference_log_ratio, const C& length_difference,
                                    r_dpo_options options = {}) {
  return preference_loss(
      r_dpo_margin(policy_log_ratio, reference_log_ratio, length_difference, options.beta, options.alpha),
      options.label_smoothing);
}

}  // namespace rto
