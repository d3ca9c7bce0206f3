// y_t = b_t + a_t y_{t+1}: a warp scans a row from its end, 32 steps at a time.
#include <cstdint>

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "linear_recurrence.cuh"

namespace rto::detail {

at::Tensor linear_recurrence_cuda(const at::Tensor& b, const at::Tensor& a) {
  using namespace recurrence;
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
