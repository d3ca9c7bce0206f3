#include "llm/model/kv_cache.hpp"

#include <torch/torch.h>

namespace rto::llm {

kv_cache::kv_cache(const model_config& c, std::int64_t slots, std::int64_t capacity, const at::TensorOptions& options)
    : lengths(static_cast<std::size_t>(slots), 0) {
  for (std::int64_t layer = 0; layer < c.layers; ++layer)
    for (std::vector<at::Tensor>* side : {&keys, &values})
      side->push_back(at::zeros({slots, c.key_value_heads, capacity, c.head_size}, options));
}

std::uint64_t kv_cache::bytes(const model_config& c, std::int64_t slots, std::int64_t capacity, at::ScalarType type) {
  return static_cast<std::uint64_t>(2 * c.layers * slots * c.key_value_heads * capacity * c.head_size) *
         c10::elementSize(type);
}

}  // namespace rto::llm
