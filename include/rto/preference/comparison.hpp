// Comparison data: what maximum likelihood, covariance and confidence sets are computed from.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include <rto/array/linear_algebra.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// n comparisons of two trajectories of one prompt, as differences of their features.
///
/// x_i = Phi(tau_i^1) - Phi(tau_i^2), y_i in [0, 1]: 1 where the first was preferred, 1/2 for a tie, anything between
/// for soft labels; w_i >= 0 counts how often the comparison was seen (or how much it weighs).
/// X may own its entries (a dense or a row-major sparse Eigen matrix), or be a Map of the caller's memory, no copy.
template <DesignMatrix X> struct comparison_set {
  X features;         ///< [n, d]
  dense_t<X> label;   ///< [n, 1], in [0, 1]
  dense_t<X> weight;  ///< [n, 1], finite and >= 0; empty (0 x 0): all ones

  [[nodiscard]] std::int64_t size() const { return array::rows(features); }
  [[nodiscard]] std::int64_t dimension() const { return array::cols(features); }
  [[nodiscard]] bool weighted() const { return array::rows(weight) * array::cols(weight) > 0; }
};

template <DesignMatrix X> comparison_set(X, dense_t<X>) -> comparison_set<X>;
template <DesignMatrix X> comparison_set(X, dense_t<X>, dense_t<X>) -> comparison_set<X>;

/// The weights [n, 1], ones where the set has none.
template <DesignMatrix X> [[nodiscard]] dense_t<X> weights(const comparison_set<X>& comparisons) {
  if (comparisons.weighted()) return comparisons.weight;
  return array::full(comparisons.features, comparisons.size(), 1, 1.0);
}

/// Shapes only. \throws std::invalid_argument \cost O(1)
template <DesignMatrix X> void require_shapes(const char* function, const comparison_set<X>& comparisons) {
  const auto complain = [&](const char* name, const dense_t<X>& column) {
    throw std::invalid_argument(std::string("rto::") + function + ": " + name + " must be [" +
                                std::to_string(comparisons.size()) + ", 1], got [" +
                                std::to_string(array::rows(column)) + ", " + std::to_string(array::cols(column)) + "]");
  };
  const auto is_column = [&](const dense_t<X>& m) {
    return array::rows(m) == comparisons.size() && (array::cols(m) == 1 || comparisons.size() == 0);
  };
  if (!is_column(comparisons.label)) complain("label", comparisons.label);
  if (comparisons.weighted() && !is_column(comparisons.weight)) complain("weight", comparisons.weight);
  require_same_kind(function, "features", comparisons.features, "label", comparisons.label);
  require_same_kind(function, "features", comparisons.features, "weight", comparisons.weight);
}

/// Checks shapes and every entry: features finite, labels in [0, 1], weights finite and >= 0.
/// \throws std::invalid_argument for shapes, std::domain_error for entries, naming the argument
/// \cost O(n d) or the number of stored entries; synchronises with a device
template <DesignMatrix X> void validate(const comparison_set<X>& comparisons) {
  require_shapes("validate", comparisons);
  const auto reject = [](const char* what) {
    throw std::domain_error(std::string("rto::validate: comparison_set.") + what);
  };
  // The smallest entry, NaN where one is NaN: written so that NaN fails every test below.
  const auto all_at_least = [](const elementwise_t<dense_t<X>>& a, double low) {
    const elementwise_t<dense_t<X>> bad =
        array::where_le(array::full_like(a, low), a, array::full_like(a, 0.0), array::full_like(a, 1.0));
    return array::item(array::sum(bad)) == 0.0;
  };
  if (comparisons.size() == 0) return;
  if (!array::all_finite(comparisons.features)) reject("features: need finite entries, got NaN or infinity");
  const elementwise_t<dense_t<X>> label = array::elementwise(comparisons.label);
  if (!all_at_least(label, 0.0) || !all_at_least(-label, -1.0))
    reject("label: need entries in [0, 1], got one outside or NaN");
  if (comparisons.weighted()) {
    const elementwise_t<dense_t<X>> weight = array::elementwise(comparisons.weight);
    if (!array::all_finite(weight) || !all_at_least(weight, 0.0))
      reject("weight: need finite entries >= 0, got one that is not");
  }
}

/// The comparison set of n pairs given the features of both trajectories: features = first - second.
/// \param first,second [n, d] features Phi(tau_i^1), Phi(tau_i^2)
/// \param label [n, 1] in [0, 1], 1 where the first was preferred
/// \throws std::invalid_argument when the shapes differ
template <DesignMatrix X>
[[nodiscard]] auto difference(const X& first, const X& second, const dense_t<X>& label) -> comparison_set<value_t<X>> {
  if (array::rows(first) != array::rows(second) || array::cols(first) != array::cols(second))
    throw std::invalid_argument("rto::difference: first and second need one shape, got [" +
                                std::to_string(array::rows(first)) + ", " + std::to_string(array::cols(first)) +
                                "] and [" + std::to_string(array::rows(second)) + ", " +
                                std::to_string(array::cols(second)) + "]");
  comparison_set<value_t<X>> comparisons{value_t<X>(first - second), label, {}};
  require_shapes("difference", comparisons);
  return comparisons;
}

}  // namespace rto
