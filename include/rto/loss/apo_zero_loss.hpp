// Anchored preference optimisation: the preferred answers up, the others down, each against the reference.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// l = 1 - sigma(r_w) + sigma(r_l), r the implicit rewards beta log(pi / pi_ref) of the two answers.
///
/// \source D'Oosterlinck et al. 2024 (arXiv 2408.06266), (6): APO-zero, with the 1 that TRL adds
/// \param preferred_reward r_w, reward units (`implicit_reward`)
/// \param other_reward r_l, the same shape
/// \returns the shape of the arguments, in [0, 2]; take its mean over pairs
/// \gradient through both arguments: -sigma'(r_w) and sigma'(r_l)
/// \throws std::invalid_argument where shapes differ
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> apo_zero_loss(const A& preferred_reward, const B& other_reward) {
  require_same_shape("apo_zero_loss", "preferred_reward", preferred_reward, "other_reward", other_reward);
  return value_t<A>(array::sigmoid(-preferred_reward) + array::sigmoid(other_reward));
}

}  // namespace rto
