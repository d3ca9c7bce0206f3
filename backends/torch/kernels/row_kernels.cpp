#include <rto/torch/row_kernels.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "vector_units.hpp"

namespace rto::detail {
namespace {

using namespace rto::vector_units;

constexpr std::int64_t piece = 4096;  // floats that stay in the nearest cache

// The numbers of a piece as floats: themselves, or copied.
template <class T> RTO_INLINE const float* floats_of(const T* x, std::int64_t n, float* copy) {
  if constexpr (std::is_same_v<T, float>) return x;
  for (std::int64_t i = 0; i < n; ++i) copy[i] = static_cast<float>(x[i]);
  return copy;
}

// With d_j = x_j - shift <= 0: sum_j e^d_j, and sum_j d_j e^d_j, 0 where x_j is -infinity.
struct exponential_sums {
  double plain = 0, weighted = 0;
};
template <bool Weighted> RTO_INLINE exponential_sums exponentials(const float* x, std::int64_t n, float shift) {
  float plain[lanes] = {}, weighted[lanes] = {};
  const auto add = [&](std::int64_t i, std::int64_t j) __attribute__((always_inline)) {
    const float d = x[i] - shift, e = exponential(d);
    plain[j] += e;
    if constexpr (Weighted) weighted[j] += std::max(d, -87.0F) * e;
  };
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t j = 0; j < lanes; ++j) add(i + j, j);
  for (std::int64_t j = 0; i + j < n; ++j) add(i + j, j);
  return {sum_of_lanes(plain), Weighted ? sum_of_lanes(weighted) : 0.0F};
}

template <bool Weighted, class T> RTO_INLINE row_sums sums(const T* x, std::int64_t n) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  float most = -infinity, copy[std::is_same_v<T, float> ? 1 : piece];
  exponential_sums total;
  for (std::int64_t from = 0; from < n; from += piece) {
    const std::int64_t m = std::min(piece, n - from);
    const float* const part = floats_of(x + from, m, copy);
    const float most_here = largest_of(part, m);
    if (most_here > most) {  // d_j of what was added before becomes d_j + shift
      const double shift = static_cast<double>(most) - most_here, factor = std::exp(shift);
      total = most == -infinity
                  ? exponential_sums{total.plain, total.plain}  // 0, or NaN
                  : exponential_sums{total.plain * factor, factor * (total.weighted + shift * total.plain)};
      most = most_here;
    }
    if (most == -infinity) {  // nothing is allowed so far, but a NaN is seen
      for (std::int64_t i = 0; i < m; ++i) total.plain += std::isnan(part[i]) ? part[i] : 0.0F;
      continue;
    }
    const exponential_sums more = exponentials<Weighted>(part, m, most);
    total.plain += more.plain;
    total.weighted += more.weighted;
  }
  if (most == -infinity && total.plain == 0) return {-infinity, 0};
  const double log_sum = std::log(total.plain);
  return {static_cast<float>(most + log_sum), static_cast<float>(log_sum - total.weighted / total.plain)};
}

template <class T>
RTO_INLINE void gradient_of(const T* x, T* gradient, std::int64_t n, const row_sums& of, float d_log_probability,
                            float d_entropy) {
  float copy[std::is_same_v<T, float> ? 1 : piece];
  for (std::int64_t from = 0; from < n; from += piece) {
    const std::int64_t m = std::min(piece, n - from);
    const float* const part = floats_of(x + from, m, copy);
    for (std::int64_t i = 0; i < m; ++i) {
      const float log_p = part[i] - of.log_total;
      gradient[from + i] = static_cast<T>(-exponential(log_p) *
                                          (d_log_probability + d_entropy * (std::max(log_p, -87.0F) + of.entropy)));
    }
  }
}

}  // namespace

#define RTO_ROW_KERNELS(T)                                                                     \
  RTO_CLONES row_sums sums_of_row(const T* x, std::int64_t n, bool entropy) {                  \
    return entropy ? sums<true>(x, n) : sums<false>(x, n);                                     \
  }                                                                                            \
  RTO_CLONES void gradient_of_row(const T* x, T* gradient, std::int64_t n, const row_sums& of, \
                                  float d_log_probability, float d_entropy) {                  \
    gradient_of(x, gradient, n, of, d_log_probability, d_entropy);                             \
  }
RTO_ROW_KERNELS(float)
RTO_ROW_KERNELS(c10::Half)
RTO_ROW_KERNELS(c10::BFloat16)

}  // namespace rto::detail
