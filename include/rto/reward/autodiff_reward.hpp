// A differentiable reward from a callable: values on plain numbers, derivatives on the autodiff scalar.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <rto/array/autodiff.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// Forward mode, eight derivatives in one pass; of fixed size, so that no operation allocates.
using autodiff_parameter = Eigen::AutoDiffScalar<Eigen::Matrix<double, 8, 1>>;

/// `f(edge, parameters)` gives r_theta(s, a) of one edge as the scalar type of the parameters it gets. It must return
/// that type itself: an expression of autodiff scalars would refer to operands that are gone.
template <class F>
concept TokenRewardFunction = requires(const F& f, std::int64_t edge, std::span<const double> theta,
                                       std::span<const autodiff_parameter> variables) {
  { f(edge, theta) } -> std::same_as<double>;
  { f(edge, variables) } -> std::same_as<autodiff_parameter>;
};

/// A model of DifferentiableReward. Inside the callable, functions are the verbs of `rto::array` (sigmoid, exp,
/// log_sigmoid, ...), which know the exact derivatives.
///
///     const auto f = [&](std::int64_t edge, const auto& theta) { using S = std::remove_cvref_t<decltype(theta[0])>;
///       const S inside = theta[0] * x(edge, 0) + theta[1] * x(edge, 1);
///       return S(theta[2] * rto::array::sigmoid(inside)); };
///     const rto::autodiff_reward reward(f, edges, 3);
template <TokenRewardFunction F> class autodiff_reward {
 public:
  /// \param function see TokenRewardFunction; for any edge in [0, edges) and any finite parameters
  /// \param edges m = states x actions, edge s A + a  \param parameters p >= 1
  /// \throws std::domain_error
  autodiff_reward(F function, std::int64_t edges, std::int64_t parameters)
      : function_(std::move(function)), edges_(edges), parameters_(parameters) {
    require_domain(edges >= 0, "autodiff_reward", "edges >= 0", static_cast<double>(edges));
    require_domain(parameters >= 1, "autodiff_reward", "parameters >= 1", static_cast<double>(parameters));
  }

  [[nodiscard]] std::int64_t parameters() const { return parameters_; }

  /// \param theta [p, 1]  \returns [m, 1]  \throws std::invalid_argument for the shape
  /// \cost m calls of the function
  template <LinearAlgebra M> [[nodiscard]] M values(const M& theta) const {
    require_shape("autodiff_reward", "theta", theta, parameters_, 1);
    const std::vector<double> at = array::to_host(theta);
    std::vector<double> values(static_cast<std::size_t>(edges_));
    for (std::int64_t e = 0; e < edges_; ++e)
      values[static_cast<std::size_t>(e)] = function_(e, std::span<const double>(at));
    return array::from_host(theta, std::span<const double>(values), edges_, 1);
  }

  /// \param theta [p, 1]  \returns [m, p]  \throws std::invalid_argument for the shape
  /// \cost m ceil(p / 8) calls of the function on scalars with eight derivatives each
  template <LinearAlgebra M> [[nodiscard]] M jacobian(const M& theta) const {
    require_shape("autodiff_reward", "theta", theta, parameters_, 1);
    constexpr std::int64_t pass = autodiff_parameter::DerType::RowsAtCompileTime;
    const std::vector<double> at = array::to_host(theta);
    std::vector<autodiff_parameter> variables(at.begin(), at.end());
    std::vector<double> rows(static_cast<std::size_t>(edges_ * parameters_));
    for (std::int64_t from = 0; from < parameters_; from += pass) {
      const std::int64_t to = std::min(from + pass, parameters_);
      for (std::int64_t k = from; k < to; ++k) variables[static_cast<std::size_t>(k)].derivatives()(k - from) = 1;
      for (std::int64_t e = 0; e < edges_; ++e) {
        const autodiff_parameter y = function_(e, std::span<const autodiff_parameter>(variables));
        for (std::int64_t k = from; k < to; ++k)
          rows[static_cast<std::size_t>(e * parameters_ + k)] = y.derivatives()(k - from);
      }
      for (std::int64_t k = from; k < to; ++k) variables[static_cast<std::size_t>(k)].derivatives()(k - from) = 0;
    }
    return array::from_host(theta, std::span<const double>(rows), edges_, parameters_);
  }

 private:
  F function_;
  std::int64_t edges_, parameters_;
};

}  // namespace rto
