#pragma once
// One layer of a decoder, of any of the architectures: which parts it has is in the configuration.
#include "llm/model/attention.hpp"
#include "llm/model/norm.hpp"

namespace rto::llm {

/// What all layers of one forward pass share.
struct layer_pass {
  at::Tensor cosine, sine;        // [tokens, rotary_size/2]; undefined where positions are learned
  std::vector<row_group> groups;  // of the rows, where they start anew
  kv_cache* cache = nullptr;      // generation only
  cache_places places;
};

/// sequential: y = x + attention(norm x), y + mlp(norm y); parallel: x + attention(norm x) + mlp(norm x).
struct decoder_layer {
  decoder_layer(const model_config& config, std::int64_t number, const parameter_source& source);

  /// \param x [tokens, hidden]. \returns the same shape
  at::Tensor operator()(const at::Tensor& x, const layer_pass& pass) const;

  std::vector<linear*> linears() { return {&attention_in, &attention_out, &mlp_in, &mlp_out}; }
  std::vector<const linear*> linears() const { return {&attention_in, &attention_out, &mlp_in, &mlp_out}; }

  norm attention_norm, mlp_norm, query_norm, key_norm;
  linear attention_in, attention_out, mlp_in, mlp_out;

 private:
  at::Tensor attention(const at::Tensor& x, const layer_pass& pass) const;
  at::Tensor mlp(const at::Tensor& x) const;

  std::size_t number_;
  head_layout layout_;
  activation act_;
  bool parallel_, gated_;
};

}  // namespace rto::llm
