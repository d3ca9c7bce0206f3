#include "llm/training/reward_objective.hpp"

#include <rto/loss/preference_loss.hpp>
#include <rto/loss/reward_model_loss.hpp>
#include <rto/torch/array.hpp>

namespace rto::llm {

at::Tensor text_rewards(const language_model& model, const std::vector<token_ids>& texts, bool recompute) {
  const packed_rows rows = make_packed_rows(texts, model.device());
  const at::Tensor hidden = model.hidden_states(rows, {.recompute = recompute});
  return model.scores(hidden.index_select(0, rows.last_tokens())).reshape({-1, 1});
}

reward_objective::reward_objective(const language_model& model, const std::vector<encoded_pair>& samples,
                                   double centering, bool margins, bool recompute)
    : model_(model), samples_(samples), centering_(centering), margins_(margins), recompute_(recompute) {}

at::Tensor reward_objective::loss(std::span<const std::size_t> samples, metric_sums& metrics) {
  std::vector<token_ids> texts;
  std::vector<float> margins;
  for (const std::size_t s : samples) {
    texts.push_back(side_by_side(samples_[s].prompt, samples_[s].chosen).ids);
    margins.push_back(margins_ ? static_cast<float>(samples_[s].margin.value_or(0)) : 0.0F);
  }
  for (const std::size_t s : samples) texts.push_back(side_by_side(samples_[s].prompt, samples_[s].rejected).ids);
  const at::Tensor rewards = text_rewards(model_, texts, recompute_);
  const auto pairs = static_cast<std::int64_t>(samples.size());
  const at::Tensor chosen = rewards.narrow(0, 0, pairs), rejected = rewards.narrow(0, pairs, pairs);
  const at::Tensor margin = at::tensor(margins).to(rewards.options()).unsqueeze(1);
  const at::Tensor losses = reward_model_loss(chosen, rejected, margin, {.centering = centering_});
  {
    const at::NoGradGuard no_gradients;
    const auto n = static_cast<double>(pairs);
    const at::Tensor difference = chosen - rejected;
    metrics.add("accuracy", preference_accuracy(difference) * n, n);
    metrics.add("margin", difference.sum(), n);
    metrics.add("reward_chosen", chosen.sum(), n);
    metrics.add("reward_rejected", rejected.sum(), n);
  }
  return losses.sum() / pairs_;
}

std::int64_t reward_objective::tokens(std::size_t sample) const {
  return static_cast<std::int64_t>(token_count(samples_[sample]));
}

}  // namespace rto::llm
