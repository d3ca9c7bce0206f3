// Maximum likelihood of the linear reward from n comparisons of d features, labels drawn from the model itself.
#include <rto/reward/reward_mle.hpp>

#include <benchmark/benchmark.h>

#include <boost/random/uniform_01.hpp>
#include <cmath>

#include "bench/support/random_array.hpp"

namespace {

using matrix = rto::eigen_matrix<double>;

void reward_mle(benchmark::State& state) {
  const std::int64_t n = state.range(0), d = state.range(1);
  const matrix x = rto::bench::random_array<matrix>(n, d, 1);
  const matrix theta = rto::bench::random_array<matrix>(d, 1, 2) / std::sqrt(static_cast<double>(d));
  boost::random::mt19937 rng(3);
  boost::random::uniform_01<double> uniform;
  const matrix label =
      (x * theta).unaryExpr([&](double z) { return uniform(rng) < 1 / (1 + std::exp(-z)) ? 1.0 : 0.0; });
  const rto::comparison_set comparisons{x, label, {}};
  for (auto _ : state) {
    const auto estimate = rto::reward_mle(comparisons, {.bound = 10});
    if (!estimate.converged) state.SkipWithError("did not converge");
    benchmark::DoNotOptimize(estimate.log_likelihood);
  }
}
BENCHMARK(reward_mle)->Args({1000, 10})->Args({10000, 10})->Args({10000, 100})->Unit(benchmark::kMillisecond);

}  // namespace
