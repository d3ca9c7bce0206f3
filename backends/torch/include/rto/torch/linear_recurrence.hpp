// y_t = b_t + a_t y_{t+1} on tensors, without a launch for every step.
//
// On the CPU one pass over memory, on CUDA one kernel (a warp scans a row: RTO_TORCH_KERNELS, where a CUDA compiler was
// there to build it), elsewhere log2(time) rounds of doubling. The gradient is two more such recurrences.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <type_traits>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <rto/torch/for_blocks.hpp>

namespace rto::detail {

#ifdef RTO_TORCH_KERNELS
/// The CUDA kernel; b, a [rows, time], double or float, any strides. backends/torch/kernels/linear_recurrence.cu
at::Tensor linear_recurrence_cuda(const at::Tensor& b, const at::Tensor& a);
#endif

/// By doubling: after round k every entry has collected the 2^k steps from it on. \cost O(size log time), any device.
inline at::Tensor linear_recurrence_by_doubling(const at::Tensor& b, const at::Tensor& a) {
  const std::int64_t time = b.size(1);
  at::Tensor y = b, factor = a;
  for (std::int64_t step = 1; step < time; step *= 2) {
    const std::int64_t rest = time - step;
    // The last `step` entries are complete already; nothing lies beyond them, whatever their factors are.
    const at::Tensor head = factor.narrow(1, 0, rest);
    y = at::cat({y.narrow(1, 0, rest) + head * y.narrow(1, step, rest), y.narrow(1, rest, step)}, 1);
    if (2 * step < time)
      factor = at::cat({head * factor.narrow(1, step, rest), at::zeros_like(factor.narrow(1, rest, step))}, 1);
  }
  return y;
}

/// One pass from the last step to the first, eight rows at a time, so that the chain of one row hides behind those of
/// its neighbours.
inline at::Tensor linear_recurrence_cpu(const at::Tensor& b, const at::Tensor& a) {
  at::Tensor y = at::empty({b.size(0), b.size(1)}, b.options());
  const std::int64_t rows = b.size(0), time = b.size(1);
  if (rows == 0 || time == 0) return y;
  AT_DISPATCH_FLOATING_TYPES(b.scalar_type(), "rto::linear_recurrence", [&] {
    struct view {
      const scalar_t* data;
      std::int64_t row, step;
      const scalar_t& operator()(std::int64_t i, std::int64_t t) const { return data[i * row + t * step]; }
    };
    const view from{b.const_data_ptr<scalar_t>(), b.stride(0), b.stride(1)};
    const view factor{a.const_data_ptr<scalar_t>(), a.stride(0), a.stride(1)};
    scalar_t* to = y.mutable_data_ptr<scalar_t>();
    constexpr std::int64_t block = 8;
    const std::int64_t grain = std::max<std::int64_t>(1, at::internal::GRAIN_SIZE / (block * time));
    for_ranges((rows + block - 1) / block, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin * block; i < std::min(end * block, rows); i += block) {
        const std::int64_t m = std::min(block, rows - i);
        std::array<scalar_t, block> later{};
        for (std::int64_t k = 0; k < m; ++k) to[(i + k) * time + time - 1] = later[k] = from(i + k, time - 1);
        for (std::int64_t t = time - 1; t-- > 0;)
          for (std::int64_t k = 0; k < m; ++k)
            to[(i + k) * time + t] = later[k] = from(i + k, t) + factor(i + k, t) * later[k];
      }
    });
  });
  return y;
}

inline at::Tensor linear_recurrence(const at::Tensor& b, const at::Tensor& a);

/// With L the loss: g_t = dL/dy_t gives dL/db_t = l_t = g_t + a_{t-1} l_{t-1}, forward in time, and dL/da_t = l_t
/// y_{t+1}.
struct linear_recurrence_function : ::torch::autograd::Function<linear_recurrence_function> {
  static at::Tensor compute(const at::Tensor& b, const at::Tensor& a) {
    const at::ScalarType type = b.scalar_type();
    if (type != at::kDouble && type != at::kFloat) return compute(b.to(at::kFloat), a.to(at::kFloat)).to(type);
    if (b.device().is_cpu()) return linear_recurrence_cpu(b, a);
#ifdef RTO_TORCH_KERNELS
    if (b.is_cuda()) return linear_recurrence_cuda(b, a);
#endif
    return linear_recurrence_by_doubling(b, a);
  }
  static at::Tensor forward(::torch::autograd::AutogradContext* ctx, const at::Tensor& b, const at::Tensor& a) {
    const at::Tensor y = compute(b, a);
    ctx->save_for_backward({a, y});
    return y;
  }
  static ::torch::autograd::variable_list backward(::torch::autograd::AutogradContext* ctx,
                                                   const ::torch::autograd::variable_list& gradient) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &a = saved[0], &y = saved[1];
    const std::int64_t time = a.size(1);
    if (time == 0) return {gradient[0], at::zeros_like(a)};
    const at::Tensor before = at::constant_pad_nd(a.narrow(1, 0, time - 1), {1, 0});
    const at::Tensor l = linear_recurrence(gradient[0].flip(1), before.flip(1)).flip(1);
    if (!ctx->needs_input_grad(1)) return {l, at::Tensor()};
    return {l, at::constant_pad_nd(l.narrow(1, 0, time - 1) * y.narrow(1, 1, time - 1), {0, 1})};
  }
};

/// y_t = b_t + a_t y_{t+1}; half and bfloat16 are accumulated in float.
/// \param b, a [rows, time], of one type on one device  \returns [rows, time]
inline at::Tensor linear_recurrence(const at::Tensor& b, const at::Tensor& a) {
  if (at::GradMode::is_enabled() && (b.requires_grad() || a.requires_grad()))
    return linear_recurrence_function::apply(b, a);
  return linear_recurrence_function::compute(b, a);
}

}  // namespace rto::detail
