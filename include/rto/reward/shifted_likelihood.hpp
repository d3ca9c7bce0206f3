// The negative log-likelihood as the solvers of reward_mle see it: scaled so that nothing underflows.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include <rto/array/linear_algebra.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>

namespace rto::detail {

/// grad(-l) times e^shift. On separable data with a large B every term is about e^-margin; the shift keeps them from
/// underflowing, and Newton's method over the ball does not see a common factor.
template <LinearAlgebra M> struct shifted_gradient {
  M vector;            ///< e^shift grad(-l), [d, 1]
  double scale = 0.0;  ///< e^shift sum_i w_i (y_i (1 - p_i) + (1 - y_i) p_i) ||x_i||: what cancels in it
};

/// log |y - sigma(z)| of hard labels, and about that of soft ones.
template <Elementwise E> [[nodiscard]] E log_residual_magnitude(const E& z, const E& y) {
  const E first = array::log_sigmoid(-z), second = array::log_sigmoid(z);
  const E nothing = array::full_like(z, -std::numeric_limits<double>::infinity());
  const E zero = array::full_like(z, 0.0);
  const E a = array::where_le(y, zero, nothing, first);            // y > 0: sigma(-z) enters
  const E b = array::where_le(E(1.0 - y), zero, nothing, second);  // y < 1: sigma(z) enters
  return array::where_le(a, b, b, a);
}

/// -e^shift log sigma(z): beyond z = 37, where log1p(e^-z) = e^-z to rounding, as e^(shift - z).
template <Elementwise E> [[nodiscard]] E shifted_loss(const E& z, double shift) {
  const E far = array::full_like(z, 37.0);
  const E far_value = array::exp(shift - array::where_le(far, z, z, far));
  const E near_value = -std::exp(shift) * array::log_sigmoid(z);
  return array::where_le(far, z, far_value, near_value);
}

/// -l of a comparison set and its derivatives, up to terms that do not depend on theta (comparisons with x_i = 0).
template <DesignMatrix X> class shifted_objective {
 public:
  using M = dense_t<X>;
  using E = elementwise_t<M>;

  explicit shifted_objective(const comparison_set<X>& comparisons)
      : features_(comparisons.features),
        label_(array::elementwise(comparisons.label)),
        row_norm_(array::sqrt(array::elementwise(M(array::row_squared_norms(comparisons.features))))) {
    const M all = weights(comparisons);
    const E zero = array::full_like(label_, 0.0);
    weight_ = array::where_le(row_norm_, zero, zero, E(array::elementwise(all)));
  }

  [[nodiscard]] M margin(const M& theta) const { return array::product(features_, theta); }
  [[nodiscard]] const X& features() const { return features_; }
  [[nodiscard]] const E& row_norm() const { return row_norm_; }
  [[nodiscard]] const E& label() const { return label_; }
  [[nodiscard]] const E& weight() const { return weight_; }  ///< 0 where x_i = 0

  /// The shift at which the largest residual is of order one; 0 unless every one is below e^-30.
  [[nodiscard]] double natural_shift(const M& margin) const {
    const E z = array::elementwise(margin);
    const E nothing = array::full_like(z, -std::numeric_limits<double>::infinity());
    const E zero = array::full_like(z, 0.0);
    const E size = array::where_le(weight_, zero, nothing, log_residual_magnitude(z, label_));
    const double largest = array::item(array::max_coeff(size));
    return largest < -30.0 && std::isfinite(largest) ? -largest : 0.0;
  }
  [[nodiscard]] double value(const M& margin, double shift) const {
    const E z = array::elementwise(margin);
    const E zero = array::full_like(z, 0.0);
    const E first = label_ * shifted_loss(z, shift), second = (1.0 - label_) * shifted_loss(E(-z), shift);
    // Not 0 * inf where a label is hard and the side that does not count has overflowed.
    const E a = array::where_le(label_, zero, zero, first), b = array::where_le(E(1.0 - label_), zero, zero, second);
    return array::item(array::sum(array::where_le(weight_, zero, zero, E(weight_ * (a + b)))));
  }
  [[nodiscard]] shifted_gradient<M> gradient(const M& margin, double shift) const {
    const E z = array::elementwise(margin);
    const E zero = array::full_like(z, 0.0);
    const E above = weight_ * (1.0 - label_), below = weight_ * label_;
    // Not 0 * inf: on the side that does not count, and where x_i = 0, the shift may overflow.
    const E second = array::where_le(above, zero, zero, E(above * array::exp(array::log_sigmoid(z) + shift)));
    const E first = array::where_le(below, zero, zero, E(below * array::exp(array::log_sigmoid(-z) + shift)));
    const E residual = second - first;
    return {array::transposed_product(features_, M(array::matrix(residual))),
            array::item(array::sum(E((second + first) * row_norm_)))};
  }
  /// First and second derivative of -l along a line on which the margins move by `along`.
  [[nodiscard]] std::pair<double, double> directional_derivatives(const M& margin, const M& along) const {
    const E z = array::elementwise(margin), move = array::elementwise(along);
    const E first = weight_ * move * ((1.0 - label_) * array::sigmoid(z) - label_ * array::sigmoid(-z));
    const E second = weight_ * move * move * array::sigmoid(z) * array::sigmoid(-z);
    return {array::item(array::sum(first)), array::item(array::sum(second))};
  }
  [[nodiscard]] M information(const M& margin, double shift) const {
    const E z = array::elementwise(margin);
    const E zero = array::full_like(z, 0.0);
    const E slope = array::exp(array::log_sigmoid(z) + array::log_sigmoid(-z) + shift);
    const E curvature = array::where_le(weight_, zero, zero, E(weight_ * slope));
    return array::weighted_gram(features_, M(array::matrix(curvature)));
  }

 private:
  const X& features_;
  E label_, row_norm_, weight_;
};

}  // namespace rto::detail
