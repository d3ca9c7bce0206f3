#include "llm/training/answer_batch.hpp"

#include <algorithm>
#include <stdexcept>

namespace rto::llm {
namespace {

at::Tensor on_device(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

at::Tensor answer_batch::length_column() const {
  return at::tensor(lengths, at::kLong).to(mask.options()).unsqueeze(1);
}

answer_batch make_answer_batch(std::span<const encoded_answer> answers, at::Device device) {
  if (answers.empty()) throw std::invalid_argument("rto::make_answer_batch: expected an answer, got none");
  answer_batch batch;
  std::vector<token_ids> rows;
  std::vector<std::int64_t> from, targets, row_of, place_in_row;
  std::int64_t start = 0;
  for (const encoded_answer& answer : answers) {
    std::int64_t predicted = 0;
    std::size_t last = 0;
    for (std::size_t t = 1; t < answer.ids.size(); ++t) {
      if (!answer.trained(t)) continue;
      from.push_back(start + static_cast<std::int64_t>(t) - 1);
      targets.push_back(answer.ids[t]);
      row_of.push_back(batch.answers());
      place_in_row.push_back(predicted++);
      last = t;
    }
    batch.lengths.push_back(predicted);
    if (predicted == 0) continue;
    rows.emplace_back(answer.ids.begin(), answer.ids.begin() + static_cast<std::ptrdiff_t>(last));
    start += static_cast<std::int64_t>(last);
  }
  const std::int64_t longest = *std::max_element(batch.lengths.begin(), batch.lengths.end());
  for (std::size_t i = 0; i < row_of.size(); ++i) place_in_row[i] += row_of[i] * longest;
  if (!rows.empty()) batch.rows = make_packed_rows(rows, device);
  batch.from = on_device(from, device);
  batch.targets = on_device(targets, device);
  batch.place = on_device(place_in_row, device);
  const at::Tensor lengths = on_device(batch.lengths, device);
  batch.mask = (at::arange(longest, lengths.options()).unsqueeze(0) < lengths.unsqueeze(1)).to(at::kFloat);
  return batch;
}

at::Tensor padded(const at::Tensor& values, const answer_batch& batch) {
  return at::zeros({batch.answers() * batch.longest()}, values.options())
      .index_copy(0, batch.place, values)
      .view({batch.answers(), batch.longest()});
}

head_input predicting_states(const language_model& model, const answer_batch& batch, bool recompute) {
  return {model.hidden_states(batch.rows, {.recompute = recompute}).index_select(0, batch.from), model.head_weight()};
}

at::Tensor answer_log_probabilities(const language_model& model, const answer_batch& batch, bool recompute) {
  if (batch.from.numel() == 0) return at::zeros_like(batch.mask);
  const token_statistics statistics = token_log_probabilities(predicting_states(model, batch, recompute), batch.targets,
                                                              {.statistics = {}, .compute = model.compute_type()});
  return padded(statistics.log_probability.squeeze(1), batch);
}

}  // namespace rto::llm
