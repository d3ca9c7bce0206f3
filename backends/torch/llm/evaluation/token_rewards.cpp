#include "llm/evaluation/token_rewards.hpp"

#include <ATen/ATen.h>

#include <rto/reward/implicit_reward.hpp>
#include <rto/torch/array.hpp>

#include "llm/training/answer_batch.hpp"
#include "llm/training/answer_parts.hpp"

namespace rto::llm {
namespace {

std::vector<double> first_of(const at::Tensor& row, std::int64_t count) {
  const at::Tensor part = row.narrow(0, 0, count).to(at::kDouble).contiguous();
  return {part.const_data_ptr<double>(), part.const_data_ptr<double>() + count};
}

}  // namespace

token_reward_rows implicit_token_rewards(const language_model& policy, const language_model& reference,
                                         std::span<const encoded_answer> answers, double beta, std::size_t batch) {
  const at::NoGradGuard no_gradients;
  token_reward_rows rows;
  for_each_part(answers, batch, [&](std::span<const encoded_answer> part) {
    const answer_batch rows_of_part = make_answer_batch(part, policy.device());
    const at::Tensor rewards = implicit_reward(answer_log_probabilities(policy, rows_of_part),
                                               answer_log_probabilities(reference, rows_of_part), beta)
                                   .to(at::kCPU);
    for (std::int64_t i = 0; i < rows_of_part.answers(); ++i)
      rows.push_back(first_of(rewards[i], rows_of_part.lengths[static_cast<std::size_t>(i)]));
  });
  return rows;
}

token_reward_rows score_increments(const language_model& model, std::span<const encoded_answer> answers,
                                   std::size_t batch) {
  const at::NoGradGuard no_gradients;
  token_reward_rows rows;
  for_each_part(answers, batch, [&](std::span<const encoded_answer> part) {
    const packed_rows packed = make_packed_rows(texts_of(part), model.device());
    const at::Tensor scores = model.scores(model.hidden_states(packed)).to(at::kCPU, at::kDouble).contiguous();
    const double* score = scores.const_data_ptr<double>();
    for (const encoded_answer& a : part) {
      std::vector<double> increments;
      for (std::size_t t = 0; t < a.ids.size(); ++t)
        if (a.trained(t)) increments.push_back(score[t] - score[t - 1]);
      rows.push_back(std::move(increments));
      score += a.ids.size();
    }
  });
  return rows;
}

}  // namespace rto::llm
