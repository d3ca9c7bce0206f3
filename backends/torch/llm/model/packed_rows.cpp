#include "llm/model/packed_rows.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <stdexcept>

namespace rto::llm {

std::vector<std::int64_t> packed_rows::starts() const {
  std::vector<std::int64_t> result{0};
  for (const std::int64_t n : lengths) result.push_back(result.back() + n);
  return result;
}

at::Tensor packed_rows::last_tokens() const {
  std::vector<std::int64_t> last;
  std::int64_t end = 0;
  for (const std::int64_t n : lengths) last.push_back((end += n) - 1);
  return at::tensor(last, at::kLong).to(ids.device());
}

packed_rows make_packed_rows(std::span<const token_ids> rows, at::Device device) {
  packed_rows result;
  std::size_t total = 0;
  for (const token_ids& row : rows) {
    if (row.empty())
      throw std::invalid_argument("rto::llm::make_packed_rows: a row must have a token, got an empty one");
    result.lengths.push_back(static_cast<std::int64_t>(row.size()));
    total += row.size();
  }
  result.ids = at::empty({static_cast<std::int64_t>(total)}, at::kLong);
  std::int64_t* place = result.ids.mutable_data_ptr<std::int64_t>();
  for (const token_ids& row : rows) place = std::copy(row.begin(), row.end(), place);
  result.ids = result.ids.to(device);
  return result;
}

packed_rows make_packed_rows(const token_ids& row, at::Device device) {
  return make_packed_rows(std::span(&row, 1), device);
}

}  // namespace rto::llm
