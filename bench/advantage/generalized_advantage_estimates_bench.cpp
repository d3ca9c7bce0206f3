// Generalized advantage estimates of a batch of 256 rows of `range` tokens, single precision.
#include <rto/advantage/generalized_advantage_estimates.hpp>

#include <benchmark/benchmark.h>

#include "bench/support/random_array.hpp"

namespace {

using batch = rto::eigen_array<float>;

void generalized_advantage_estimates(benchmark::State& state) {
  const std::int64_t time = state.range(0);
  const batch reward = rto::bench::random_array<batch>(256, time, 1),
              value = rto::bench::random_array<batch>(256, time, 2);
  const batch mask = batch::Ones(256, time);
  batch advantage(256, time);
  for (auto _ : state) {
    rto::generalized_advantage_estimates(reward, value, mask, {.gamma = 1.0, .lambda = 0.95}, advantage);
    benchmark::DoNotOptimize(advantage.data());
  }
  state.SetItemsProcessed(state.iterations() * advantage.size());
}
BENCHMARK(generalized_advantage_estimates)->Arg(128)->Arg(512)->Arg(2048);

}  // namespace
