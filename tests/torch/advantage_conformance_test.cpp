// Rewards of tokens, advantages and the step of Algorithm 2 on every array type.
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

const sample mask = prefix_mask({5, 3, 0, 1}, 5);
sample tokens(unsigned seed, double scale = 1) { return with_padding(normal_sample(4, 5, seed, scale), mask); }

// mask, log_policy, log_reference, log_dpo, sequence_reward, score, segment_end, value
std::vector<sample> batch() {
  sample ends = mask;
  for (std::size_t k = 0; k < ends.entries.size(); ++k) ends.entries[k] = k % 2 == 0 ? 0 : 1;
  return {mask,     tokens(1), tokens(2), tokens(3), normal_sample(4, 1, 4), tokens(5), with_padding(ends, mask),
          tokens(6)};
}
template <class A> token_reward_inputs<A> reward_inputs(const std::vector<A>& x) {
  return {x[0], x[1], x[2], x[3], x[4], x[5], x[6]};
}

}  // namespace

TEST_CASE("implicit rewards and sums over rows and segments are the same on every array type") {
  conforms_entrywise(
      {normal_sample(3, 2, 1), normal_sample(3, 2, 2)}, [](const auto& x) { return implicit_reward(x[0], x[1], 0.1); },
      derivatives{.of = {0, 1}});
  conforms(
      {tokens(1), mask}, [](const auto& x) { return running_sum(x[0], x[1]); }, derivatives{.of = {0}});
  conforms(
      {tokens(1), mask}, [](const auto& x) { return sum_before(x[0], x[1]); }, derivatives{.of = {0}});
  conforms(
      {tokens(1), batch()[6], mask}, [](const auto& x) { return segment_sum(x[0], x[1], x[2]); },
      derivatives{.of = {0}});
}

TEST_CASE("token rewards of every recipe are the same on every array type, with NaN in the padding") {
  for (const token_reward_recipe& recipe :
       {rto_reward(0.1, 0.03), rto_terminal_reward(0.1, 0.03, 0.5), rto_release_reward(), dppo_reward(0.1, 0.03),
        semi_rto_reward(0.1, 0.03), rs_ppo_reward(0.1, 0.03), ppo_reward(0.03), tppo_reward(0.03)})
    conforms(batch(), [&](const auto& x) { return token_reward(reward_inputs(x), recipe); });
}

TEST_CASE("validate accepts and refuses a batch alike on every array type") {
  conforms(batch(), [](const auto& x) {
    validate(reward_inputs(x));
    return std::vector<double>{1.0};
  });
  std::vector<sample> broken = batch();
  broken[1].entries[0] = not_a_number;
  throws_alike(broken, [](const auto& x) { validate(reward_inputs(x)); });
  broken = batch();
  broken[0].entries[1] = 0;  // 1 0 1 1 1
  throws_alike(broken, [](const auto& x) { validate(reward_inputs(x)); });
  broken = batch();
  broken[2] = normal_sample(4, 4, 1);
  throws_alike(broken, [](const auto& x) { validate(reward_inputs(x)); });
  broken = batch();
  broken[3] = {};  // not given, but asked for
  throws_alike(broken, [](const auto& x) { return token_reward(reward_inputs(x), rto_reward(0.1, 0.03)); });
}

TEST_CASE("advantages, returns and value targets are the same on every array type, with their derivatives") {
  for (const gae_options options : {gae_options{1, 0.95}, gae_options{0.9, 1}, gae_options{0.5, 0}}) {
    conforms(
        {tokens(1), tokens(2), mask},
        [=](const auto& x) { return generalized_advantage_estimates(x[0], x[1], x[2], options); },
        derivatives{.of = {0, 1}});
    conforms(
        {tokens(1), tokens(2), mask, normal_sample(4, 1, 3)},
        [=](const auto& x) { return generalized_advantage_estimates(x[0], x[1], x[2], x[3], options); },
        derivatives{.of = {0, 1, 3}});
  }
  conforms(
      {tokens(1), mask}, [](const auto& x) { return discounted_returns(x[0], x[1], 0.9); }, derivatives{.of = {0}});
  conforms(
      {tokens(1), tokens(2), mask}, [](const auto& x) { return value_targets(x[0], x[1], x[2]); },
      derivatives{.of = {0, 1}});
  throws_alike({tokens(1), tokens(2), mask},
               [](const auto& x) { return generalized_advantage_estimates(x[0], x[1], x[2], {.gamma = 1.5}); });
  throws_alike({tokens(1), normal_sample(4, 6, 2), mask},
               [](const auto& x) { return generalized_advantage_estimates(x[0], x[1], x[2]); });
}

TEST_CASE("whitening and its moments are the same on every array type, with their derivatives") {
  for (const whitening_options options :
       {whitening_options{}, whitening_options{.unbiased = true}, whitening_options{.center = false}})
    conforms(
        {tokens(1), mask}, [=](const auto& x) { return whiten(x[0], x[1], options); }, derivatives{.of = {0}});
  conforms({tokens(1), mask}, [](const auto& x) {
    const auto m = moments(x[0], x[1]), both = merge(m, m);
    return std::vector<double>{array::item(m.count),    array::item(m.mean),    array::item(m.squared_deviations),
                               array::item(both.count), array::item(both.mean), array::item(both.squared_deviations)};
  });
  const sample equal{2, 3, {2, 2, 2, 2, 2, 2}}, all = prefix_mask({3, 3}, 3);
  conforms({equal, all}, [](const auto& x) { return whiten(x[0], x[1], {.epsilon = 0}); });
}

TEST_CASE("the step of Algorithm 2 is the same on every array type: targets, losses and their derivatives") {
  std::vector<sample> in = batch();
  in.push_back(tokens(8));  // log pi now
  in.push_back(tokens(9));  // V now
  const auto estimates = [](const auto& x, const token_policy_options& options) {
    using A = std::remove_cvref_t<decltype(x[0])>;
    return estimate_token_advantages(token_batch<A>{reward_inputs(x), x[7]}, options);
  };
  for (const auto& recipe : {rto_reward(0.1, 0.03), ppo_reward(0.03), tppo_reward(0.03)}) {
    token_policy_options options;
    options.reward = recipe;
    conforms(in, [&](const auto& x) { return estimates(x, options).targets.advantage; });
    conforms(in, [&](const auto& x) { return estimates(x, options).targets.value_target; });
    conforms(
        in, [&](const auto& x) { return token_policy_loss(x[8], estimates(x, options).targets, options); },
        derivatives{.of = {8}});
    conforms(
        in, [&](const auto& x) { return token_value_loss(x[9], estimates(x, options).targets, options); },
        derivatives{.of = {9}});
    conforms(in, [&](const auto& x) { return token_policy_gradient(x[8], estimates(x, options).targets, options); });
    conforms(in, [&](const auto& x) { return token_value_gradient(x[9], estimates(x, options).targets, options); });
    conforms(in, [&](const auto& x) { return explained_variance(estimates(x, options).targets); });
    conforms(in, [&](const auto& x) {
      const auto d = diagnose(x[8], estimates(x, options).targets, options);
      return std::vector<double>{array::item(d.largest_log_ratio), array::item(d.clip_fraction)};
    });
    const std::vector<std::int64_t> rows{3, 0, 0};
    conforms(in, [&](const auto& x) { return minibatch(estimates(x, options).targets, rows).advantage; });
  }
}
