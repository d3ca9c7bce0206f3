#include "llm/evaluation/held_out_loss.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "llm/training/reference_scores.hpp"
#include "sim/statistics/sample.hpp"

namespace rto::llm {

held_out_loss evaluate_loss(const language_model& model, std::span<const encoded_answer> samples, std::size_t batch,
                            double confidence) {
  const at::Tensor sums = sequence_log_probabilities(model, samples, batch);
  std::vector<double> losses, counts;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    std::int64_t n = 0;
    for (std::size_t t = 0; t < samples[i].ids.size(); ++t) n += samples[i].trained(t) ? 1 : 0;
    if (n == 0) continue;
    counts.push_back(static_cast<double>(n));
    losses.push_back(-sums[static_cast<std::int64_t>(i)].item<double>());
  }
  if (counts.empty()) throw std::invalid_argument("rto::evaluate_loss: expected a token to be predicted, got none");
  const double tokens = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double loss = std::accumulate(losses.begin(), losses.end(), 0.0) / tokens;
  const auto n = static_cast<double>(counts.size());
  std::vector<double> residuals;
  for (std::size_t i = 0; i < counts.size(); ++i) residuals.push_back((losses[i] - loss * counts[i]) / (tokens / n));
  held_out_loss result{.samples = static_cast<std::int64_t>(counts.size()),
                       .tokens = static_cast<std::int64_t>(tokens),
                       .loss = {.value = loss, .range = {}},
                       .perplexity = {.value = std::exp(loss), .range = {}}};
  if (n > 1) {
    result.loss = sim::mean_interval(loss, sim::variance(residuals), n, confidence);
    result.perplexity.range = {std::exp(result.loss.range.low), std::exp(result.loss.range.high)};
  }
  return result;
}

}  // namespace rto::llm
