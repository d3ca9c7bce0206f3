// The smallest neural reward: one hidden layer of tanh units on the features of a token.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/scalar.hpp>

namespace rto {

/// r_theta(s, a) = sum_{j < J} v_j tanh(b_j + <w_j, x(s, a)>), theta = (v_0, b_0, w_0, v_1, b_1, w_1, ...): a callable
/// for `autodiff_reward` with J (d + 2) parameters. An output bias would not be identified at fixed length and is left
/// out. Permutations of the units, and (v_j, b_j, w_j) -> -(v_j, b_j, w_j), leave the reward as it is.
class tanh_network {
 public:
  /// \param inputs x [m, d]  \param units J >= 1
  template <LinearAlgebra M>
  tanh_network(const M& inputs, std::int64_t units)
      : inputs_(array::to_host(inputs)), dimension_(array::cols(inputs)), units_(units) {}

  [[nodiscard]] std::int64_t parameters() const { return units_ * (dimension_ + 2); }
  [[nodiscard]] std::int64_t edges() const {
    return dimension_ == 0 ? 0 : static_cast<std::int64_t>(inputs_.size()) / dimension_;
  }

  /// sqrt(J + B^2 (1 + max ||x||^2)) >= ||dr/dtheta|| on ||theta|| <= B: a margin of two responses of at most H tokens
  /// has 2 H times this as its Lipschitz constant.
  [[nodiscard]] double gradient_bound(double bound) const {
    double largest = 0;
    for (std::int64_t e = 0; e < edges(); ++e) {
      double square = 0;
      for (std::int64_t k = 0; k < dimension_; ++k) {
        const double x = inputs_[static_cast<std::size_t>(e * dimension_ + k)];
        square += x * x;
      }
      largest = std::max(largest, square);
    }
    return std::sqrt(static_cast<double>(units_) + bound * bound * (1 + largest));
  }

  template <class S> [[nodiscard]] S operator()(std::int64_t edge, std::span<const S> theta) const {
    const double* const x = inputs_.data() + edge * dimension_;
    const S* unit = theta.data();
    S total = *unit * 0.0;
    for (std::int64_t j = 0; j < units_; ++j, unit += dimension_ + 2) {
      S inside = unit[1];
      for (std::int64_t k = 0; k < dimension_; ++k) inside += unit[2 + k] * x[k];
      const S twice = inside * 2.0;
      const S tanh = array::sigmoid(twice) * 2.0 - 1.0;  // tanh u = 2 sigma(2u) - 1
      total += unit[0] * tanh;
    }
    return total;
  }

 private:
  std::vector<double> inputs_;
  std::int64_t dimension_, units_;
};

}  // namespace rto
