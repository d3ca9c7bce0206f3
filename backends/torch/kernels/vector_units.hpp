// What the loops for the vector units of the CPU share: compiled for several levels of x86-64, chosen at start-up.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

// Not where the compiler is told a processor with AVX2: a clone for another one could inline nothing.
#if defined(__AVX2__)
#define RTO_CLONES
#elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RTO_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#elif defined(__x86_64__) && defined(__clang__)
#define RTO_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RTO_CLONES
#endif
#define RTO_INLINE __attribute__((always_inline)) inline

namespace rto::vector_units {

inline constexpr std::int64_t lanes = 16;

RTO_INLINE float sum_of_lanes(float* sums) {
  for (std::int64_t width = lanes / 2; width > 0; width /= 2)
    for (std::int64_t j = 0; j < width; ++j) sums[j] += sums[j + width];
  return sums[0];
}

/// The largest of `n` numbers, -infinity of none; NaN does not count.
RTO_INLINE float largest_of(const float* x, std::int64_t n) {
  float most[lanes];
  for (float& m : most) m = -std::numeric_limits<float>::infinity();
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t j = 0; j < lanes; ++j) most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
  for (std::int64_t j = 0; i + j < n; ++j) most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
  return *std::max_element(most, most + lanes);
}

/// e^x for x <= 0: 2^k with a polynomial of degree 6 for the rest in [-ln 2 / 2, ln 2 / 2]; 0 below -87.
RTO_INLINE float exponential(float x) {
  const float bounded = std::max(x, -87.0F);
  const float k = std::floor(bounded * 1.44269504F + 0.5F);
  const float r = (bounded - k * 0.693359375F) + k * 2.12194440e-4F;
  float p = 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const float power = std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
  return x < -87.0F ? 0.0F : p * power;
}

}  // namespace rto::vector_units
