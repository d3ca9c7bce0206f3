#include "llm/training/reference_scores.hpp"

#include <rto/loss/token_log_probability.hpp>
#include <rto/torch/array.hpp>

#include "llm/training/answer_parts.hpp"

namespace rto::llm {

at::Tensor sequence_log_probabilities(const language_model& model, const answer_batch& batch, bool recompute) {
  return sequence_log_probability(answer_log_probabilities(model, batch, recompute), batch.mask);
}

at::Tensor sequence_log_probabilities(const language_model& model, std::span<const encoded_answer> answers,
                                      std::size_t micro_batch) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> parts;
  for_each_part(answers, micro_batch, [&](std::span<const encoded_answer> part) {
    parts.push_back(sequence_log_probabilities(model, make_answer_batch(part, model.device())).squeeze(1).to(at::kCPU));
  });
  return parts.empty() ? at::zeros({0}, at::kFloat) : at::cat(parts);
}

diverging_scores scores_with_divergence(const language_model& policy, const language_model& reference,
                                        const answer_batch& batch, bool recompute) {
  const at::Tensor none = at::zeros_like(batch.mask);
  if (batch.from.numel() == 0) return {none, none, none.sum(1, true)};
  head_input reference_states;
  at::Tensor reference_log_probability;
  {
    const at::NoGradGuard no_gradients;
    reference_states = predicting_states(reference, batch);
    reference_log_probability = token_log_probabilities(reference_states, batch.targets,
                                                        {.statistics = {}, .compute = reference.compute_type()})
                                    .log_probability;
  }
  const token_statistics of = token_log_probabilities(
      predicting_states(policy, batch, recompute), batch.targets,
      {.statistics = {.divergence = divergence_direction::reference_to_policy}, .compute = policy.compute_type()},
      reference_states);
  // sequential_kl: what each answer's tokens have run up.
  return {padded(of.log_probability.squeeze(1), batch), padded(reference_log_probability.squeeze(1), batch),
          array::row_sum(padded(of.divergence.squeeze(1), batch))};
}

}  // namespace rto::llm
