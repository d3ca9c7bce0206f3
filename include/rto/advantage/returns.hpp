// Discounted returns of ragged token batches.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// G_t = r_t + gamma G_{t+1} along the valid tokens of each row, G_{n+1} = 0; 0 in the padding.
///
/// \source Sutton and Barto, Reinforcement Learning (2018), (3.9). With r_t the token rewards of
/// docs/mathematics.md 13.4 and
///   gamma = 1 it is the reward still to come, which sums to the trajectory reward at t = 1.
/// \param reward [batch, time], reward units; padding is never read
/// \param mask [batch, time], 1 on a prefix of each row
/// \param gamma discount per token, in [0, 1]
/// \param out [batch, time], must not overlap the inputs
/// \throws std::invalid_argument where shapes differ; std::domain_error where gamma is outside [0, 1]
/// \cost O(batch time), one pass
template <Array A, GoesWith<A> M, class Out>
void discounted_returns(const A& reward, const M& mask, double gamma, Out&& out) {
  require_same_shape("discounted_returns", "reward", reward, "mask", mask);
  require_domain(gamma >= 0 && gamma <= 1, "discounted_returns", "gamma in [0, 1]", gamma);
  array::linear_recurrence(array::select(mask, reward, 0.0), array::full_like(mask, gamma), out);
}

/// The same, returned. \returns [batch, time], reward units
template <Array A, GoesWith<A> M>
[[nodiscard]] value_t<A> discounted_returns(const A& reward, const M& mask, double gamma) {
  value_t<A> out;
  discounted_returns(reward, mask, gamma, out);
  return out;
}

}  // namespace rto
