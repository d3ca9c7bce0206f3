#pragma once
// What text becomes.
#include <cstdint>
#include <vector>

namespace rto::llm {

/// The type of tensors of ids too, so that a row of ids is a tensor's memory.
using token_id = std::int64_t;
using token_ids = std::vector<token_id>;

}  // namespace rto::llm
