#include "llm/model/cached_attention_cpu.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <vector>

#include <rto/torch/for_blocks.hpp>

#include "llm/model/cpu_kernels.hpp"

namespace rto::llm {
at::Tensor cached_attention_cpu(const at::Tensor& queries, const cache_places& places, const at::Tensor& keys,
                                const at::Tensor& values) {
  const std::int64_t tokens = queries.size(0), heads = queries.size(1), size = queries.size(2);
  const std::int64_t shared = heads / keys.size(1), capacity = keys.size(2), slot_stride = keys.stride(0);
  const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(size)));
  at::Tensor out = at::empty({tokens, heads * size}, queries.options());
  const std::int64_t* const slot = places.token_slot.const_data_ptr<std::int64_t>();
  const std::int64_t* const position = places.token_position.const_data_ptr<std::int64_t>();
  const auto run = [&]<class T>(T) {
    const T *const q = queries.const_data_ptr<T>(), *const k = keys.const_data_ptr<T>(),
                   *const v = values.const_data_ptr<T>();
    T* const o = out.mutable_data_ptr<T>();
    const std::int64_t by_token = queries.stride(0), by_head = queries.stride(1);
    // A range is worth a thread: some ten thousand products at the least.
    const std::int64_t grain = std::max<std::int64_t>(4, 32768 / (capacity * size));
    detail::for_ranges(tokens * heads, grain, [&](std::int64_t from, std::int64_t to) {
      std::vector<float> scratch(static_cast<std::size_t>(2 * size + capacity));
      for (std::int64_t i = from; i < to; ++i) {
        const std::int64_t t = i / heads, h = i % heads, place = slot[t] * slot_stride + (h / shared) * capacity * size;
        attend(q + t * by_token + h * by_head, k + place, v + place, o + i * size, position[t] + 1, size, scale,
               scratch.data());
      }
    });
  };
  switch (queries.scalar_type()) {
    case at::kFloat:
      run(float());
      break;
    case at::kHalf:
      run(at::Half());
      break;
    case at::kBFloat16:
      run(at::BFloat16());
      break;
    default:
      throw std::invalid_argument("rto::llm::cached_attention: expected float32, float16 or bfloat16");
  }
  return out;
}

void store_cpu(const at::Tensor& vectors, const cache_places& places, const at::Tensor& side) {
  const std::int64_t tokens = vectors.size(0), heads = vectors.size(1);
  const std::int64_t* const slot = places.token_slot.const_data_ptr<std::int64_t>();
  const std::int64_t* const position = places.token_position.const_data_ptr<std::int64_t>();
  const std::size_t width = vectors.element_size(), bytes = static_cast<std::size_t>(vectors.size(2)) * width;
  const auto at_bytes = [&](std::int64_t elements) { return static_cast<std::size_t>(elements) * width; };
  const char* const from = static_cast<const char*>(vectors.const_data_ptr());
  char* const to = static_cast<char*>(side.mutable_data_ptr());
  for (std::int64_t t = 0; t < tokens; ++t)
    for (std::int64_t h = 0; h < heads; ++h)
      std::memcpy(to + at_bytes(slot[t] * side.stride(0) + h * side.stride(1) + position[t] * side.stride(2)),
                  from + at_bytes(t * vectors.stride(0) + h * vectors.stride(1)), bytes);
}

}  // namespace rto::llm
