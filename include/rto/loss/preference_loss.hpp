// What the preference losses share: the Bradley-Terry negative log-likelihood of a margin, with smoothed labels.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/preference/bradley_terry.hpp>

namespace rto {

/// l = -(1 - eps) log sigma(m) - eps log sigma(-m) of each pair. log 2 at m = 0.
///
/// \source Bradley and Terry 1952; label smoothing as in docs/mathematics.md 13.1
/// \param margin m, the reward of the preferred answer less that of the other one, reward units
/// \param label_smoothing eps in [0, 1/2]: the share of labels taken to be flipped
/// \returns the shape of the margin, nats, >= 0; take its mean over pairs
/// \gradient -(1 - eps) sigma(-m) + eps sigma(m)
/// \throws std::domain_error where the label smoothing is outside [0, 1/2]
/// \cost one pass
template <Elementwise A> [[nodiscard]] value_t<A> preference_loss(const A& margin, double label_smoothing = 0) {
  require_domain(label_smoothing >= 0 && label_smoothing <= 0.5, "preference_loss", "label_smoothing in [0, 1/2]",
                 label_smoothing);
  return -bradley_terry_log_likelihood(margin, array::full_like(margin, 1 - label_smoothing));
}

/// The share of pairs that the margin orders as labelled: m > 0 strictly, so 0 where the policy is the reference.
/// \param margin [pairs, 1] (any shape). \returns a scalar_t in [0, 1]; NaN without pairs
template <Array A> [[nodiscard]] scalar_t<A> preference_accuracy(const A& margin) {
  using namespace array;
  return sum(where_le(margin, 0.0, 0.0, full_like(margin, 1.0))) / sum(full_like(margin, 1.0));
}

}  // namespace rto
