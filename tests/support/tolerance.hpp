#pragma once

// How closely two computations must agree, by the scalar type of the array. A test names a tier, never a number;
// loosening a tier needs a reason in the change log.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/scalar.hpp>

namespace rto::test {

/// The floating-point type of the entries of A: double for double, eigen_array<double> and their autodiff forms.
template <class A> struct number_of { using type = typename number_of<scalar_t<A>>::type; };
template <std::floating_point S> struct number_of<S> { using type = S; };
template <class D> struct number_of<Eigen::AutoDiffScalar<D>> { using type = typename std::remove_cvref_t<D>::Scalar; };

/// Tiers of agreement, relative to max(1, the largest magnitude compared).
template <class A> struct tolerance {
  static constexpr double epsilon = std::numeric_limits<typename number_of<A>::type>::epsilon();

  /// Two forms of one formula, a few roundings apart.
  static constexpr double identity = 64 * epsilon;
  /// One template on two array types: other summation order, other exp.
  static constexpr double cross_backend = 256 * epsilon;
  /// A derivative against central differences of the double instantiation with step `step`.
  static constexpr double gradient = 1e-7 > 256 * epsilon ? 1e-7 : 256 * epsilon;
  static constexpr double step = 6e-6;  // cube root of the double epsilon
  /// A sample mean against its expectation, in standard errors; two-sided false alarm 6e-5 at a fixed seed.
  static constexpr double statistical = 4;
};

/// True when got and want agree: non-finite values exactly, finite ones within tier * max(1, |want|).
[[nodiscard]] inline bool close(double got, double want, double tier) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(want) || !std::isfinite(got)) return got == want;
  return std::abs(got - want) <= tier * std::max(1.0, std::abs(want));
}

/// The largest |got - want| / max(1, largest finite |want|) over all entries; infinity where the lengths or the
/// non-finite entries differ. Compare with a tier: `CHECK(distance(got, want) <= tolerance<A>::identity)`.
[[nodiscard]] inline double distance(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double scale = 1, worst = 0;
  for (const double w : want)
    if (std::isfinite(w)) scale = std::max(scale, std::abs(w));
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (std::isfinite(want[i]) && std::isfinite(got[i]))
      worst = std::max(worst, std::abs(got[i] - want[i]) / scale);
    else if (!(std::isnan(want[i]) && std::isnan(got[i])) && got[i] != want[i])
      return std::numeric_limits<double>::infinity();
  }
  return worst;
}

/// The same for two arrays of the Array tier, of one shape.
template <Array A, Array B> [[nodiscard]] double distance(const A& got, const B& want) {
  if (array::rows(got) != array::rows(want) || array::cols(got) != array::cols(want))
    return std::numeric_limits<double>::infinity();
  return distance(array::to_host(got), array::to_host(want));
}

}  // namespace rto::test
