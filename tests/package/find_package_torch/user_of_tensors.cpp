// The program of a user of the LibTorch back end: one call on tensors, and its gradient by autograd.
#include <cmath>
#include <cstdio>
#include <rto/loss/dpo_loss.hpp>
#include <rto/torch/array.hpp>

int main() {
  // The margin is 0.5 (2 - 1), the loss -log sigmoid(0.5), its derivative -0.5 sigmoid(-0.5).
  const at::Tensor policy = at::full({1, 1}, 2.0, at::kDouble).requires_grad_(true), reference = at::ones_like(policy);
  const at::Tensor loss = rto::dpo_loss(policy, reference, {.beta = 0.5}).sum();
  loss.backward();
  const double value = loss.item<double>(), slope = policy.grad().item<double>();
  std::printf("dpo_loss %.17g, its derivative %.17g\n", value, slope);
  return std::abs(value - std::log1p(std::exp(-0.5))) < 1e-15 && std::abs(slope + 0.5 / (1 + std::exp(0.5))) < 1e-15
             ? 0
             : 1;
}
