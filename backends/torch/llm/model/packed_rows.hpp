#pragma once
// A batch of texts without padding: one row after the other.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "llm/text/token.hpp"

namespace rto::llm {

/// Positions count from 0 in every row, and a token attends to its own row only: how rows are put together changes no
/// number but by rounding.
struct packed_rows {
  at::Tensor ids;                     // [tokens] int64
  std::vector<std::int64_t> lengths;  // of the rows; each at least 1; together the number of tokens

  std::int64_t tokens() const { return ids.size(0); }
  std::int64_t rows() const { return static_cast<std::int64_t>(lengths.size()); }
  /// Index of the first token of every row, and the number of tokens at the end: [rows + 1].
  std::vector<std::int64_t> starts() const;
  /// Index of the last token of every row, [rows] int64 on the device of the ids.
  at::Tensor last_tokens() const;
};

/// \throws std::invalid_argument for an empty row
packed_rows make_packed_rows(std::span<const token_ids> rows, at::Device device = at::kCPU);
packed_rows make_packed_rows(const token_ids& row, at::Device device = at::kCPU);

}  // namespace rto::llm
