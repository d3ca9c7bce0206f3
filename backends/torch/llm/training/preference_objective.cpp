#include "llm/training/preference_objective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <rto/loss/preference_loss.hpp>
#include <rto/loss/token_log_probability.hpp>
#include <rto/torch/array.hpp>

#include "llm/training/answer_batch.hpp"
#include "llm/training/reference_scores.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {

std::vector<encoded_answer> answers_of(const std::vector<encoded_pair>& pairs, std::span<const std::size_t> samples) {
  std::vector<encoded_answer> answers;
  for (const std::size_t s : samples)
    answers.push_back(side_by_side(pairs[s].prompt, pairs[s].chosen, pairs[s].chosen_complete));
  for (const std::size_t s : samples)
    answers.push_back(side_by_side(pairs[s].prompt, pairs[s].rejected, pairs[s].rejected_complete));
  return answers;
}

at::Tensor precompute_reference(const language_model& model, const std::vector<encoded_pair>& pairs,
                                std::size_t micro_batch) {
  std::vector<at::Tensor> parts;
  std::vector<std::size_t> all(pairs.size());
  std::iota(all.begin(), all.end(), 0);
  for (std::size_t from = 0; from < all.size(); from += micro_batch) {
    const auto some = std::span(all).subspan(from, std::min(micro_batch, all.size() - from));
    const std::vector<encoded_answer> answers = answers_of(pairs, some);
    parts.push_back(sequence_log_probabilities(model, answers, answers.size()).view({2, -1}).t());
  }
  return parts.empty() ? at::zeros({0, 2}, at::kFloat) : at::cat(parts).contiguous();
}

preference_objective::preference_objective(const language_model& model, const std::vector<encoded_pair>& samples,
                                           const pair_loss_options& options, pair_reference reference, bool recompute)
    : model_(model), samples_(samples), options_(options), reference_(std::move(reference)), recompute_(recompute) {
  const bool precomputed = reference_.precomputed.defined();
  if (needs_divergence(options.kind) && reference_.model == nullptr)
    throw std::invalid_argument("rto::preference_objective: the loss " + to_string(options.kind) +
                                " needs the reference model beside every step");
  if (needs_reference(options.kind) && reference_.model == nullptr && !precomputed)
    throw std::invalid_argument("rto::preference_objective: the loss " + to_string(options.kind) +
                                " needs a reference");
  if (precomputed && reference_.precomputed.size(0) != static_cast<std::int64_t>(samples.size()))
    throw std::invalid_argument("rto::preference_objective: precomputed must have a row for each pair");
}

preference_objective::both_sides preference_objective::score(std::span<const std::size_t> samples) const {
  const answer_batch batch = make_answer_batch(answers_of(samples_, samples), model_.device());
  const auto pairs = static_cast<std::int64_t>(samples.size());
  at::Tensor policy, reference = at::zeros({2 * pairs, 1}, batch.mask.options()), divergence;
  if (needs_divergence(options_.kind)) {
    const diverging_scores scores = scores_with_divergence(model_, *reference_.model, batch, recompute_);
    policy = sequence_log_probability(scores.log_probability, batch.mask);
    reference = sequence_log_probability(scores.reference, batch.mask);
    divergence = scores.divergence;
  } else {
    if (needs_reference(options_.kind) && reference_.model != nullptr) {
      const at::NoGradGuard no_gradients;
      reference = sequence_log_probabilities(*reference_.model, batch);
    } else if (needs_reference(options_.kind)) {
      const std::vector<std::int64_t> rows(samples.begin(), samples.end());
      reference = reference_.precomputed.index_select(0, at::tensor(rows, at::kLong))
                      .t()
                      .reshape({-1, 1})
                      .to(batch.mask.device());
    }
    policy = sequence_log_probabilities(model_, batch, recompute_);
  }
  const at::Tensor length = batch.length_column();
  const auto side = [&](std::int64_t from) {
    const auto half = [&](const at::Tensor& x) { return x.defined() ? x.narrow(0, from, pairs) : x; };
    return side_scores{half(policy), half(reference), half(length), half(divergence)};
  };
  return {side(0), side(pairs)};
}

at::Tensor preference_objective::loss(std::span<const std::size_t> samples, metric_sums& metrics) {
  const auto [chosen, rejected] = score(samples);
  const at::Tensor losses = pair_loss(chosen, rejected, options_);
  {
    const at::NoGradGuard no_gradients;
    const auto n = static_cast<double>(samples.size());
    const at::Tensor good = pair_reward(chosen, options_), bad = pair_reward(rejected, options_), margin = good - bad;
    metrics.add("accuracy", preference_accuracy(margin) * n, n);
    metrics.add("margin", margin.sum(), n);
    metrics.add("reward_chosen", good.sum(), n);
    metrics.add("reward_rejected", bad.sum(), n);
    metrics.add("log_probability_chosen", chosen.log_probability.sum(), n);
    metrics.add("log_probability_rejected", rejected.log_probability.sum(), n);
    metrics.add("length_chosen", chosen.length.sum(), n);
    metrics.add("length_rejected", rejected.length.sum(), n);
    if (chosen.divergence.defined()) {
      metrics.add("divergence_chosen", chosen.divergence.sum(), n);
      metrics.add("divergence_rejected", rejected.divergence.sum(), n);
    }
  }
  return losses.sum() / pairs_;
}

std::int64_t preference_objective::tokens(std::size_t sample) const {
  return static_cast<std::int64_t>(token_count(samples_[sample]));
}

void preference_objective::check_first_loss(double loss) const {
  const std::optional<double> want = loss_at_reference(options_);
  if (!want || !reference_.same_weights) return;
  if (!(std::abs(loss - *want) <= reference_.rounding * std::max(1.0, std::abs(*want))))
    throw sim::user_error(fmt::format(
        "before the first step policy and reference are the same weights, so that the {} loss must be {:.6f}; it is "
        "{:.6f}: the scores of the two do not fit each other",
        to_string(options_.kind), *want, loss));
}

}  // namespace rto::llm
