// Kahneman-Tversky optimisation: answers that are each labelled good or bad, without pairs.
#pragma once

#include <algorithm>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

struct kto_options {
  double beta = 0.1;                // KL coefficient, > 0
  double desirable_weight = 1.0;    // of a good answer, >= 0
  double undesirable_weight = 1.0;  // of a bad one, >= 0
};

/// z = max(0, mean_i [log pi(y'_i|x_i) - log pi_ref(y'_i|x_i)]), y'_i the answer to another prompt: a biased estimate
/// of KL(pi || pi_ref) from one batch, the point from which gains and losses count.
///
/// \source Ethayarajh et al. 2024 (arXiv 2402.01306), 4.1
/// \param policy_log_prob, reference_log_prob log-probabilities of the mismatched answers, [n, 1], nats, n > 0
/// \returns a scalar_t, nats, >= 0. \gradient none: it is a constant of the loss
/// \throws std::invalid_argument where shapes differ
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] scalar_t<A> kto_reference_point(const A& policy_log_prob, const B& reference_log_prob) {
  using namespace array;
  require_same_shape("kto_reference_point", "policy_log_prob", policy_log_prob, "reference_log_prob",
                     reference_log_prob);
  const value_t<A> log_ratio = stop_gradient(policy_log_prob) - stop_gradient(reference_log_prob);
  const scalar_t<A> mean = sum(log_ratio) / sum(full_like(log_ratio, 1.0));
  return scalar_t<A>(clamp(mean, 0.0, detail::infinity));
}

/// With r = beta (log pi(y|x) - log pi_ref(y|x)) and z the reference point: l = w_D (1 - sigma(r - beta z)) of a good
/// answer, w_U (1 - sigma(beta z - r)) of a bad one.
///
/// \source Ethayarajh et al. 2024 (arXiv 2402.01306), (8); the weights are lambda_D, lambda_U there, and l = lambda - v
/// \param policy_log_prob log pi(y|x), sums over tokens, nats
/// \param reference_log_prob the same of the reference policy
/// \param desirable 1 for a good answer, 0 for a bad one, the same shape
/// \param reference_point z, nats (`kto_reference_point` of the whole optimiser step); below 0 it counts as 0
/// \returns the shape of the arguments, in [0, max(w_D, w_U)]; take its mean over answers
/// \gradient through policy_log_prob only: -+beta w sigma'(r - beta z)
/// \throws std::invalid_argument where shapes differ; std::domain_error unless beta is positive and finite, the weights
///   non-negative and finite and the reference point not NaN or infinity
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> kto_loss(const A& policy_log_prob, const B& reference_log_prob, const C& desirable,
                                  double reference_point, kto_options options = {}) {
  using namespace array;
  constexpr const char* name = "kto_loss";
  const auto [beta, good, bad] = options;
  require_same_shape(name, "policy_log_prob", policy_log_prob, "reference_log_prob", reference_log_prob);
  require_same_shape(name, "policy_log_prob", policy_log_prob, "desirable", desirable);
  require_domain(beta > 0 && beta < detail::infinity, name, "0 < beta < infinity", beta);
  require_domain(good >= 0 && good < detail::infinity, name, "0 <= desirable_weight < infinity", good);
  require_domain(bad >= 0 && bad < detail::infinity, name, "0 <= undesirable_weight < infinity", bad);
  require_domain(reference_point < detail::infinity, name, "reference_point < infinity", reference_point);
  const double z = std::max(0.0, reference_point);
  const value_t<A> gain = beta * ((policy_log_prob - stop_gradient(reference_log_prob)) - z);
  return value_t<A>(select(desirable, good * sigmoid(-gain), bad * sigmoid(gain)));
}

}  // namespace rto
