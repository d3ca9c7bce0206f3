// Training on a token tree: Algorithm 2 (answers sampled and learned from, per second) and the preference methods
// before it (pairs per second). bench/peers/policy_optimization.py times Algorithm 2 in numpy and in jax.
#include "sim/training/policy_optimization.hpp"

#include <benchmark/benchmark.h>

#include <rto/mdp/policy.hpp>

#include "sim/training/preference_training.hpp"

namespace {

using namespace rto::sim;

constexpr double beta_1 = 0.1;

// A world of the default shape, and the policy that direct preference optimisation would end at with unlimited data.
struct trained_world {
  stream rng{1};
  token_world world = make_token_world({}, rng);
  edge_table log_dpo = rto::policy_from_logits(edge_table(world.log_pretrained + world.reward / beta_1));
};

// The recipe of RTO with a learned critic: 100 rollouts of 256 answers, two epochs in minibatches of 16.
void optimize(benchmark::State& state, const trained_world& w, const indexed_features& policy_features,
              const indexed_features& value_features) {
  const reward_tables rewards{.log_reference = &w.world.log_pretrained, .log_dpo = &w.log_dpo};
  const policy_optimization_options options{};
  double first = 0, last = 0;
  for (auto _ : state) {
    stream rng(2);
    softmax_policy policy(w.world.log_pretrained, policy_features);
    const auto records = optimize_policy(w.world, policy, value_features, rewards, options, rng);
    first = records.front().reward;
    last = records.back().reward;
  }
  state.SetItemsProcessed(state.iterations() * options.iterations * options.batch);
  state.counters["first_reward"] = first;
  state.counters["last_reward"] = last;
}

void optimize_policy_tabular(benchmark::State& state) {
  const trained_world w;
  const std::int64_t states = w.world.tree.states();
  optimize(state, w, tabular_features(states, w.world.tree.actions()), tabular_features(states));
}
BENCHMARK(optimize_policy_tabular)->Unit(benchmark::kMillisecond);

void optimize_policy_linear(benchmark::State& state) {
  const trained_world w;
  optimize(state, w, w.world.edge_features, w.world.state_features);
}
BENCHMARK(optimize_policy_linear)->Unit(benchmark::kMillisecond);

// One epoch over 10 000 pairs in minibatches of 32.
void prefer(benchmark::State& state, preference_method method) {
  trained_world w;
  const auto pairs = draw_preferences(w.world, w.world.log_pretrained, {}, w.rng);
  const indexed_features features = tabular_features(w.world.log_pretrained.rows(), w.world.log_pretrained.cols());
  const preference_options options{.method = method};
  for (auto _ : state) {
    softmax_policy policy(w.world.log_pretrained, features);
    optimize_preferences(w.world, policy, w.world.log_pretrained, pairs, options, w.rng);
    benchmark::DoNotOptimize(policy.weights()[0]);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pairs.size()));
}
void optimize_preferences_dpo(benchmark::State& state) { prefer(state, preference_method::dpo); }
BENCHMARK(optimize_preferences_dpo)->Unit(benchmark::kMillisecond);
void optimize_preferences_tdpo(benchmark::State& state) { prefer(state, preference_method::tdpo); }
BENCHMARK(optimize_preferences_tdpo)->Unit(benchmark::kMillisecond);

void fit_token_reward(benchmark::State& state) {
  trained_world w;
  const auto pairs = draw_preferences(w.world, w.world.log_pretrained, {}, w.rng);
  for (auto _ : state)
    benchmark::DoNotOptimize(fit_token_reward(w.world, w.world.edge_features, pairs, {}, w.rng).data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pairs.size()));
}
BENCHMARK(fit_token_reward)->Unit(benchmark::kMillisecond);

}  // namespace
