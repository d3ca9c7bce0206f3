// The identity preference loss.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/dpo_loss.hpp>

namespace rto {

struct ipo_options {
  double beta = 0.1;  // KL coefficient, > 0: the loss pulls the log-ratio difference to 1 / (2 beta)
};

/// l = (Delta - 1 / (2 beta))^2, Delta = (log pi(y^w|x) - log pi(y^l|x)) - (log pi_ref(y^w|x) - log pi_ref(y^l|x)).
///
/// \source Azar et al. 2023 (arXiv 2310.12036), (17); tau there is beta here. The form of TRL takes means over tokens
///   in place of sums: give it the differences of `mean_log_probability` instead of `sequence_log_probability`.
/// \param policy_log_ratio log pi(y^w|x) - log pi(y^l|x) of sequence log-probabilities, nats
/// \param reference_log_ratio the same of the reference policy, nats
/// \returns the shape of the arguments, squared nats, >= 0
/// \gradient through policy_log_ratio only: 2 (Delta - 1 / (2 beta))
/// \throws std::invalid_argument where shapes differ; std::domain_error unless beta is positive and finite
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> ipo_loss(const A& policy_log_ratio, const B& reference_log_ratio, ipo_options options = {}) {
  require_domain(options.beta > 0 && options.beta < detail::infinity, "ipo_loss", "0 < beta < infinity", options.beta);
  const value_t<A> error = value_t<A>(dpo_margin(policy_log_ratio, reference_log_ratio, 1) - 1 / (2 * options.beta));
  return error * error;
}

}  // namespace rto
