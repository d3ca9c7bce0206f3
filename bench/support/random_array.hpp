#pragma once

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cstdint>

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>

namespace rto::bench {

/// Standard normal entries from a fixed seed, the same on every machine.
template <class A = eigen_array<double>> A random_array(std::int64_t rows, std::int64_t cols, std::uint32_t seed) {
  boost::random::mt19937 rng(seed);
  boost::random::normal_distribution<double> normal;
  return A::NullaryExpr(rows, cols, [&] { return static_cast<typename A::Scalar>(normal(rng)); });
}

}  // namespace rto::bench
