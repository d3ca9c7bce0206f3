#pragma once
// Activation checkpointing: a layer keeps its input only, and is computed again in the backward pass.
#include <memory>

#include "llm/model/decoder_layer.hpp"

namespace rto::llm {

/// The layer's output. \gradient of the input; those of the layer's parameters are added to them directly, so that this
/// is for `backward()`, not for `grad()`. \source T. Chen et al. 2016, arXiv 1604.06174
at::Tensor recomputed(const decoder_layer& layer, std::shared_ptr<const layer_pass> pass, const at::Tensor& x);

}  // namespace rto::llm
