// The loss of direct preference optimisation.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/preference_loss.hpp>

namespace rto {

struct dpo_options {
  double beta = 0.1;           // KL coefficient, > 0
  double label_smoothing = 0;  // epsilon in [0, 1/2]: the share of labels taken to be flipped
};

/// m = beta [(log pi(y^w|x) - log pi(y^l|x)) - (log pi_ref(y^w|x) - log pi_ref(y^l|x))], the difference of the implicit
/// rewards of the preferred and the other answer.
///
/// \source Rafailov et al. 2023 (arXiv 2305.18290), (7); docs/mathematics.md 13.1
/// \param policy_log_ratio log pi(y^w|x) - log pi(y^l|x) of sequence log-probabilities (sums over tokens), nats
/// \param reference_log_ratio the same of the reference policy
/// \returns the shape of the arguments, reward units
/// \gradient through policy_log_ratio only
/// \throws std::invalid_argument where shapes differ; std::domain_error unless beta is positive and finite
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> dpo_margin(const A& policy_log_ratio, const B& reference_log_ratio, double beta) {
  require_same_shape("dpo_margin", "policy_log_ratio", policy_log_ratio, "reference_log_ratio", reference_log_ratio);
  require_domain(beta > 0 && beta < detail::infinity, "dpo_margin", "0 < beta < infinity", beta);
  return value_t<A>(beta * (policy_log_ratio - array::stop_gradient(reference_log_ratio)));
}

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m) of each pair: the Bradley-Terry negative log-likelihood of the
/// implicit reward, with smoothed labels. log 2 where the policy is the reference.
///
/// \source Rafailov et al. 2023 (arXiv 2305.18290), (7); docs/mathematics.md 13.1 (C.4). Parameters as in dpo_margin.
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio only: beta (-(1 - eps) sigma(-m) + eps sigma(m))
/// \throws as dpo_margin; std::domain_error where the label smoothing is outside [0, 1/2]
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> dpo_loss(const A& policy_log_ratio, const B& reference_log_ratio, dpo_options options = {}) {
  return preference_loss(dpo_margin(policy_log_ratio, reference_log_ratio, options.beta), options.label_smoothing);
}

}  // namespace rto
