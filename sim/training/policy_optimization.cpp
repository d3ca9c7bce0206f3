#include "sim/training/policy_optimization.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include <rto/array/running_sum.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "sim/statistics/shuffle.hpp"
#include "sim/training/rollout.hpp"

namespace rto::sim {
namespace {

// 1 at the last token of every segment.
edge_table segment_ends_of(const token_world& world, const sampled_answers& answers,
                           const policy_optimization_options& options) {
  edge_table ends = edge_table::Zero(answers.batch, answers.time);
  for (std::int64_t b = 0; b < answers.batch; ++b)
    for (std::int64_t t = 0; t < answers.time && answers.mask(b, t) > 0; ++t) {
      const bool ends_here = options.segments == segment_rule::chunk
                                 ? (t + 1) % options.chunk == 0
                                 : answers.token[answers.at(b, t)] == world.delimiter();
      ends(b, t) = ends_here ? 1 : 0;
    }
  return ends;
}

token_batch<edge_table> assemble(const token_world& world, const sampled_answers& answers, const reward_tables& rewards,
                                 const policy_optimization_options& options) {
  token_batch<edge_table> batch{};
  batch.reward.mask = answers.mask;
  batch.reward.log_policy = answers.log_policy;
  batch.reward.log_reference = answers.along(*rewards.log_reference);
  if (rewards.log_dpo) batch.reward.log_dpo = answers.along(*rewards.log_dpo);
  if (rewards.score) {
    batch.reward.score = answers.along(*rewards.score);
    batch.reward.sequence_reward = array::row_sum(batch.reward.score);
  }
  const token_reward_recipe& recipe = options.step.reward;
  if (recipe.implicit_placement == reward_placement::segment_end ||
      recipe.score_placement == reward_placement::segment_end)
    batch.reward.segment_end = segment_ends_of(world, answers, options);
  return batch;
}

// V^pi of the accruing reward [N, 1].
edge_table exact_values(const token_world& world, const softmax_policy& policy, const reward_tables& rewards,
                        const edge_table& accruing, double beta_2) {
  return evaluate_policy(world.tree, policy.log_policy(), *rewards.log_reference, accruing, beta_2).value;
}

// One update after the other: the tokens of a minibatch, what policy and critic say of them, and the way back.
class minibatch_updates {
 public:
  // Without a critic to train, `critic` is null.
  minibatch_updates(softmax_policy& policy, linear_function* critic)
      : policy_(&policy), critic_(critic), rows_(policy) {}

  // Reads policy and critic at the tokens of the answers `chosen`.
  void evaluate(const sampled_answers& answers, std::span<const std::int64_t> chosen) {
    const auto size = static_cast<std::int64_t>(chosen.size());
    rows_.clear();
    tokens_.clear();
    for (std::int64_t i = 0; i < size; ++i)
      for (std::int64_t t = 0; t < answers.length[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])]; ++t) {
        const std::size_t at = answers.at(chosen[static_cast<std::size_t>(i)], t);
        tokens_.push_back({i * answers.time + t, rows_.add(answers.state[at]), answers.token[at]});
      }
    rows_.evaluate();
    log_policy_.setZero(size, answers.time);
    for (const token& x : tokens_) log_policy_.data()[x.place] = rows_.log_probability(x.row, x.token);
    if (!critic_) return;
    value_.setZero(size, answers.time);
    row_values_.clear();
    for (const std::int64_t state : rows_.states()) row_values_.push_back((*critic_)(state));
    for (const token& x : tokens_) value_.data()[x.place] = row_values_[static_cast<std::size_t>(x.row)];
  }
  const edge_table& log_policy() const { return log_policy_; }

  // One step of Adam on both, from the closed-form gradients of their losses.
  template <class Targets>
  void step(const Targets& targets, const token_policy_options& options, double policy_rate, double value_rate) {
    token_policy_gradient(log_policy_, targets, options, slope_);
    for (const token& x : tokens_) rows_.add_log_probability_gradient(x.row, x.token, slope_.data()[x.place]);
    rows_.add_gradient_to_policy();
    policy_->step(policy_rate);
    if (!critic_) return;
    token_value_gradient(value_, targets, options, slope_);
    row_values_.assign(row_values_.size(), 0.0);  // from here on their gradient
    for (const token& x : tokens_) row_values_[static_cast<std::size_t>(x.row)] += slope_.data()[x.place];
    for (std::size_t row = 0; row < row_values_.size(); ++row)
      critic_->add_gradient(rows_.states()[row], row_values_[row]);
    critic_->step(value_rate);
  }

 private:
  struct token {
    std::int64_t place;  // in arrays [answers, time] of the minibatch
    std::int64_t row;    // of the state before it
    std::int64_t token;
  };
  softmax_policy* policy_;
  linear_function* critic_;
  policy_rows rows_;
  std::vector<token> tokens_;
  std::vector<double> row_values_;
  edge_table log_policy_, value_, slope_;
};

}  // namespace

