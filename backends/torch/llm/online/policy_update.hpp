#pragma once
// What is learnt from one rollout: epochs of minibatches, the clipped surrogate for the policy and the value loss for
// the critic.
#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <rto/algorithm/token_policy_step.hpp>
#include <rto/torch/array.hpp>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "llm/training/adamw.hpp"
#include "llm/training/metrics.hpp"
#include "llm/training/schedule.hpp"

namespace rto::llm {

struct policy_update_options {
  std::int64_t epochs = 2;       ///< passes over a rollout
  std::int64_t minibatch = 16;   ///< answers of an optimiser step
  std::int64_t micro_batch = 0;  ///< answers of one forward and backward pass; 0: the minibatch
  schedule_options policy_rate, critic_rate;
  adamw_options policy_optimizer, critic_optimizer;
  double max_gradient_norm = 1;   ///< of policy and of critic, each; 0: not clipped
  double temperature = 1;         ///< that the answers were sampled at
  double ratio_tolerance = 1e-4;  ///< how far pi / pi_old may be from 1 before the first update
  bool recompute = false;
  std::uint64_t seed = 0;  ///< of the order of answers

  [[nodiscard]] std::int64_t answers_of_a_pass() const { return micro_batch > 0 ? micro_batch : minibatch; }
  /// Optimiser steps that a rollout of so many answers gives.
  [[nodiscard]] std::int64_t updates_of(std::int64_t answers) const {
    return epochs * ((answers + minibatch - 1) / minibatch);
  }
};

/// Policy and critic with their optimisers.
class policy_updater {
 public:
  /// \param policy, critic with gradients, outlive the updater; without a critic null
  /// \throws std::domain_error for sizes below 1 and as adamw
  policy_updater(const language_model& policy, const language_model* critic, const policy_update_options& options);

  /// All epochs over a rollout. The losses of a minibatch are divided by the counts of the whole minibatch.
  /// \param targets of the answers, row by row  \returns means over the rollout's updates
  /// \throws sim::user_error where the first minibatch's pi / pi_old is not 1, naming answer and token, and where a
  ///   loss, a gradient or a weight is not finite
  metric_values operator()(std::span<const encoded_answer> answers, const token_policy_targets<at::Tensor>& targets,
                           const token_policy_options& step);

  [[nodiscard]] adamw& policy_optimizer() { return policy_optimizer_; }
  /// \pre there is a critic
  [[nodiscard]] adamw& critic_optimizer() { return *critic_optimizer_; }
  /// Optimiser steps done; to be set where a run goes on.
  std::int64_t updates = 0;
  /// Rollouts seen.
  std::int64_t rollouts = 0;

 private:
  struct progress;
  void accumulate(std::span<const encoded_answer> answers, std::span<const std::int64_t> rows,
                  const token_policy_targets<at::Tensor>& targets, const token_policy_options& step, progress& so_far);
  void require_ratio_of_one(const at::Tensor& log_policy, const token_policy_targets<at::Tensor>& targets,
                            std::span<const std::int64_t> rows) const;
  void finish(progress& so_far);

  const language_model& policy_;
  const language_model* critic_;
  policy_update_options options_;
  adamw policy_optimizer_;
  std::optional<adamw> critic_optimizer_;
};

}  // namespace rto::llm
