// KL-regularised planning on the complete token tree of 4 tokens and `range` steps.
#include <rto/planning/kl_regularized_planning.hpp>

#include <benchmark/benchmark.h>

#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_tree.hpp>

#include "bench/support/random_array.hpp"

namespace {

void plan(benchmark::State& state) {
  const rto::complete_token_tree tree(4, state.range(0));
  const auto reward = rto::bench::random_array(tree.states(), 4, 1);
  const auto reference = rto::policy_from_logits(rto::bench::random_array(tree.states(), 4, 2));
  for (auto _ : state) {
    const auto best = rto::plan(tree, reference, reward, {.beta = 0.1});
    benchmark::DoNotOptimize(best.objective);
  }
  state.SetItemsProcessed(state.iterations() * tree.states());
  state.SetLabel(std::to_string(tree.states()) + " states");
}
BENCHMARK(plan)->DenseRange(4, 10, 2);

}  // namespace
