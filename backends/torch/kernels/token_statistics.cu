// Log-probability, entropy and divergence of rows of logits, and their gradient: a block of threads a row, the vocabulary
// in packs of 16 bytes. Forward reads the logits once for log-probabilities, twice with entropy or divergence; backward
// reads them once and writes the gradient.
#include <cstdint>

#include <ATen/Dispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <rto/torch/row_statistics.hpp>

#include "token_statistics.cuh"

namespace rto::detail {

using namespace statistics;

namespace {

at::Tensor packed(const at::Tensor& x) { return !x.defined() || x.stride(1) == 1 ? x : x.contiguous(); }

template <class S> rows_of<S> rows(const at::Tensor& x) {
  return x.defined() ? rows_of<S>{x.const_data_ptr<S>(), x.stride(0)} : rows_of<S>{nullptr, 0};
}
// A column [rows, 1] as its entries; the caller keeps it alive.
template <class A> const A* entries(const at::Tensor& column) {
  return column.defined() ? column.const_data_ptr<A>() : nullptr;
}
template <class A> A* written(const at::Tensor& column) {
  return column.defined() ? column.mutable_data_ptr<A>() : nullptr;
}

}  // namespace

row_statistics token_statistics_cuda(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference,
                                     const token_statistics_options& options) {
  const c10::cuda::CUDAGuard device(logits.device());
  const at::Tensor x = packed(logits), q = packed(reference);
  const at::Tensor token = tokens.defined() ? tokens.contiguous() : tokens;
  const bool divergence = options.divergence != divergence_direction::none;
  const auto column = [&](bool wanted) {
    return wanted ? at::empty({x.size(0), 1}, x.options().dtype(accumulation_type(x.scalar_type()))) : at::Tensor();
  };
  row_statistics of{column(true), column(tokens.defined()), column(options.entropy), column(divergence),
                    column(divergence)};
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "rto::token_statistics", [&] {
    using A = typename accumulation<scalar_t>::type;
    forward_kernel<scalar_t>
        <<<static_cast<unsigned>(x.size(0)), threads, 0, c10::cuda::getCurrentCUDAStream()>>>(
            rows<scalar_t>(x), rows<scalar_t>(q), entries<std::int64_t>(token), x.size(1),
            options.divergence == divergence_direction::reference_to_policy,
            {written<A>(of.log_total), written<A>(of.log_probability), written<A>(of.entropy),
             written<A>(of.divergence), written<A>(of.reference_log_total)});
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
  return of;
}

void token_statistics_gradient_cuda(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& reference,
                                    const row_statistics& of, const token_statistics_options& options,
                                    const at::Tensor& d_log_probability, const at::Tensor& d_entropy,
                                    const at::Tensor& d_divergence, at::Tensor& gradient) {
  const c10::cuda::CUDAGuard device(logits.device());
  const at::Tensor x = packed(logits), q = packed(reference);
  const auto dense = [](const at::Tensor& t) { return t.defined() ? t.contiguous() : t; };
  const at::Tensor token = dense(tokens), dl = dense(d_log_probability), dh = dense(d_entropy), dk = dense(d_divergence);
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, x.scalar_type(), "rto::token_statistics", [&] {
    using A = typename accumulation<scalar_t>::type;
    backward_kernel<scalar_t>
        <<<static_cast<unsigned>(x.size(0)), threads, 0, c10::cuda::getCurrentCUDAStream()>>>(
            rows<scalar_t>(x), rows<scalar_t>(q), entries<std::int64_t>(token), x.size(1),
            options.divergence == divergence_direction::reference_to_policy,
            {entries<A>(of.log_total), nullptr, entries<A>(of.entropy), entries<A>(of.divergence),
             entries<A>(of.reference_log_total)},
            {nullptr, entries<A>(dl), entries<A>(dh), entries<A>(dk), nullptr},
            gradient.mutable_data_ptr<scalar_t>());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  });
}

}  // namespace rto::detail
