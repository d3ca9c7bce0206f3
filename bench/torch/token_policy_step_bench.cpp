// The step of Algorithm 2 on tensors: token rewards, advantages, whitening, the clipped surrogate and its gradient.
// bench/peers/tensor_operations.py times the same in PyTorch.
#include <rto/algorithm/token_policy_step.hpp>

#include "bench/torch/device.hpp"

namespace {

using namespace rto;

void token_policy_step(benchmark::State& state) {
  const std::int64_t rows = state.range(0), time = state.range(1);
  const auto random = [&](std::uint64_t seed) { return bench::random_tensor(rows, time, seed); };
  const token_batch<at::Tensor> batch{{.mask = bench::ragged_mask(rows, time),
                                       .log_policy = random(1),
                                       .log_reference = random(2),
                                       .log_dpo = random(3),
                                       .sequence_reward = {},
                                       .score = {},
                                       .segment_end = {}},
                                      random(4)};
  const at::Tensor now = (batch.reward.log_policy + 0.1 * random(5)).requires_grad_(true);
  const token_policy_options options;
  for (auto _ : state) {
    const auto estimates = estimate_token_advantages(batch, options);
    token_policy_loss(now, estimates.targets, options).backward();
    bench::finish(now.grad());
    now.mutable_grad() = at::Tensor();
  }
  state.SetItemsProcessed(state.iterations() * rows * time);
}

[[maybe_unused]] const auto registered =
    bench::timed(benchmark::RegisterBenchmark("token_policy_step", token_policy_step)) -> Args({256, 512})
        -> Args({4096, 1024});

}  // namespace
