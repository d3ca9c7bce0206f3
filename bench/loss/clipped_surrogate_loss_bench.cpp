// The clipped surrogate of every token of a batch: the fused formula into an array that is there, into a fresh one, and
// the loop that one would write by hand. A batch of 256 rows of 512 tokens, single precision.
#include <rto/loss/clipped_surrogate_loss.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>

#include "bench/support/random_array.hpp"

namespace {

using batch = rto::eigen_array<float>;

struct tokens {
  batch log_prob = rto::bench::random_array<batch>(256, 512, 1);
  batch old_log_prob = log_prob + 0.1f * rto::bench::random_array<batch>(256, 512, 2);
  batch advantage = rto::bench::random_array<batch>(256, 512, 3);
};

void into_out(benchmark::State& state) {
  const tokens data;
  batch loss(256, 512);
  for (auto _ : state) {
    rto::clipped_surrogate_token_loss(data.log_prob, data.old_log_prob, data.advantage, {}, loss);
    benchmark::DoNotOptimize(loss.data());
  }
  state.SetItemsProcessed(state.iterations() * loss.size());
}
BENCHMARK(into_out);

void returned(benchmark::State& state) {
  const tokens data;
  for (auto _ : state) {
    const batch loss = rto::clipped_surrogate_token_loss(data.log_prob, data.old_log_prob, data.advantage);
    benchmark::DoNotOptimize(loss.data());
  }
  state.SetItemsProcessed(state.iterations() * data.log_prob.size());
}
BENCHMARK(returned);

void plain_loop(benchmark::State& state) {
  const tokens data;
  batch loss(256, 512);
  for (auto _ : state) {
    for (Eigen::Index i = 0; i < loss.size(); ++i) {
      const float ratio = std::exp(data.log_prob.data()[i] - data.old_log_prob.data()[i]);
      const float advantage = data.advantage.data()[i];
      loss.data()[i] = -std::min(ratio * advantage, std::clamp(ratio, 0.8f, 1.2f) * advantage);
    }
    benchmark::DoNotOptimize(loss.data());
  }
  state.SetItemsProcessed(state.iterations() * loss.size());
}
BENCHMARK(plain_loop);

}  // namespace
