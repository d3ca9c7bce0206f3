#pragma once
// What a run costs: operations, bytes, time.
#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "llm/model/language_model.hpp"

namespace rto::llm {

/// Floating-point operations of the forward pass of a token: two for every entry of a matrix that multiplies it, and
/// attention over half the text on average. A backward pass costs twice as much.
/// \param length tokens of a text on average
double forward_operations(const language_model& model, double length);

/// Operations a second of a large product in this type on this device, the best of a few; takes about 0.2 s.
double measured_peak(at::Device device, at::ScalarType type);

/// Bytes by what they are for, in the order in which a person looks at them.
using byte_list = std::vector<std::pair<std::string, std::int64_t>>;

struct memory_needs {
  std::int64_t tokens = 0;     ///< of the largest micro-batch
  std::int64_t predicted = 0;  ///< of those that predict a token: rows of logits; 0 for a score head
  bool recompute = false;      ///< see forward_options
  bool sixteen_bit = false;    ///< products in bf16
  bool reference_model = false;
  std::int64_t adapter = 0;  ///< bytes of what is trained beside the model's own parameters
};

/// Weights, gradients, moments, what the backward pass keeps (about), logits.
byte_list training_bytes(const language_model& model, const memory_needs& needs);

}  // namespace rto::llm
