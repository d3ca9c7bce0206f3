#include "llm/training/kto_objective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <rto/torch/array.hpp>

#include "llm/training/answer_batch.hpp"
#include "llm/training/reference_scores.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

std::vector<encoded_answer> answers_of(const std::vector<labelled_answer>& all, std::span<const std::size_t> samples) {
  std::vector<encoded_answer> answers;
  for (const std::size_t s : samples) answers.push_back(all[s].answer);
  return answers;
}

std::vector<encoded_answer> mismatched_of(const std::vector<labelled_answer>& all,
                                          std::span<const std::size_t> samples) {
  std::vector<encoded_answer> answers;
  for (const std::size_t s : samples) answers.push_back(mismatched(all, s));
  return answers;
}

}  // namespace

encoded_answer mismatched(const std::vector<labelled_answer>& samples, std::size_t sample) {
  const encoded_answer& mine = samples[sample].answer;
  const encoded_answer& other = samples[(sample + samples.size() - 1) % samples.size()].answer;
  const token_ids prompt(mine.ids.begin(), mine.ids.begin() + mine.prompt_length);
  return side_by_side(prompt, token_ids(other.ids.begin() + other.prompt_length, other.ids.end()), other.complete);
}

at::Tensor precompute_reference(const language_model& model, const std::vector<labelled_answer>& samples,
                                std::size_t micro_batch) {
  std::vector<std::size_t> all(samples.size());
  std::iota(all.begin(), all.end(), 0);
  return at::stack({sequence_log_probabilities(model, answers_of(samples, all), micro_batch),
                    sequence_log_probabilities(model, mismatched_of(samples, all), micro_batch)},
                   1);
}

kto_objective::kto_objective(const language_model& model, const std::vector<labelled_answer>& samples,
                             const kto_options& options, labelled_reference reference, std::size_t micro_batch,
                             bool recompute)
    : model_(model),
      samples_(samples),
      options_(options),
      reference_(std::move(reference)),
      micro_batch_(micro_batch),
      recompute_(recompute) {
  if (reference_.model == nullptr && !reference_.precomputed.defined())
    throw std::invalid_argument("rto::kto_objective: expected a reference, got none");
}

at::Tensor kto_objective::reference_of(std::span<const std::size_t> samples, const std::vector<encoded_answer>& answers,
                                       std::int64_t column) const {
  if (reference_.model != nullptr) return sequence_log_probabilities(*reference_.model, answers, answers.size());
  const std::vector<std::int64_t> rows(samples.begin(), samples.end());
  return reference_.precomputed.select(1, column).index_select(0, at::tensor(rows, at::kLong));
}

void kto_objective::begin(std::span<const std::size_t> samples) {
  answers_ = static_cast<double>(samples.size());
  std::vector<at::Tensor> policy, reference;
  for (std::size_t from = 0; from < samples.size(); from += micro_batch_) {
    const auto part = samples.subspan(from, std::min(micro_batch_, samples.size() - from));
    const std::vector<encoded_answer> answers = mismatched_of(samples_, part);
    policy.push_back(sequence_log_probabilities(model_, answers, answers.size()));
    reference.push_back(reference_of(part, answers, 1));
  }
  reference_point_ = kto_reference_point(at::cat(policy).unsqueeze(1), at::cat(reference).unsqueeze(1)).item<double>();
  first_loss_ = 0;  // of policy = reference: half of each weight
  for (const std::size_t s : samples)
    first_loss_ += 0.5 * (samples_[s].desirable ? options_.desirable_weight : options_.undesirable_weight) / answers_;
}

at::Tensor kto_objective::loss(std::span<const std::size_t> samples, metric_sums& metrics) {
  const std::vector<encoded_answer> answers = answers_of(samples_, samples);
  const answer_batch batch = make_answer_batch(answers, model_.device());
  const at::Tensor reference = reference_of(samples, answers, 0).to(batch.mask.device()).unsqueeze(1);
  std::vector<float> labels;
  for (const std::size_t s : samples) labels.push_back(samples_[s].desirable ? 1.0F : 0.0F);
  const at::Tensor good = at::tensor(labels).to(batch.mask.options()).unsqueeze(1);
  const at::Tensor policy = sequence_log_probabilities(model_, batch, recompute_);
  const at::Tensor losses = kto_loss(policy, reference, good, reference_point_, options_);
  {
    const at::NoGradGuard no_gradients;
    const at::Tensor reward = options_.beta * (policy - reference);
    const double chosen = good.sum().item<double>(), rejected = static_cast<double>(samples.size()) - chosen;
    metrics.add("reward_chosen", (reward * good).sum(), chosen);
    metrics.add("reward_rejected", (reward * (1 - good)).sum(), rejected);
    metrics.add("log_probability_chosen", (policy * good).sum(), chosen);
    metrics.add("log_probability_rejected", (policy * (1 - good)).sum(), rejected);
    const auto n = static_cast<double>(samples.size());
    metrics.add("reference_point", at::full({}, reference_point_ * n, policy.options()), n);
    metrics.add("answer_tokens", batch.mask.sum(), n);
  }
  return losses.sum() / answers_;
}

std::int64_t kto_objective::tokens(std::size_t sample) const {
  return static_cast<std::int64_t>(samples_[sample].answer.ids.size());
}

void kto_objective::check_first_loss(double loss) const {
  if (!reference_.same_weights || std::abs(loss - first_loss_) <= reference_.rounding) return;
  throw sim::user_error(fmt::format(
      "before the first step policy and reference are the same weights, so that the KTO loss must be {:.6f}; it is "
      "{:.6f}: the scores of the two do not fit each other",
      first_loss_, loss));
}

}  // namespace rto::llm
