// Native loops over blocks on the CPU, on the threads that LibTorch's own operations run on.
#pragma once

#include <algorithm>
#include <cstdint>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

namespace rto::detail {

/// f(0) .. f(blocks - 1), each once, in any order, on at::get_num_threads() threads; an exception of f is thrown here.
///
/// at::parallel_for runs one after the other in a file that is not compiled for OpenMP, and LibTorch's wheels have no
/// other pool for loops. Its iterator over the entries of a tensor is compiled inside LibTorch: one entry is a block.
template <class F> void for_blocks(std::int64_t blocks, F&& f) {
  if (blocks <= 1 || at::get_num_threads() == 1) {
    for (std::int64_t block = 0; block < blocks; ++block) f(block);
    return;
  }
  at::Tensor places = at::empty({blocks}, at::kByte);
  const char* const first = static_cast<const char*>(places.const_data_ptr());
  const auto loop = [&](char** data, const std::int64_t* strides, std::int64_t inner, std::int64_t outer) {
    for (std::int64_t j = 0; j < outer; ++j)
      for (std::int64_t i = 0; i < inner; ++i) f(data[0] + i * strides[0] + j * strides[1] - first);
  };
  at::TensorIterator::nullary_op(places).for_each(loop, /*grain_size=*/1);
}

/// f(from, to) for consecutive ranges of 0 .. n - 1, of `grain` numbers each but the last: at::parallel_for, on
/// threads.
template <class F> void for_ranges(std::int64_t n, std::int64_t grain, F&& f) {
  for_blocks((n + grain - 1) / grain, [&](std::int64_t block) { f(block * grain, std::min(n, (block + 1) * grain)); });
}

}  // namespace rto::detail
