// The native step of Algorithm 2 on CPU tensors against its generic form, which runs where the mask asks for a
// gradient.
#include <torch/csrc/autograd/autograd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

double difference(const at::Tensor& x, const at::Tensor& y) { return distance(array::to_host(x), array::to_host(y)); }

at::Tensor for_the_generic_form(const at::Tensor& mask) { return mask.clone().requires_grad_(true); }

bool is_native(const at::Tensor& loss) {
  return loss.grad_fn() && loss.grad_fn()->name().find("token_loss_function") != std::string::npos;
}

// A ragged batch of more rows than a block has, NaN in the padding; every entry of the result has the layout of `kind`.
struct ragged_batch {
  token_batch<at::Tensor> data;
  at::Tensor log_policy, value;  // of now
};
ragged_batch ragged(const tensor_kind& kind, std::int64_t rows, std::int64_t time) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < rows; ++i) lengths.push_back((7 * i + 1) % (time + 1));
  const sample mask = prefix_mask(lengths, time);
  const auto tokens = [&](unsigned seed, double scale = 1) {
    return tensor_of(kind, with_padding(normal_sample(rows, time, seed, scale), mask));
  };
  sample ends = normal_sample(rows, time, 9);
  for (double& x : ends.entries) x = x > 1 ? 1 : 0;
  return {{{tensor_of(kind, mask), tokens(1), tokens(2), tokens(3), tensor_of(kind, normal_sample(rows, 1, 4)),
            tokens(5), tensor_of(kind, ends)},
           tokens(6)},
          tokens(1, 1.1),
          tokens(8)};
}

const std::vector<aggregation_options> aggregations{{},
                                                    {.mode = aggregation::seq_mean_token_mean},
                                                    {.mode = aggregation::seq_mean_token_sum},
                                                    {.mode = aggregation::seq_mean_token_sum, .global_count = 11}};

}  // namespace

TEST_CASE("token advantages of CPU tensors by blocks are those of the generic form, for every recipe") {
  for (const tensor_kind& kind : tensor_kinds()) {
    if (kind.options.device() != at::kCPU) continue;
    const double tier = conformance::tier(kind, tolerance<double>::cross_backend, tolerance<float>::cross_backend);
    for (const auto& [rows, time] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {45, 700}, {700, 13}})
      for (const token_reward_recipe& recipe :
           {rto_reward(0.1, 0.03), rto_release_reward(), dppo_reward(0.1, 0.03), semi_rto_reward(0.1, 0.03),
            rs_ppo_reward(0.1, 0.03), ppo_reward(0.03), tppo_reward(0.03)}) {
        CAPTURE(kind.name, rows, time);
        token_policy_options options{.reward = recipe};
        if (recipe.sequence != 0) options.whitening.reset();
        const ragged_batch batch = ragged(kind, rows, time);
        token_batch<at::Tensor> generic = batch.data;
        generic.reward.mask = for_the_generic_form(batch.data.reward.mask);
        const auto got = estimate_token_advantages(batch.data, options);
        const auto want = estimate_token_advantages(generic, options);
        CHECK(difference(got.targets.advantage, want.targets.advantage) <= tier);
        CHECK(difference(got.targets.value_target, want.targets.value_target) <= tier);
        CHECK(difference(got.reward, want.reward) <= tier);
        CHECK(difference(got.terms.implicit, want.terms.implicit) <= tier);
        CHECK(difference(got.terms.sequence, want.terms.sequence) <= tier);
        CHECK(difference(got.terms.score, want.terms.score) <= tier);
        CHECK(difference(got.terms.kl, want.terms.kl) <= tier);
        CHECK(difference(got.raw_advantage.count, want.raw_advantage.count) == 0);
        CHECK(difference(got.raw_advantage.mean, want.raw_advantage.mean) <= tier);
        CHECK(difference(got.raw_advantage.squared_deviations, want.raw_advantage.squared_deviations) <= tier);
        CHECK_FALSE(got.targets.advantage.requires_grad());
      }
  }
}

