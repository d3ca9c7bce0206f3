#pragma once
// Rotary position embeddings: pairs of a head's dimensions turned by angles that grow with the position.
#include <ATen/core/Tensor.h>

#include <vector>

#include "llm/checkpoint/model_config.hpp"

namespace rto::llm {

/// Angles per position, f_i = theta^(-2i/r) for i < r/2, scaled as the configuration says; double.
/// \source J. Su et al. 2021, arXiv 2104.09864; Llama 3's scaling by wavelength as in transformers
std::vector<double> rotary_frequencies(const model_config& config);

/// Where the vectors of a token's row lie that the attention's first product gives.
struct head_layout {
  std::int64_t heads = 0, key_value_heads = 0, head_size = 0;
  bool by_head = false;  // q k v of head 0, then of head 1, ... (GPT-NeoX); otherwise all q, all k, all v

  std::int64_t vectors() const { return heads + 2 * key_value_heads; }
  bool rotates(std::int64_t vector) const { return by_head ? vector % 3 != 2 : vector < heads + key_value_heads; }
};

/// Turns the queries and keys in `x` by their angles, in place: of the first r dimensions of a vector, dimension i with
/// i + r/2. The arithmetic is float's for half and bfloat16.
/// \param x [tokens, vectors head_size], contiguous  \param cosine, sine [tokens, r/2] float
/// \returns x. \gradient turned back
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine, const head_layout& layout);

}  // namespace rto::llm
