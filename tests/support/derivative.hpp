#pragma once

// Derivatives by central differences of the double instantiation of a formula, for comparison with the autodiff tier.

#include "support/tolerance.hpp"

namespace rto::test {

/// f'(x), by (f(x + h) - f(x - h)) / 2h with the step of the gradient tier.
template <class F> [[nodiscard]] double central_difference(F&& f, double x) {
  constexpr double h = tolerance<double>::step;
  return (f(x + h) - f(x - h)) / (2 * h);
}

}  // namespace rto::test
