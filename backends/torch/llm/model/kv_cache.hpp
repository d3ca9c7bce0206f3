#pragma once
// Keys and values of the tokens that a generation has seen.
#include <ATen/core/Tensor.h>

#include <vector>

#include "llm/checkpoint/model_config.hpp"

namespace rto::llm {

/// Room for `slots` texts of at most `capacity` tokens, allocated once. A slot is emptied by setting its length to 0.
struct kv_cache {
  std::vector<at::Tensor> keys, values;  // of every layer: [slots, key_value_heads, capacity, head_size]
  std::vector<std::int64_t> lengths;     // tokens in every slot

  kv_cache(const model_config& config, std::int64_t slots, std::int64_t capacity, const at::TensorOptions& options);
  std::int64_t capacity() const { return keys.front().size(2); }
  static std::uint64_t bytes(const model_config& config, std::int64_t slots, std::int64_t capacity,
                             at::ScalarType type);
};

}  // namespace rto::llm
