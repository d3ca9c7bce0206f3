// Noise-contrastive alignment on pairs.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// l = -log sigma(r_w) - (1/2) log sigma(-r_w) - (1/2) log sigma(-r_l), r the implicit rewards beta log(pi / pi_ref).
///
/// \source Chen et al. 2024 (arXiv 2402.05369), (12) for two answers with hard labels
/// \param preferred_reward r_w, reward units (`implicit_reward`)
/// \param other_reward r_l, the same shape
/// \returns the shape of the arguments, nats, > 0; take its mean over pairs
/// \gradient through both arguments: -sigma(-r_w) + sigma(r_w) / 2 and sigma(r_l) / 2
/// \throws std::invalid_argument where shapes differ
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> nca_pair_loss(const A& preferred_reward, const B& other_reward) {
  using array::log_sigmoid;
  require_same_shape("nca_pair_loss", "preferred_reward", preferred_reward, "other_reward", other_reward);
  const value_t<A> noise = log_sigmoid(-preferred_reward) + log_sigmoid(-other_reward);
  return value_t<A>(-log_sigmoid(preferred_reward) - 0.5 * noise);
}

}  // namespace rto
