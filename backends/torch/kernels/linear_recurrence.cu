// y_t = b_t + a_t y_{t+1}: a warp scans a row from its end, 32 steps at a time.
#include <cstdint>

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

namespace rto::detail {
namespace {

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

}  // namespace

at::Tensor linear_recurrence_cuda(const at::Tensor& b, const at::Tensor& a) {
  const c10::cuda::CUDAGuard device(b.device());
  const std::int64_t rows = b.size(0), time = b.size(1);
  at::Tensor y = at::empty({rows, time}, b.options());
  if (rows == 0 || time == 0) return y;
  AT_DISPATCH_FLOATING_TYPES(b.scalar_type(), "rto::linear_recurrence", [&] {
    const strided_view<scalar_t> from{b.const_data_ptr<scalar_t>(), b.stride(0), b.stride(1)};
    const strided_view<scalar_t> factor{a.const_data_ptr<scalar_t>(), a.stride(0), a.stride(1)};
    const auto blocks = static_cast<unsigned>((rows + warps_a_block - 1) / warps_a_block);
    linear_recurrence_kernel<<<blocks, warp * warps_a_block, 0, c10::cuda::getCurrentCUDAStream()>>>(
        from, factor, y.mutable_data_ptr<scalar_t>(), rows, time);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return y;
}

}  // namespace rto::detail
