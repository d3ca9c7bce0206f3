#pragma once
// Causal attention of packed rows, alone or after what a cache holds.
#include <ATen/core/Tensor.h>

#include <vector>

#include "llm/model/kv_cache.hpp"
#include "llm/model/packed_rows.hpp"
#include "llm/model/rotary.hpp"

namespace rto::llm {

/// Rows of one length that follow each other: one call of the attention kernel, no padding.
struct row_group {
  std::int64_t rows = 0, length = 0;
};
std::vector<row_group> group_rows(const std::vector<std::int64_t>& lengths);

/// Queries, keys and values [tokens, heads, head_size] of rows that start anew: softmax(q k^T / sqrt(head_size)) v over
/// each row's own earlier tokens. \returns [tokens, heads head_size]
at::Tensor causal_attention(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                            const std::vector<row_group>& groups);

/// Where the tokens of a pass go in a cache.
struct cache_places {
  std::vector<std::int64_t> slots;        // of every row
  std::vector<std::int64_t> lengths;      // tokens of every row in this pass
  std::vector<std::int64_t> past;         // tokens of every row before it
  at::Tensor token_slot, token_position;  // [tokens] int64, on the device
  bool fresh = true;                      // nothing is in the cache yet: rows attend to themselves only
};
cache_places make_cache_places(const packed_rows& rows, const kv_cache& cache, const std::vector<std::int64_t>& slots);

/// Puts keys and values [tokens, key_value_heads, head_size] of a layer where they belong.
void store(const at::Tensor& keys, const at::Tensor& values, const cache_places& places, kv_cache& cache,
           std::size_t layer);

/// Attention of queries [tokens, heads, head_size] to all that the cache holds of their rows up to themselves; keys and
/// values of this pass are stored already. \returns [tokens, heads head_size]
at::Tensor cached_attention(const at::Tensor& queries, const cache_places& places, const kv_cache& cache,
                            std::size_t layer);

}  // namespace rto::llm
