// The loss of a reward model trained on pairs.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/preference_loss.hpp>

namespace rto {

struct reward_model_options {
  double centering = 0;  // c, >= 0: pulls the sum of a pair's rewards to 0 and so fixes the free constant
};

/// l = -log sigma(r_w - r_l - margin) + c (r_w + r_l)^2.
///
/// \source Bradley and Terry 1952; margin: Touvron et al. 2023 (arXiv 2307.09288), (2); centring: Eisenstein et al.
/// 2023
///   (arXiv 2312.09244), (2)
/// \param preferred r(x, y^w), reward units
/// \param other r(x, y^l), the same shape
/// \param margin by how much the preferred answer is better, reward units, the same shape; a constant
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through preferred and other: -+sigma(-(r_w - r_l - margin)) + 2 c (r_w + r_l)
/// \throws std::invalid_argument where shapes differ; std::domain_error unless c is non-negative and finite
/// \cost one pass
template <Elementwise A, GoesWith<A> B, GoesWith<A> C>
[[nodiscard]] value_t<A> reward_model_loss(const A& preferred, const B& other, const C& margin,
                                           reward_model_options options = {}) {
  constexpr const char* name = "reward_model_loss";
  require_same_shape(name, "preferred", preferred, "other", other);
  require_same_shape(name, "preferred", preferred, "margin", margin);
  require_domain(options.centering >= 0 && options.centering < detail::infinity, name, "0 <= centering < infinity",
                 options.centering);
  const value_t<A> excess = (preferred - other) - array::stop_gradient(margin), total = preferred + other;
  return value_t<A>(preference_loss(excess) + options.centering * (total * total));
}

}  // namespace rto
