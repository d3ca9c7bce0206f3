// Token-level direct preference optimisation: DPO with the divergence that each answer has run up.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/preference_loss.hpp>
#include <rto/mdp/policy.hpp>

namespace rto {

/// D(y) = sum_t KL(pi_ref(.|s_t) || pi(.|s_t)) over the valid tokens of each answer.
///
/// \source Zeng et al. 2024 (arXiv 2404.11999), Definition 4.2: the sequential KL divergence
/// \param reference_logits [batch time, vocabulary], nats; -inf forbids a token, which then costs nothing
/// \param policy_logits the same shape; where it forbids what the reference allows the divergence is infinite
/// \param mask [batch, time], 1 on a prefix of each row; the logits of padding are never read
/// \returns [batch, 1], nats, >= 0; exactly 0 where the two are equal
/// \gradient through policy_logits: pi - pi_ref at every valid token
/// \throws std::invalid_argument where shapes differ
/// \cost O(batch time vocabulary); a caller short of memory passes a few answers at a time
template <Array A, GoesWith<A> B, GoesWith<A> M>
[[nodiscard]] array_t<A> sequential_kl(const B& reference_logits, const A& policy_logits, const M& mask) {
  using namespace array;
  require_same_shape("sequential_kl", "reference_logits", reference_logits, "policy_logits", policy_logits);
  require_shape("sequential_kl", "policy_logits", policy_logits, rows(mask) * cols(mask), cols(policy_logits));
  const array_t<A> tokens = reshape(mask, rows(policy_logits), 1);
  const auto per_answer = [&](const array_t<A>& divergence) -> array_t<A> {
    return row_sum(reshape(divergence, rows(mask), cols(mask)));
  };
  if constexpr (requires { traits_of<A>::softmax_divergence(reference_logits, policy_logits); }) {
    const array_t<A> divergence = traits_of<A>::softmax_divergence(reference_logits, policy_logits);
    return per_answer(select(tokens, divergence, 0.0));
  } else {
    const array_t<A> valid = broadcast_columns(tokens, cols(policy_logits));
    const array_t<A> log_reference = log_softmax(select(valid, stop_gradient(reference_logits), 0.0));
    const array_t<A> log_policy = log_softmax(select(valid, policy_logits, 0.0));
    return per_answer(kl_divergence(log_reference, log_policy));
  }
}

struct tdpo1_options {
  double beta = 0.1;           // KL coefficient, > 0
  double label_smoothing = 0;  // epsilon in [0, 1/2]
};

struct tdpo2_options {
  double beta = 0.1;           // KL coefficient, > 0
  double alpha = 0.5;          // weight of the divergences, >= 0; 0 is DPO
  double label_smoothing = 0;  // epsilon in [0, 1/2]
};

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m), m = beta [Delta - (D(y^l) - D(y^w))], Delta the log-ratio
/// difference of dpo_margin.
///
/// \source Zeng et al. 2024 (arXiv 2404.11999), TDPO_1
/// \param policy_log_ratio, reference_log_ratio as in dpo_margin, nats
/// \param preferred_kl, other_kl D(y^w) and D(y^l) of `sequential_kl`, nats, the same shape
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio, preferred_kl and other_kl: beta, beta, -beta times -(1 - eps) sigma(-m) + eps
///   sigma(m)
/// \throws std::invalid_argument where shapes differ; std::domain_error where an option is out of its domain
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> D>
[[nodiscard]] value_t<A> tdpo1_loss(const A& policy_log_ratio, const B& reference_log_ratio, const C& preferred_kl,
                                    const D& other_kl, tdpo1_options options = {}) {
  constexpr const char* name = "tdpo1_loss";
  require_same_shape(name, "policy_log_ratio", policy_log_ratio, "reference_log_ratio", reference_log_ratio);
  require_same_shape(name, "policy_log_ratio", policy_log_ratio, "preferred_kl", preferred_kl);
  require_same_shape(name, "policy_log_ratio", policy_log_ratio, "other_kl", other_kl);
  require_domain(options.beta > 0 && options.beta < detail::infinity, name, "0 < beta < infinity", options.beta);
  const value_t<A> margin = value_t<A>(
      options.beta * ((policy_log_ratio - array::stop_gradient(reference_log_ratio)) - (other_kl - preferred_kl)));
  return preference_loss(margin, options.label_smoothing);
}

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m), m = beta [Delta - alpha (D(y^l) - sg D(y^w))], sg a constant for
/// differentiation: the preferred answer's divergence is not pushed up.
///
/// \source Zeng et al. 2024 (arXiv 2404.11999), TDPO_2. Parameters as in tdpo1_loss.
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio and other_kl: beta and -alpha beta times -(1 - eps) sigma(-m) + eps sigma(m)
/// \throws as tdpo1_loss
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C, GoesWith<A> D>
[[nodiscard]] value_t<A> tdpo2_loss(const A& policy_log_ratio, const B& reference_log_ratio, const C& preferred_kl,
                                    const D& other_kl, tdpo2_options options = {}) {
  require_domain(options.alpha >= 0 && options.alpha < detail::infinity, "tdpo2_loss", "0 <= alpha < infinity",
                 options.alpha);
  return tdpo1_loss(
      policy_log_ratio, reference_log_ratio, value_t<A>(options.alpha * array::stop_gradient(preferred_kl)),
      value_t<A>(options.alpha * other_kl), {.beta = options.beta, .label_smoothing = options.label_smoothing});
}

}  // namespace rto
