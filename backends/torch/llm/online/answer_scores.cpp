#include "llm/online/answer_scores.hpp"

#include <algorithm>
#include <stdexcept>

#include "llm/training/answer_parts.hpp"
#include "llm/training/reward_objective.hpp"

namespace rto::llm {
namespace {

// Logits at a temperature are those of hidden states divided by it.
head_input states_at(const language_model& model, const answer_batch& batch, double temperature, bool recompute) {
  head_input states = predicting_states(model, batch, recompute);
  if (temperature != 1) states.hidden = states.hidden / temperature;
  return states;
}

}  // namespace

at::Tensor log_probabilities_at(const language_model& model, const answer_batch& batch, double temperature,
                                bool recompute) {
  const token_statistics of = token_log_probabilities(states_at(model, batch, temperature, recompute), batch.targets,
                                                      {.statistics = {}, .compute = model.compute_type()});
  return padded(of.log_probability.squeeze(1), batch);
}

at::Tensor state_values(const language_model& critic, const answer_batch& batch, bool recompute) {
  const at::Tensor hidden = critic.hidden_states(batch.rows, {.recompute = recompute});
  return padded(critic.scores(hidden.index_select(0, batch.from)), batch);
}

at::Tensor widened(const at::Tensor& x, std::int64_t time) {
  return x.size(1) == time ? x : at::constant_pad_nd(x, {0, time - x.size(1)});
}

rollout_scorer::rollout_scorer(std::span<const encoded_answer> answers, std::size_t micro_batch, double temperature)
    : answers_(answers), micro_batch_(micro_batch), temperature_(temperature) {
  if (answers.empty() || micro_batch == 0)
    throw std::invalid_argument("rto::rollout_scorer: at least one answer and one a pass");
  for (const encoded_answer& a : answers)
    longest_ = std::max(longest_, static_cast<std::int64_t>(a.ids.size()) - a.prompt_length);
}

template <class Score> at::Tensor rollout_scorer::gather(const Score& of) const {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> parts;
  for_each_part(answers_, micro_batch_,
                [&](std::span<const encoded_answer> part) { parts.push_back(widened(of(part), longest_)); });
  return at::cat(parts);
}

at::Tensor rollout_scorer::mask(at::Device device) const {
  std::vector<std::int64_t> lengths;
  for (const encoded_answer& a : answers_) lengths.push_back(static_cast<std::int64_t>(a.ids.size()) - a.prompt_length);
  const at::Tensor length = at::tensor(lengths, at::kLong).to(device);
  return (at::arange(longest_, length.options()).unsqueeze(0) < length.unsqueeze(1)).to(at::kFloat);
}

at::Tensor rollout_scorer::log_probabilities(const language_model& model) const {
  return gather([&](std::span<const encoded_answer> part) {
    return log_probabilities_at(model, make_answer_batch(part, model.device()), temperature_);
  });
}

rollout_scorer::with_entropy rollout_scorer::log_probabilities_and_entropy(const language_model& model) const {
  std::vector<at::Tensor> entropies;
  const at::Tensor log_probability = gather([&](std::span<const encoded_answer> part) {
    const answer_batch batch = make_answer_batch(part, model.device());
    const token_statistics of =
        token_log_probabilities(states_at(model, batch, temperature_, false), batch.targets,
                                {.statistics = {.entropy = true}, .compute = model.compute_type()});
    entropies.push_back(widened(padded(of.entropy.squeeze(1), batch), longest_));
    return padded(of.log_probability.squeeze(1), batch);
  });
  return {log_probability, at::cat(entropies)};
}

at::Tensor rollout_scorer::values(const language_model& critic) const {
  return gather([&](std::span<const encoded_answer> part) {
    return state_values(critic, make_answer_batch(part, critic.device()));
  });
}

at::Tensor rollout_scorer::sequence_rewards(const language_model& reward) const {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> parts;
  for_each_part(answers_, micro_batch_,
                [&](std::span<const encoded_answer> part) { parts.push_back(text_rewards(reward, texts_of(part))); });
  return at::cat(parts);
}

at::Tensor rollout_scorer::token_scores(const language_model& reward) const {
  return gather([&](std::span<const encoded_answer> part) {
    const answer_batch batch = make_answer_batch(part, reward.device());
    const packed_rows rows = make_packed_rows(texts_of(part), reward.device());
    std::vector<std::int64_t> tokens;  // packed, those of the answers
    std::int64_t start = 0;
    for (const encoded_answer& a : part) {
      const auto size = static_cast<std::int64_t>(a.ids.size());
      for (std::int64_t t = a.prompt_length; t < size; ++t) tokens.push_back(start + t);
      start += size;
    }
    const at::Tensor chosen = at::tensor(tokens, at::kLong).to(reward.device());
    return padded(reward.scores(reward.hidden_states(rows).index_select(0, chosen)), batch);
  });
}

}  // namespace rto::llm
