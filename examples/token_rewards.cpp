// From preferences to a policy update, on a batch of two answers: the DPO loss of a pair, the token rewards that a
// DPO policy implies, advantages, and the clipped surrogate loss with its gradient.
#include <cstdio>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/whitening.hpp>
#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/dpo_loss.hpp>
#include <rto/reward/token_reward.hpp>

using rto::eigen_array;
using array_type = eigen_array<double>;

static void print(const char* name, const array_type& x) {
  std::printf("%-22s", name);
  for (const double value : x.reshaped<Eigen::RowMajor>()) std::printf(" %8.4f", value);
  std::printf("\n");
}

int main() {
  // Two answers [batch, time] of 4 and 2 tokens: log-probabilities of the chosen tokens under three policies, in nats.
  array_type mask(2, 4), log_policy(2, 4), log_reference(2, 4), log_dpo(2, 4), value(2, 4);
  mask << 1, 1, 1, 1, 1, 1, 0, 0;
  log_policy << -1.2, -0.8, -2.1, -0.3, -1.9, -0.6, 0, 0;
  log_reference << -1.1, -1.0, -2.0, -0.4, -1.5, -0.7, 0, 0;
  log_dpo << -0.9, -0.7, -2.6, -0.2, -2.2, -0.9, 0, 0;
  value << 0.1, 0.05, 0.0, 0.02, -0.1, -0.05, 0, 0;

  // The loss that trained the DPO policy, for the pair (first answer preferred): one scalar template on doubles.
  const array_type dpo_sum = (log_dpo * mask).rowwise().sum(), reference_sum = (log_reference * mask).rowwise().sum();
  const double loss = rto::dpo_loss(dpo_sum(0, 0) - dpo_sum(1, 0), reference_sum(0, 0) - reference_sum(1, 0));
  std::printf("DPO loss of the pair    %8.4f\n", loss);

  // Token rewards: RTO's, and the same total paid at the last token (DPPO).
  rto::token_reward_inputs<array_type> inputs{};
  inputs.mask = mask, inputs.log_policy = log_policy, inputs.log_reference = log_reference, inputs.log_dpo = log_dpo;
  rto::validate(inputs);
  const array_type reward = rto::token_reward(inputs, rto::rto_reward(/*beta_1=*/0.1, /*beta_2=*/0.03));
  print("RTO reward", reward);
  print("DPPO reward", rto::token_reward(inputs, rto::dppo_reward(0.1, 0.03)));

  // Between the two: paid at the last token of each segment, here the first answer's tokens (1 2) (3 4) and the
  // second's (1 2). And beside a sentence-level reward, as pure shaping: its total is taken back at the last token.
  inputs.segment_end = array_type::Zero(2, 4);
  inputs.segment_end(0, 1) = 1;  // the last valid token ends a segment in any case
  inputs.sequence_reward = array_type(2, 1);
  inputs.sequence_reward << 1.5, -0.5;
  rto::validate(inputs);
  print("Semi-RTO reward", rto::token_reward(inputs, rto::semi_rto_reward(0.1, 0.03)));
  print("RS-PPO reward", rto::token_reward(inputs, rto::rs_ppo_reward(0.1, 0.03)));

  // Advantages, whitened over the valid tokens.
  const array_type advantage = rto::generalized_advantage_estimates(reward, value, mask, {.gamma = 1, .lambda = 0.95});
  const array_type whitened = rto::whiten(advantage, mask);
  print("advantage", advantage);
  print("value target", rto::value_targets(advantage, value, mask));
  print("whitened", whitened);

  // The surrogate loss after the policy moved a little, and its gradient: the same template on autodiff scalars.
  using dual = Eigen::AutoDiffScalar<Eigen::Matrix<double, 8, 1>>;
  eigen_array<dual> moved(2, 4);
  for (int k = 0; k < 8; ++k) moved.data()[k] = dual(log_policy.data()[k] + 0.05 * (k - 3), 8, k);
  const auto constant = [](const array_type& x) -> eigen_array<dual> {
    return x.unaryExpr([](double entry) { return dual(entry); });
  };
  const dual surrogate =
      rto::clipped_surrogate_loss(moved, constant(log_policy), constant(whitened), constant(mask), {.clip = 0.2});
  std::printf("surrogate loss          %8.4f\n", surrogate.value());
  print("its gradient", eigen_array<double>(surrogate.derivatives().transpose().array()));
}
