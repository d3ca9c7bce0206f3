#pragma once
// Attention to a cache on the CPU: rows of any lengths without padding, copies or a mask.
#include "llm/model/attention.hpp"

namespace rto::llm {

/// The same as `cached_attention`, by loops over the cache as it lies there; sums in float.
at::Tensor cached_attention_cpu(const at::Tensor& queries, const cache_places& places, const at::Tensor& keys,
                                const at::Tensor& values);

/// Copies vectors [tokens, key_value_heads, head_size] to their places of one side of a layer's cache.
void store_cpu(const at::Tensor& vectors, const cache_places& places, const at::Tensor& side);

}  // namespace rto::llm
