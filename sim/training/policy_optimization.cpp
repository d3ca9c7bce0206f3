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
  std::vector<std::int64_t> order(static_cast<std::size_t>(options.batch)), row;
  policy_rows rows(policy);
  edge_table log_policy, value, slope, value_slope;
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
        // visit(i, t, state, token) for the tokens of the minibatch.
        const auto for_each_token = [&](auto visit) {
          for (std::int64_t i = 0; i < to - from; ++i) {
            const std::size_t first = answers.at(order[static_cast<std::size_t>(from + i)], 0);
            for (std::size_t t = 0; t < static_cast<std::size_t>(answers.time) && answers.state[first + t] >= 0; ++t)
              visit(i, static_cast<std::int64_t>(t), answers.state[first + t], answers.token[first + t]);
          }
        };
        rows.clear();
        row.clear();
        for_each_token([&](auto, auto, std::int64_t s, auto) { row.push_back(rows.add(s)); });
        rows.evaluate();
        log_policy.setZero(to - from, answers.time);
        value.setZero(to - from, answers.time);
        auto at = row.begin();
        for_each_token([&](std::int64_t i, std::int64_t t, std::int64_t s, std::int64_t token) {
          log_policy(i, t) = rows.log_probability(*at++, token);
          if (!exact) value(i, t) = critic(s);
        });
        if (epoch == 0 && from == 0)
          record.first_log_ratio = diagnose(log_policy, part, options.step).largest_log_ratio;
        token_policy_gradient(log_policy, part, options.step, slope);
        if (!exact) token_value_gradient(value, part, options.step, value_slope);
        at = row.begin();
        for_each_token([&](std::int64_t i, std::int64_t t, std::int64_t s, std::int64_t token) {
          rows.add_log_probability_gradient(*at++, token, slope(i, t));
          if (!exact) critic.add_gradient(s, value_slope(i, t));
        });
        rows.add_gradient_to_policy();
        const double left = 1 - updates / all_updates;
        policy.step(options.policy_rate * left);
        if (!exact) critic.step(options.value_rate * left);
      }
    }
    record.explained_variance = explained_variance(targets);
    records.push_back(record);
  }
  if (observer) observer(options.iterations * options.batch, policy);
  return records;
}

}  // namespace rto::sim