TEST_CASE("losses of CPU tensors by blocks, their gradients and those of the gradients are those of the generic form") {
  for (const tensor_kind& kind : tensor_kinds()) {
    if (kind.options.device() != at::kCPU) continue;
    INFO(kind.name);
    const double tier = conformance::tier(kind, tolerance<double>::cross_backend, tolerance<float>::cross_backend);
    const ragged_batch batch = ragged(kind, 45, 700);
    token_policy_options options;
    const auto targets = estimate_token_advantages(batch.data, options).targets;
    auto generic = targets;
    generic.mask = for_the_generic_form(targets.mask);
    for (const aggregation_options& how : aggregations)
      for (const std::optional<double> clip : {std::optional<double>(0.2), std::optional<double>()}) {
        options.aggregate = how;
        options.value.clip = clip;
        // Both losses times a number, so that the slope that comes back is not one.
        const auto evaluate = [&](const token_policy_targets<at::Tensor>& to, bool natively) {
          const at::Tensor l = batch.log_policy.clone().requires_grad_(true),
                           v = batch.value.clone().requires_grad_(true);
          const at::Tensor policy_loss = token_policy_loss(l, to, options), value = token_value_loss(v, to, options);
          CHECK(is_native(policy_loss) == natively);
          CHECK(is_native(value) == natively);
          const at::Tensor both = 3 * policy_loss - 2 * value;
          const auto first = torch::autograd::grad({both}, {l, v}, {}, true, /*create_graph=*/true);
          const at::Tensor curvature =
              at::where(targets.mask > 0.5, first[0], 0.0).pow(2).sum() + first[1].pow(2).sum();
          const auto second = torch::autograd::grad({curvature}, {l, v}, {}, /*retain_graph=*/true);
          const auto once = torch::autograd::grad({both}, {l, v});  // without a graph: the native gradient
          return std::vector<at::Tensor>{
              both.detach(), first[0].detach(), first[1].detach(), second[0], second[1], once[0], once[1]};
        };
        const auto got = evaluate(targets, true), want = evaluate(generic, false);
        for (std::size_t k = 0; k < got.size(); ++k) {
          CAPTURE(k);
          const double scale = std::max(1e-6, want[k].abs().max().item<double>());
          CHECK(difference(got[k] / scale, want[k] / scale) <= tier);
        }
      }
  }
}

TEST_CASE("whitening merges what `merge` is given, and constants of the step may ask for gradients") {
  const tensor_kind& kind = tensor_kinds()[0];
  const ragged_batch batch = ragged(kind, 45, 70);
  const auto twice = [](const masked_moments<at::Tensor>& m) { return merge(m, m); };
  token_batch<at::Tensor> generic = batch.data;
  generic.reward.mask = for_the_generic_form(batch.data.reward.mask);
  CHECK(difference(estimate_token_advantages(batch.data, {}, twice).targets.advantage,
                   estimate_token_advantages(generic, {}, twice).targets.advantage) <=
        tolerance<double>::cross_backend);
  auto targets = estimate_token_advantages(batch.data, {}).targets;
  targets.advantage.requires_grad_(true);
  const at::Tensor now = batch.log_policy.clone().requires_grad_(true);
  token_policy_loss(now, targets, {}).backward();
  CHECK(now.grad().defined());
  CHECK_FALSE(targets.advantage.grad().defined());
  // A value that asks for one has one: by the generic form.
  token_batch<at::Tensor> learned = batch.data;
  learned.value = batch.data.value.clone().requires_grad_(true);
  CHECK(estimate_token_advantages(learned, {}).targets.advantage.requires_grad());
}

TEST_CASE("blocks run on every thread that LibTorch has, each once, and throw where they are called") {
  const int threads = at::get_num_threads();
  for (const int n : {1, 4}) {
    at::set_num_threads(n);
    for (const std::int64_t blocks : {0, 1, 3, 1000}) {
      CAPTURE(n, blocks);
      std::vector<std::atomic<int>> count(static_cast<std::size_t>(blocks));
      rto::detail::for_blocks(blocks, [&](std::int64_t block) { ++count[static_cast<std::size_t>(block)]; });
      CHECK(std::all_of(count.begin(), count.end(), [](const auto& c) { return c == 1; }));
    }
    std::mutex guard;
    std::set<std::thread::id> seen;
    rto::detail::for_blocks(4, [&](std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      const std::lock_guard lock(guard);
      seen.insert(std::this_thread::get_id());
    });
    CHECK(seen.size() == static_cast<std::size_t>(n));
    CHECK_THROWS_AS(rto::detail::for_blocks(9,
                                            [](std::int64_t block) {
                                              if (block == 5) throw std::domain_error("the sixth");
                                            }),
                    std::domain_error);
  }
  at::set_num_threads(threads);
}
