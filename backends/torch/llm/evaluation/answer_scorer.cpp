#include "llm/evaluation/answer_scorer.hpp"

#include <ATen/ATen.h>

#include <rto/reward/implicit_reward.hpp>
#include <rto/torch/array.hpp>

#include "llm/training/answer_parts.hpp"
#include "llm/training/reference_scores.hpp"
#include "llm/training/reward_objective.hpp"

namespace rto::llm {
namespace {

std::vector<double> values_of(const at::Tensor& values) {
  const at::Tensor on_host = values.reshape({-1}).to(at::kCPU, at::kDouble).contiguous();
  return {on_host.const_data_ptr<double>(), on_host.const_data_ptr<double>() + on_host.numel()};
}

}  // namespace

answer_scorer reward_model_scorer(const language_model& model, std::size_t batch) {
  return [&model, batch](std::span<const encoded_answer> answers) {
    const at::NoGradGuard no_gradients;
    std::vector<double> rewards;
    for_each_part(answers, batch, [&](std::span<const encoded_answer> part) {
      const std::vector<double> of_part = values_of(text_rewards(model, texts_of(part)));
      rewards.insert(rewards.end(), of_part.begin(), of_part.end());
    });
    return rewards;
  };
}

answer_scorer implicit_reward_scorer(const language_model& policy, const language_model& reference, double beta,
                                     std::size_t batch) {
  return [&policy, &reference, beta, batch](std::span<const encoded_answer> answers) {
    const at::Tensor of_policy = sequence_log_probabilities(policy, answers, batch),
                     of_reference = sequence_log_probabilities(reference, answers, batch);
    return values_of(implicit_reward(at::Tensor(of_policy.unsqueeze(1)), at::Tensor(of_reference.unsqueeze(1)), beta));
  };
}

}  // namespace rto::llm
