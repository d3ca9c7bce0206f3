// The device code of linear_recurrence.cu: also compiled on the host, where its tests run every thread of it in turn.
#pragma once

#include <cstdint>

namespace rto::detail {
namespace recurrence {

constexpr int warp = 32, warps_a_block = 4;

template <class S> struct strided_view {
  const S* data;
  std::int64_t row, step;
  __device__ S operator()(std::int64_t i, std::int64_t t) const { return data[i * row + t * step]; }
};

// A lane holds y = b + a y' for the y' one step beyond what it covers; two neighbours compose to
// b + a (b' + a' y'') = (b + a b') + (a a') y''.
template <class S>
__global__ void linear_recurrence_kernel(strided_view<S> b, strided_view<S> a, S* y, std::int64_t rows,
                                         std::int64_t time) {
  const int lane = threadIdx.x % warp;
  const std::int64_t i = std::int64_t{blockIdx.x} * warps_a_block + threadIdx.x / warp;
  if (i >= rows) return;  // whole warps leave together
  S later = 0;            // the first y of the steps done already
  for (std::int64_t from = (time - 1) / warp * warp; from >= 0; from -= warp) {
    const std::int64_t t = from + lane;
    // Beyond the end nothing is added; nothing lies behind the last step, whatever its factor is.
    S sum = t < time ? b(i, t) : S(0), factor = t + 1 < time ? a(i, t) : S(0);
    for (int reach = 1; reach < warp; reach *= 2) {
      const S next_sum = __shfl_down_sync(0xffffffffu, sum, reach);
      const S next_factor = __shfl_down_sync(0xffffffffu, factor, reach);
      if (lane + reach < warp) {
        sum += factor * next_sum;
        factor *= next_factor;
      }
    }
    sum += factor * later;
    if (t < time) y[i * time + t] = sum;
    later = __shfl_sync(0xffffffffu, sum, 0);
  }
}

}  // namespace recurrence
}  // namespace rto::detail
