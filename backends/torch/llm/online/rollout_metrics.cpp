#include "llm/online/rollout_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include <rto/loss/kl_estimators.hpp>
#include <rto/reward/token_reward_statistics.hpp>

#include "sim/statistics/sample.hpp"

namespace rto::llm {

metric_values rollout_metrics(const rollout& sampled, const token_batch<at::Tensor>& batch,
                              const token_policy_estimates<at::Tensor>& estimates, const token_policy_options& step,
                              const at::Tensor& entropy) {
  const at::NoGradGuard no_gradients;
  const at::Tensor& mask = batch.reward.mask;
  const at::Tensor answers = array::sum(mask.narrow(1, 0, 1));
  std::vector<std::pair<std::string, at::Tensor>> numbers;

  numbers.emplace_back("objective", array::sum(estimates.reward) / answers);
  numbers.emplace_back("reward", array::sum(estimates.reward - estimates.terms.kl) / answers);
  const auto reward = describe(batch.reward, estimates.terms, step.reward);
  for (const auto& term : reward.terms) {
    numbers.emplace_back("reward_" + term.name, term.mean);
    numbers.emplace_back("share_" + term.name, term.share);
  }
  numbers.emplace_back("implicit_clip_fraction", reward.implicit_clip_fraction);
  numbers.emplace_back("sequence_clip_fraction", reward.sequence_clip_fraction);

  if (batch.reward.log_reference.defined())
    for (const auto& [name, which] :
         {std::pair{"kl_k1", kl_estimator::k1}, {"kl_k2", kl_estimator::k2}, {"kl_k3", kl_estimator::k3}})
      numbers.emplace_back(
          name, array::sum(array::select(mask, kl_estimates(batch.reward.log_reference, batch.reward.log_policy, which),
                                         0.0)) /
                    answers);
  numbers.emplace_back("entropy", masked_mean(entropy, mask));
  const auto& raw = estimates.raw_advantage;
  numbers.emplace_back("advantage_mean", raw.mean);
  numbers.emplace_back("advantage_variance", raw.squared_deviations / raw.count);
  numbers.emplace_back("explained_variance", explained_variance(estimates.targets));
  numbers.emplace_back("value_mean", masked_mean(batch.value, mask));

  std::vector<at::Tensor> stacked;
  for (const auto& [name, value] : numbers) stacked.push_back(value.to(at::kDouble).reshape({}));
  const std::vector<double> host = array::to_host(at::stack(stacked).unsqueeze(1));
  metric_values values;
  for (std::size_t i = 0; i < host.size(); ++i) values.emplace_back(numbers[i].first, host[i]);

  std::vector<double> lengths;
  double cut = 0;
  for (const encoded_answer& a : sampled.answers) {
    lengths.push_back(static_cast<double>(a.ids.size()) - static_cast<double>(a.prompt_length));
    cut += a.complete ? 0 : 1;
  }
  values.emplace_back("length", sim::mean(lengths));
  for (const auto& [name, p] : {std::pair{"length_p10", 0.1}, {"length_p50", 0.5}, {"length_p90", 0.9}})
    values.emplace_back(name, sim::quantile(lengths, p));
  values.emplace_back("truncated", cut / static_cast<double>(lengths.size()));
  return values;
}

sampler_difference compare_sampler(const rollout& sampled, const at::Tensor& log_policy) {
  const at::Tensor host = log_policy.to(at::kCPU, at::kFloat).contiguous();
  const float* row = host.const_data_ptr<float>();
  sampler_difference found;
  double count = 0;
  for (const std::vector<float>& answer : sampled.sampler_log_probabilities) {
    for (std::size_t t = 0; t < answer.size(); ++t) {
      const double off = std::abs(static_cast<double>(answer[t]) - static_cast<double>(row[t]));
      found.mean += off;
      found.largest = std::max(found.largest, off);
    }
    count += static_cast<double>(answer.size());
    row += host.size(1);
  }
  found.mean /= count;
  return found;
}

std::string diagnose_negative_kl(const std::vector<double>& kl) {
  if (kl.size() < 2) return "";
  const double mean = sim::mean(kl), error = std::sqrt(sim::variance(kl) / static_cast<double>(kl.size()));
  // Rounding of log-probabilities makes the divergence of a policy from itself a little negative.
  if (mean >= -4 * error || mean > -1e-3) return "";
  return fmt::format(
      "KL(pi || pi_ref) by k1 is {:.4g} nats an answer, {:.1f} standard errors below 0, which samples of the policy "
      "cannot give: answers are scored at another temperature or with another policy than they were sampled with, or "
      "tokens were changed after sampling",
      mean, -mean / error);
}

}  // namespace rto::llm
