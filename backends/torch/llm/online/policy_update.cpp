#include "llm/online/policy_update.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "llm/data/sample_order.hpp"
#include "llm/online/answer_scores.hpp"
#include "llm/training/gradient.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

using targets_of = token_policy_targets<at::Tensor>;

// What a minibatch's losses are divided by, whatever its micro-batches.
token_policy_options with_counts_of(const targets_of& minibatch, token_policy_options step) {
  const at::Tensor lengths = row_lengths(minibatch.mask);
  step.aggregate.global_count = step.aggregate.mode == aggregation::token_mean
                                    ? array::item(lengths.sum())
                                    : array::item(at::gt(lengths, 0.5).sum().to(at::kDouble));
  return step;
}

std::vector<named_tensor> trained(const language_model* model) {
  return model == nullptr ? std::vector<named_tensor>() : model->parameters();
}

void require_finite_loss(const char* what, double loss, double norm, const std::vector<named_tensor>& parameters,
                         std::int64_t update) {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  auto bad = first_not_finite(parameters);
  if (!bad) bad = first_not_finite(parameters, /*gradients=*/true);
  throw sim::user_error(fmt::format("update {}: the {} loss is {}, the norm of its gradient {}: {}", update + 1, what,
                                    loss, norm, bad.value_or("all weights and gradients are finite")));
}

}  // namespace

struct policy_updater::progress {
  metric_sums sums;
  at::Tensor policy_loss, critic_loss;  // of the minibatch at hand
  double largest_log_ratio = 0;
  bool first = true;  // minibatch of the rollout

  void add(at::Tensor& loss, const at::Tensor& part) const { loss = loss.defined() ? loss + part : part; }
};

policy_updater::policy_updater(const language_model& policy, const language_model* critic,
                               const policy_update_options& options)
    : policy_(policy),
      critic_(critic),
      options_(options),
      policy_optimizer_(trained(&policy), options.policy_optimizer) {
  if (options.epochs < 1 || options.minibatch < 1 || options.micro_batch < 0)
    throw std::domain_error("rto::policy_updater: epochs >= 1, minibatch >= 1, micro_batch >= 0");
  if (critic != nullptr) critic_optimizer_.emplace(trained(critic), options.critic_optimizer);
}

metric_values policy_updater::operator()(std::span<const encoded_answer> answers, const targets_of& targets,
                                         const token_policy_options& step) {
  progress so_far;
  for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
    const std::vector<std::size_t> drawn =
        shuffled(answers.size(), options_.seed, static_cast<std::uint64_t>(rollouts * options_.epochs + epoch));
    const std::vector<std::int64_t> order(drawn.begin(), drawn.end());
    const auto count = static_cast<std::int64_t>(order.size());
    for (std::int64_t from = 0; from < count; from += options_.minibatch) {
      const auto rows = std::span(order).subspan(static_cast<std::size_t>(from),
                                                 static_cast<std::size_t>(std::min(options_.minibatch, count - from)));
      const token_policy_options counted = with_counts_of(minibatch(targets, rows), step);
      const auto size = static_cast<std::size_t>(options_.answers_of_a_pass());
      for (std::size_t part = 0; part < rows.size(); part += size)
        accumulate(answers, rows.subspan(part, std::min(size, rows.size() - part)), targets, counted, so_far);
      finish(so_far);
    }
  }
  ++rollouts;
  metric_values values = so_far.sums.means();
  values.emplace_back("largest_log_ratio", so_far.largest_log_ratio);
  return values;
}

void policy_updater::accumulate(std::span<const encoded_answer> answers, std::span<const std::int64_t> rows,
                                const targets_of& targets, const token_policy_options& step, progress& so_far) {
  std::vector<encoded_answer> chosen;
  for (const std::int64_t row : rows) chosen.push_back(answers[static_cast<std::size_t>(row)]);
  const answer_batch batch = make_answer_batch(chosen, policy_.device());
  const targets_of part = minibatch(targets, rows);
  const std::int64_t time = part.mask.size(1);
  const at::Tensor log_policy =
      widened(log_probabilities_at(policy_, batch, options_.temperature, options_.recompute), time);
  if (so_far.first) require_ratio_of_one(log_policy.detach(), part, rows);
  const at::Tensor loss = token_policy_loss(log_policy, part, step);
  loss.backward();
  so_far.add(so_far.policy_loss, loss.detach());
  if (critic_ != nullptr) {
    const at::Tensor value = widened(state_values(*critic_, batch, options_.recompute), time);
    const at::Tensor value_loss = token_value_loss(value, part, step);
    value_loss.backward();
    so_far.add(so_far.critic_loss, value_loss.detach());
  }
  const at::NoGradGuard no_gradients;
  const auto now = diagnose(log_policy.detach(), part, step);
  const auto tokens = static_cast<double>(std::accumulate(batch.lengths.begin(), batch.lengths.end(), std::int64_t{0}));
  const auto add = [&](const char* name, const at::Tensor& mean) { so_far.sums.add(name, mean * tokens, tokens); };
  add("ratio", now.ratio);
  add("clip_fraction", now.clip_fraction);
  add("update_k1", now.k1);
  add("update_k2", now.k2);
  add("update_k3", now.k3);
  so_far.largest_log_ratio = std::max(so_far.largest_log_ratio, array::item(now.largest_log_ratio));
}

void policy_updater::require_ratio_of_one(const at::Tensor& log_policy, const targets_of& targets,
                                          std::span<const std::int64_t> rows) const {
  const at::Tensor off = array::select(targets.mask, (log_policy - targets.old_log_policy).expm1().abs(), 0.0);
  const double most = array::item(array::max_coeff(off));
  if (most <= options_.ratio_tolerance) return;
  const std::int64_t place = off.argmax().item<std::int64_t>();
  throw sim::user_error(fmt::format(
      "before the first update of a rollout the policy is the one that was scored, so that pi / pi_old must be 1 to "
      "{:g}; it is off by {:.3g} at token {} of answer {}: scoring and training do not compute the same",
      options_.ratio_tolerance, most, place % off.size(1) + 1,
      rows[static_cast<std::size_t>(place / off.size(1))] + 1));
}

void policy_updater::finish(progress& so_far) {
  const auto step = [&](const char* what, adamw& optimizer, const schedule_options& schedule, at::Tensor& loss,
                        const char* loss_name, const char* norm_name, const char* rate_name) {
    const at::Tensor norm = gradient_norm(optimizer.parameters());
    const at::Tensor both = at::stack({loss.to(at::kFloat), norm.to(loss.device())}).to(at::kCPU);
    require_finite_loss(what, both[0].item<double>(), both[1].item<double>(), optimizer.parameters(), updates);
    if (options_.max_gradient_norm > 0) clip_gradients(optimizer.parameters(), norm, options_.max_gradient_norm);
    const double rate = learning_rate(schedule, updates);
    optimizer.step(rate);
    clear_gradients(optimizer.parameters());
    so_far.sums.add(loss_name, both[0], 1);
    so_far.sums.add(norm_name, both[1], 1);
    so_far.sums.add(rate_name, at::scalar_tensor(rate, at::kDouble), 1);
    loss = at::Tensor();
  };
  step("policy", policy_optimizer_, options_.policy_rate, so_far.policy_loss, "loss", "gradient_norm", "learning_rate");
  if (critic_ != nullptr)
    step("value", *critic_optimizer_, options_.critic_rate, so_far.critic_loss, "value_loss", "critic_gradient_norm",
         "critic_learning_rate");
  so_far.first = false;
  ++updates;
}

}  // namespace rto::llm
