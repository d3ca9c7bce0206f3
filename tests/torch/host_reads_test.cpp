// Nothing waits for a device but what says so: formulas run on tensors that have no entries at all, and what reads
// numbers reads as many as docs/tensors.md says.
#include <ATen/record_function.h>

#include <atomic>
#include <cstring>
#include <memory>

#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

namespace {

std::atomic<std::int64_t> reads{0};

/// Numbers read to the host while f runs.
template <class F> std::int64_t host_reads(F&& f) {
  const at::CallbackHandle handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& called) -> std::unique_ptr<at::ObserverContext> {
        if (std::strcmp(called.name(), "aten::_local_scalar_dense") == 0) ++reads;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  reads = 0;
  f();
  at::removeCallback(handle);
  return reads;
}

at::Tensor numbers(const tensor_kind& kind, std::int64_t rows, std::int64_t cols, unsigned seed) {
  return tensor_of(kind, normal_sample(rows, cols, seed));
}

}  // namespace

TEST_CASE("what reads a number is seen") {
  const at::Tensor x = numbers(tensor_kinds()[0], 2, 2, 1);
  CHECK(host_reads([&] { (void)array::item(array::sum(x)); }) == 1);
  CHECK(host_reads([&] { (void)array::all_finite(x); }) == 1);
  CHECK(host_reads([&] { (void)array::exp(x); }) == 0);
}

TEST_CASE("losses, token rewards and advantages read nothing") {
  for (const tensor_kind& kind : tensor_kinds()) {
    const at::Tensor column = -numbers(kind, 6, 1, 1).abs() - 0.1, tokens = numbers(kind, 3, 4, 2);
    const at::Tensor mask = tensor_of(kind, prefix_mask({4, 2, 1}, 4));
    CHECK(host_reads([&] { (void)dpo_loss(column, column); }) == 0);
    CHECK(host_reads([&] { (void)ipo_loss(column, column); }) == 0);
    CHECK(host_reads([&] { (void)hinge_dpo_loss(column, column); }) == 0);
    CHECK(host_reads([&] { (void)robust_dpo_loss(column, column, {.flip_rate = 0.1}); }) == 0);
    CHECK(host_reads([&] { (void)simpo_loss(column, column); }) == 0);
    CHECK(host_reads([&] { (void)r_dpo_loss(column, column, column); }) == 0);
    CHECK(host_reads([&] { (void)cpo_loss(column, column); }) == 0);
    CHECK(host_reads([&] { (void)orpo_loss(column, column); }) == 0);
    CHECK(host_reads([&] { (void)kto_loss(column, column, column, 0.1); }) == 0);
    CHECK(host_reads([&] { (void)reward_model_loss(column, column, column); }) == 0);
    CHECK(host_reads([&] { (void)tdpo2_loss(column, column, column, column); }) == 0);
    CHECK(host_reads([&] { (void)clipped_surrogate_loss(tokens, tokens, tokens, mask); }) == 0);
    CHECK(host_reads([&] { (void)value_loss(tokens, tokens, tokens, mask); }) == 0);
    CHECK(host_reads([&] { (void)clip_fraction(tokens, tokens, tokens, mask); }) == 0);
    CHECK(host_reads([&] { (void)sft_loss(tokens, mask); }) == 0);
    CHECK(host_reads([&] { (void)kl_estimates(tokens, tokens, kl_estimator::k3); }) == 0);
    CHECK(host_reads([&] { (void)generalized_advantage_estimates(tokens, tokens, mask, {.lambda = 0.9}); }) == 0);
    CHECK(host_reads([&] { (void)discounted_returns(tokens, mask, 0.9); }) == 0);
    CHECK(host_reads([&] { (void)whiten(tokens, mask); }) == 0);
    CHECK(host_reads([&] { (void)group_advantages(tokens, grpo_advantages()); }) == 0);
    CHECK(host_reads([&] { (void)segment_sum(tokens, tokens, mask); }) == 0);
    token_reward_inputs<at::Tensor> in{};
    in.mask = mask, in.log_policy = tokens, in.log_reference = tokens, in.log_dpo = tokens;
    in.sequence_reward = numbers(kind, 3, 1, 3), in.score = tokens, in.segment_end = tokens;
    for (const token_reward_recipe& recipe : {rto_reward(0.1, 0.03), rto_release_reward(), dppo_reward(0.1, 0.03),
                                              semi_rto_reward(0.1, 0.03), ppo_reward(0.03), tppo_reward(0.03)})
      CHECK(host_reads([&] { (void)token_reward(in, recipe); }) == 0);
  }
}

TEST_CASE("policies, backups, likelihoods and bonuses read nothing") {
  for (const tensor_kind& kind : tensor_kinds()) {
    const at::Tensor table = policy_from_logits(numbers(kind, 5, 4, 1)), theta = numbers(kind, 4, 1, 2);
    CHECK(host_reads([&] { (void)log_softmax(table); }) == 0);
    CHECK(host_reads([&] { (void)kl_divergence(table, table); }) == 0);
    CHECK(host_reads([&] { (void)soft_bellman(table, table, 0.5).value; }) == 0);
    CHECK(host_reads([&] { (void)token_entropy(table); }) == 0);
    CHECK(host_reads([&] { (void)bradley_terry_probability(table, table); }) == 0);
    CHECK(host_reads([&] { (void)linear_reward(table, theta); }) == 0);
    const auto covariance = make_regularized_covariance(table, 1.0);
    CHECK(host_reads([&] { (void)elliptical_norms(table, covariance); }) == 0);
    CHECK(host_reads([&] { (void)pessimistic_reward(table, theta, covariance, 0.5); }) == 0);
  }
}

TEST_CASE("validation, planning and estimation read what docs/tensors.md says") {
  const complete_token_tree tree(3, 6);
  for (const tensor_kind& kind : tensor_kinds()) {
    INFO(kind.name);
    const at::Tensor reference = policy_from_logits(numbers(kind, tree.states(), 3, 1));
    const at::Tensor reward = numbers(kind, tree.states(), 3, 2), features = numbers(kind, tree.states() * 3, 4, 3);
    CHECK(host_reads([&] { validate_policy(reference); }) == 2);
    CHECK(host_reads([&] { (void)plan(tree, reference, reward, {.beta = 0.5}); }) == 3);
    CHECK(host_reads([&] { (void)evaluate_policy(tree, reference, reference, reward, 0.5); }) == 6);
    CHECK(host_reads([&] { (void)occupancy(tree, reference); }) == 2);
    CHECK(host_reads([&] { (void)make_regularized_covariance(features, 1.0); }) == 1);
    // An iteration of maximum likelihood reads the same few numbers whatever the size of the data.
    const auto reads_of = [&](std::int64_t n) {
      const auto data = comparison_set_of(conformance::inputs(kind, comparisons_of(n, 4, 7)));
      std::int64_t iterations = 0;
      const std::int64_t all = host_reads([&] { iterations = reward_mle(data, {.bound = 10}).iterations; });
      return std::pair(all, iterations);
    };
    const auto [small, few] = reads_of(50);
    const auto [large, more] = reads_of(2000);
    CHECK(small <= 16 + 16 * few);
    CHECK(large <= 16 + 16 * more);
  }
}
