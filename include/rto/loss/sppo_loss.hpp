// Self-play preference optimisation with hard labels.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

struct sppo_options {
  double beta = 0.1;  // 1 / eta, > 0: log-ratios are pulled to +-1 / (2 beta)
};

/// l = (s_w - 1 / (2 beta))^2 + (s_l + 1 / (2 beta))^2, s = log(pi / pi_ref) of the two answers.
///
/// \source Wu et al. 2024 (arXiv 2405.00675), (4.8) with win probabilities of 1 and 0; eta there is 1 / beta
/// \param preferred_log_ratio s_w, nats
/// \param other_log_ratio s_l, the same shape
/// \returns the shape of the arguments, squared nats, >= 0; take its mean over pairs
/// \gradient through both arguments: 2 (s_w - 1 / (2 beta)) and 2 (s_l + 1 / (2 beta))
/// \throws std::invalid_argument where shapes differ; std::domain_error unless beta is positive and finite
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> sppo_hard_loss(const A& preferred_log_ratio, const B& other_log_ratio,
                                        sppo_options options = {}) {
  require_same_shape("sppo_hard_loss", "preferred_log_ratio", preferred_log_ratio, "other_log_ratio", other_log_ratio);
  require_domain(options.beta > 0 && options.beta < detail::infinity, "sppo_hard_loss", "0 < beta < infinity",
                 options.beta);
  const double target = 1 / (2 * options.beta);
  const value_t<A> up = preferred_log_ratio - target, down = other_log_ratio + target;
  return value_t<A>(up * up + down * down);
}

}  // namespace rto
