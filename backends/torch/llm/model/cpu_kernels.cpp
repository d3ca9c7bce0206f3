#include "llm/model/cpu_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/vector_units.hpp"

namespace rto::llm {
namespace {

using namespace rto::vector_units;

/// sum_i a_i b_i in `lanes` partial sums, an order that a vector unit can follow.
template <class T> RTO_INLINE float dot(const float* a, const T* b, std::int64_t n) {
  float sums[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::int64_t j = 0; j < lanes; ++j) sums[j] += a[i + j] * static_cast<float>(b[i + j]);
  for (std::int64_t j = 0; i + j < n; ++j) sums[j] += a[i + j] * static_cast<float>(b[i + j]);
  return sum_of_lanes(sums);
}

template <class T>
RTO_INLINE void attend_one(const T* query, const T* keys, const T* values, T* out, std::int64_t n, std::int64_t size,
                           float scale, float* scratch) {
  float *const q = scratch, *const sum = scratch + size, *const weight = scratch + 2 * size;
  for (std::int64_t i = 0; i < size; ++i) {
    q[i] = static_cast<float>(query[i]) * scale;
    sum[i] = 0;
  }
  float most = -std::numeric_limits<float>::infinity();
  for (std::int64_t t = 0; t < n; ++t) {
    weight[t] = dot(q, keys + t * size, size);
    most = std::max(most, weight[t]);
  }
  float total = 0;
  for (std::int64_t t = 0; t < n; ++t) weight[t] = exponential(weight[t] - most);
  for (std::int64_t t = 0; t < n; ++t) {
    const float w = weight[t];
    total += w;
    const T* const v = values + t * size;
    for (std::int64_t i = 0; i < size; ++i) sum[i] += w * static_cast<float>(v[i]);
  }
  for (std::int64_t i = 0; i < size; ++i) out[i] = static_cast<T>(sum[i] / total);
}

}  // namespace

RTO_CLONES void attend(const float* query, const float* keys, const float* values, float* out, std::int64_t n,
                       std::int64_t size, float scale, float* scratch) {
  attend_one(query, keys, values, out, n, size, scale, scratch);
}
RTO_CLONES void attend(const c10::Half* query, const c10::Half* keys, const c10::Half* values, c10::Half* out,
                       std::int64_t n, std::int64_t size, float scale, float* scratch) {
  attend_one(query, keys, values, out, n, size, scale, scratch);
}
RTO_CLONES void attend(const c10::BFloat16* query, const c10::BFloat16* keys, const c10::BFloat16* values,
                       c10::BFloat16* out, std::int64_t n, std::int64_t size, float scale, float* scratch) {
  attend_one(query, keys, values, out, n, size, scale, scratch);
}

RTO_CLONES float largest(const float* x, std::int64_t n) { return largest_of(x, n); }

RTO_CLONES float sum_of_exponentials(const float* x, std::int64_t n, float shift, float scale) {
  constexpr std::int64_t piece = 16 * lanes;
  float sums[lanes] = {}, terms[piece];
  for (std::int64_t from = 0; from < n; from += piece) {
    const std::int64_t m = std::min(piece, n - from);
    for (std::int64_t i = 0; i < m; ++i) terms[i] = exponential((x[from + i] - shift) * scale);
    for (std::int64_t i = m; i < (m + lanes - 1) / lanes * lanes; ++i) terms[i] = 0;
    for (std::int64_t i = 0; i < m; i += lanes)
      for (std::int64_t j = 0; j < lanes; ++j) sums[j] += terms[i + j];
  }
  return sum_of_lanes(sums);
}

}  // namespace rto::llm
