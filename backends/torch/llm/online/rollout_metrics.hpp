#pragma once
// Numbers of a rollout before anything is learnt from it.
#include <ATen/ATen.h>

#include <string>
#include <vector>

#include <rto/algorithm/token_policy_step.hpp>
#include <rto/torch/array.hpp>

#include "llm/online/rollout.hpp"
#include "llm/training/metrics.hpp"

namespace rto::llm {

/// Rewards by component (`reward_NAME`, `share_NAME`), their sum without the KL term (`reward`) and with it
/// (`objective`), divergences from the reference, advantages, the critic, lengths, how many answers were cut.
/// \param batch, estimates of the rollout  \param entropy [answers, time]
metric_values rollout_metrics(const rollout& sampled, const token_batch<at::Tensor>& batch,
                              const token_policy_estimates<at::Tensor>& estimates, const token_policy_options& step,
                              const at::Tensor& entropy);

/// The mean over tokens of |log pi of the sampler - log pi of the scorer|, nats, and the largest.
struct sampler_difference {
  double mean = 0, largest = 0;
};
sampler_difference compare_sampler(const rollout& sampled, const at::Tensor& log_policy);

/// What is wrong where k1, which is >= 0 on average for answers of the policy, is below 0 by more than four standard
/// errors; empty where nothing is. \param kl sums over tokens of log(pi / pi_ref), one an answer
std::string diagnose_negative_kl(const std::vector<double>& kl);

}  // namespace rto::llm