edge_table accruing_reward(const reward_tables& rewards, const token_reward_recipe& recipe) {
  edge_table sum = edge_table::Zero(rewards.log_reference->rows(), rewards.log_reference->cols());
  if (recipe.implicit != 0 && recipe.implicit_placement != reward_placement::shaping)
    sum += array::clamp(implicit_reward(*rewards.log_dpo, *rewards.log_reference, recipe.implicit),
                        -recipe.implicit_clip, recipe.implicit_clip);
  if (recipe.sequence != 0) {
    if (std::isfinite(recipe.sequence_clip))
      throw std::invalid_argument("rto::accruing_reward: a clipped sequence reward is no sum over tokens");
    sum += recipe.sequence * *rewards.score;
  }
  if (recipe.score != 0 && recipe.score_placement != reward_placement::shaping) sum += recipe.score * *rewards.score;
  return sum;
}

std::vector<rollout_record> optimize_policy(const token_world& world, softmax_policy& policy,
                                            const indexed_features& value_features, const reward_tables& rewards,
                                            const policy_optimization_options& options, stream& rng,
                                            const policy_observer& observer) {
  answer_sampler sampler(world);
  linear_function critic(value_features);
  const bool exact = options.critic == critic_kind::exact, measured = exact || options.measure_advantages;
  const edge_table accruing = measured ? accruing_reward(rewards, options.step.reward) : edge_table();
  const std::int64_t updates_each = options.epochs * ((options.batch + options.minibatch - 1) / options.minibatch);
  const double all_updates = static_cast<double>(options.iterations * updates_each);
  double updates = 0;

  std::vector<rollout_record> records;
  std::vector<std::int64_t> order(static_cast<std::size_t>(options.batch));
  minibatch_updates update(policy, exact ? nullptr : &critic);
  for (std::int64_t iteration = 0; iteration < options.iterations; ++iteration) {
    if (observer && !observer(iteration * options.batch, policy)) return records;
    const sampled_answers answers = sampler.sample(policy, options.batch, rng);
    token_batch<edge_table> batch = assemble(world, answers, rewards, options);
    const edge_table known =
        measured ? exact_values(world, policy, rewards, accruing, options.step.reward.kl) : edge_table();
    const auto value_now = [&](std::int64_t s) { return exact ? known(s, 0) : critic(s); };
    batch.value = answers.of_states(value_now);
    const edge_table paid_as_it_accrues = measured ? answers.along(accruing) : edge_table();
    if (exact) {  // the critic of a delayed reward knows what has accrued and is not paid yet
      const token_reward_terms<edge_table> terms = token_reward_components(batch.reward, options.step.reward);
      const edge_table owed = paid_as_it_accrues - (terms.implicit + terms.sequence + terms.score);
      batch.value += sum_before(owed, answers.mask);
    }
    const token_policy_estimates<edge_table> estimates = estimate_token_advantages(batch, options.step);
    const token_policy_targets<edge_table>& targets = estimates.targets;

    rollout_record record;
    const double n = static_cast<double>(options.batch);
    record.samples = iteration * options.batch;
    record.reward = (estimates.terms.implicit + estimates.terms.sequence + estimates.terms.score).sum() / n;
    record.kl = (answers.log_policy - batch.reward.log_reference).sum() / n;
    record.length = answers.mask.sum() / n;
    record.advantage_variance = estimates.raw_advantage.squared_deviations / estimates.raw_advantage.count;
    if (measured) {
      const edge_table dense = paid_as_it_accrues + estimates.terms.kl,
                       v = answers.of_states([&](std::int64_t s) { return known(s, 0); });
      const edge_table truth = generalized_advantage_estimates(dense, v, answers.mask, {.gamma = 1, .lambda = 0});
      const edge_table raw = targets.value_target - targets.old_value;
      record.advantage_error = masked_mean(edge_table((raw - truth).square()), answers.mask);
    }

    std::iota(order.begin(), order.end(), 0);
    for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
      shuffle(order, rng);
      const token_policy_targets<edge_table> shuffled = minibatch(targets, order);
      for (std::int64_t from = 0; from < options.batch; from += options.minibatch, ++updates) {
        const std::int64_t to = std::min(from + options.minibatch, options.batch);
        const auto part = minibatch(shuffled, from, to);
        update.evaluate(answers,
                        std::span(order).subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
        if (epoch == 0 && from == 0)
          record.first_log_ratio = diagnose(update.log_policy(), part, options.step).largest_log_ratio;
        const double left = 1 - updates / all_updates;
        update.step(part, options.step, options.policy_rate * left, options.value_rate * left);
      }
    }
    record.explained_variance = explained_variance(targets);
    records.push_back(record);
  }
  if (observer) observer(options.iterations * options.batch, policy);
  return records;
}

}  // namespace rto::sim
