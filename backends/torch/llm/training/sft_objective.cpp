#include "llm/training/sft_objective.hpp"

#include <rto/loss/sft_loss.hpp>
#include <rto/torch/array.hpp>

#include "llm/training/answer_batch.hpp"

namespace rto::llm {

sft_objective::sft_objective(const language_model& model, const std::vector<encoded_answer>& samples, bool recompute)
    : model_(model), samples_(samples), recompute_(recompute) {}

void sft_objective::begin(std::span<const std::size_t> samples) {
  predicted_ = 0;
  for (const std::size_t s : samples)
    for (std::size_t t = 1; t < samples_[s].ids.size(); ++t) predicted_ += samples_[s].trained(t) ? 1 : 0;
}

at::Tensor sft_objective::loss(std::span<const std::size_t> samples, metric_sums& metrics) {
  std::vector<encoded_answer> answers;
  for (const std::size_t s : samples) answers.push_back(samples_[s]);
  const answer_batch batch = make_answer_batch(answers, model_.device());
  metrics.add("answer_tokens", batch.mask.sum(), static_cast<double>(batch.answers()));
  if (batch.from.numel() == 0) return at::zeros({}, batch.mask.options());
  const at::Tensor log_probability = answer_log_probabilities(model_, batch, recompute_);
  return sft_loss(log_probability, batch.mask, {.global_count = predicted_});
}

std::int64_t sft_objective::tokens(std::size_t sample) const {
  return static_cast<std::int64_t>(samples_[sample].ids.size());
}

}  // namespace rto::llm
