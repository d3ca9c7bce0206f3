// The program of a user of the LibTorch back end: one call on tensors, and its gradient by autograd; then one that the
// compiled loops of the package do.
#include <cmath>
#include <cstdio>
#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/token_log_probability.hpp>
#include <rto/torch/array.hpp>

int main() {
  // The margin is 0.5 (2 - 1), the loss -log sigmoid(0.5), its derivative -0.5 sigmoid(-0.5).
  const at::Tensor policy = at::full({1, 1}, 2.0, at::kDouble).requires_grad_(true), reference = at::ones_like(policy);
  const at::Tensor loss = rto::dpo_loss(policy, reference, {.beta = 0.5}).sum();
  loss.backward();
  const double value = loss.item<double>(), slope = policy.grad().item<double>();
  std::printf("dpo_loss %.17g, its derivative %.17g\n", value, slope);

  // One of five equal logits.
  const at::Tensor log_p = rto::token_log_probability(at::zeros({1, 5}, at::kFloat), at::zeros({1, 1}, at::kLong));
  std::printf("log-probability %.9g\n", log_p.item<double>());
  return std::abs(value - std::log1p(std::exp(-0.5))) < 1e-15 && std::abs(slope + 0.5 / (1 + std::exp(0.5))) < 1e-15 &&
                 std::abs(log_p.item<double>() + std::log(5)) < 1e-6
             ? 0
             : 1;
}
