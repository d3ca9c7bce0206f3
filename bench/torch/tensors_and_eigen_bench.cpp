// Maximum likelihood and planning, the same templates on tensors and on Eigen arrays.
#include <cmath>
#include <vector>

#include <Eigen/Dense>

#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/reward/reward_mle.hpp>

#include "bench/torch/device.hpp"

namespace {

using namespace rto;

template <class M> M converted(const at::Tensor& x) {
  if constexpr (std::is_same_v<M, at::Tensor>)
    return x;
  else
    return array::from_host(M(), array::to_host(x), x.size(0), x.size(1));
}

// Labels drawn from the model itself.
template <class M> void fit_reward(benchmark::State& state) {
  const std::int64_t n = state.range(0), d = state.range(1);
  const at::ScalarType type = bench::device().is_cpu() ? at::kDouble : at::kFloat;
  const at::Tensor x = bench::random_tensor(n, d, 1, type), theta = bench::random_tensor(d, 1, 2, type) / std::sqrt(d);
  const at::Tensor label = (at::rand({n, 1}, x.options()) < at::sigmoid(at::mm(x, theta))).to(type);
  const comparison_set<M> comparisons{converted<M>(x), converted<M>(label), {}};
  const double tolerance = type == at::kDouble ? reward_mle_options{}.tolerance : 1e-5;
  int iterations = 0;
  for (auto _ : state) {
    const auto estimate = rto::reward_mle(comparisons, {.bound = 10, .tolerance = tolerance});
    if (!estimate.converged) state.SkipWithError("did not converge");
    iterations = static_cast<int>(estimate.iterations);
    benchmark::DoNotOptimize(estimate.log_likelihood);
  }
  state.counters["iterations"] = iterations;
}

template <class A, class Mdp> void plan_on(benchmark::State& state, const Mdp& mdp, at::ScalarType type) {
  const A reward = converted<A>(bench::random_tensor(mdp.states(), mdp.actions(), 1, type));
  const A reference = policy_from_logits(converted<A>(bench::random_tensor(mdp.states(), mdp.actions(), 2, type)));
  for (auto _ : state) {
    const auto best = plan(mdp, reference, reward, {.beta = 0.1});
    benchmark::DoNotOptimize(array::item(best.objective));
  }
  state.SetItemsProcessed(state.iterations() * mdp.states());
  // Read: reference and reward; written: q, the policy, the values.
  const auto size = static_cast<std::int64_t>(c10::elementSize(type));
  state.SetBytesProcessed(state.iterations() * mdp.states() * (4 * mdp.actions() + 1) * size);
  state.SetLabel(std::to_string(mdp.states()) + " states");
}

template <class A> void plan_tree(benchmark::State& state) {
  plan_on<A>(state, complete_token_tree(state.range(0), state.range(1)), at::kDouble);
}
// Many prompts, each with a trie of its own: one batch.
template <class A> void plan_tries(benchmark::State& state) {
  const auto prompts = static_cast<std::size_t>(state.range(0));
  plan_on<A>(state,
             full_trie({.actions = 8,
                        .horizon = 4,
                        .eos = 0,
                        .rho = std::vector<double>(prompts, 1.0 / static_cast<double>(prompts))}),
             at::kDouble);
}

// The bandwidth that anything can reach: a copy.
void copy(benchmark::State& state) {
  const at::Tensor from = bench::random_tensor(1 << 14, 1 << 14, 1);
  at::Tensor to = at::empty_like(from);
  for (auto _ : state) bench::finish(to.copy_(from));
  state.SetBytesProcessed(state.iterations() * 2 * static_cast<std::int64_t>(from.nbytes()));
}

[[maybe_unused]] const bool registered = [] {
  const auto add = [](const char* name, auto f) { return bench::timed(benchmark::RegisterBenchmark(name, f)); };
  add("copy", copy);
  add("reward_mle/tensor", fit_reward<at::Tensor>)->Args({100'000, 256});
  add("plan_tree/tensor", plan_tree<at::Tensor>)->Args({4, 10});
  add("plan_tries/tensor", plan_tries<at::Tensor>)->Arg(256);
  if (bench::device().is_cpu()) {
    add("reward_mle/eigen", fit_reward<eigen_matrix<double>>)->Args({100'000, 256});
    add("plan_tree/eigen", plan_tree<eigen_array<double>>)->Args({4, 10});
    add("plan_tries/eigen", plan_tries<eigen_array<double>>)->Arg(256);
  } else {  // sizes that the memory of a GPU is for
    add("reward_mle/large", fit_reward<at::Tensor>)->Args({1'000'000, 1024});
    add("plan_tree/large", [](benchmark::State& state) {
      plan_on<at::Tensor>(state, complete_token_tree(10, 9), at::kFloat);  // 1.1 10^8 states
    });
  }
  return true;
}();

}  // namespace
