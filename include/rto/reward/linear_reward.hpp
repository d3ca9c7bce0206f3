// The linear reward model of Assumption 4.1.
#pragma once

#include <stdexcept>
#include <string>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// r(s, a) = <theta, phi(s, a)>.
/// \source arXiv 2404.18922, Assumption 4.1: ||theta|| <= B, ||phi|| <= L
/// \param features phi [m, d], one row per state-action pair (or per trajectory)
/// \param theta [d, 1]
/// \returns [m, 1] rewards
/// \throws std::invalid_argument when theta is not [d, 1]
/// \cost O(m d)
template <DesignMatrix X> [[nodiscard]] dense_t<X> linear_reward(const X& features, const dense_t<X>& theta) {
  if (array::rows(theta) != array::cols(features) || array::cols(theta) != 1)
    throw std::invalid_argument("rto::linear_reward: theta must be [" + std::to_string(array::cols(features)) +
                                ", 1], got [" + std::to_string(array::rows(theta)) + ", " +
                                std::to_string(array::cols(theta)) + "]");
  require_same_kind("linear_reward", "features", features, "theta", theta);
  return array::product(features, theta);
}

}  // namespace rto
