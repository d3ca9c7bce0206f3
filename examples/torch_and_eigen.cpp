// The same functions of the library on Eigen arrays and on LibTorch tensors: from token rewards to the clipped
// surrogate loss of a batch, and its gradient, by the closed form on arrays and by autograd on tensors. Needs
// rto::torch.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/whitening.hpp>
#include <rto/array/eigen.hpp>
#include <rto/loss/aggregation.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/torch/array.hpp>

// Two answers [batch, time] of 4 and 2 tokens.
template <class A> struct batch { A log_policy, log_old_policy, reward, value, mask; };

// Written once, for every array type.
template <rto::Array A> A advantages(const batch<A>& b) {
  return rto::whiten(rto::generalized_advantage_estimates(b.reward, b.value, b.mask, {.lambda = 0.95}), b.mask);
}
template <rto::Array A> rto::scalar_t<A> loss(const batch<A>& b) {
  return rto::clipped_surrogate_loss(b.log_policy, b.log_old_policy, advantages(b), b.mask, {.clip = 0.2});
}

// `like` says of which kind the arrays are to be: the library, the type of the entries, the device.
template <class A> batch<A> make_batch(const A& like) {
  const auto array = [&](const std::vector<double>& entries) { return A(rto::array::from_host(like, entries, 2, 4)); };
  return {.log_policy = array({-1.2, -0.9, -1.6, -0.4, -1.2, -0.9, 0, 0}),
          .log_old_policy = array({-1.1, -1.0, -2.0, -0.4, -1.5, -0.7, 0, 0}),
          .reward = array({0.02, 0.03, -0.06, 0.02, -0.07, -0.02, 0, 0}),
          .value = array({0.1, 0.05, 0.0, 0.02, -0.1, -0.05, 0, 0}),
          .mask = array({1, 1, 1, 1, 1, 1, 0, 0})};
}

static void print(const char* name, const std::vector<double>& entries) {
  std::printf("%-20s", name);
  for (const double entry : entries) std::printf(" %9.6f", entry + 0.0);  // not -0
  std::printf("\n");
}

static double largest_difference(const std::vector<double>& x, const std::vector<double>& y) {
  double largest = 0;
  for (std::size_t k = 0; k < x.size(); ++k) largest = std::max(largest, std::abs(x[k] - y[k]));
  return largest;
}

int main() {
  using rto::array::item, rto::array::to_host;
  const auto arrays = make_batch(rto::eigen_array<double>());
  auto tensors = make_batch(at::empty({0, 0}, at::kDouble));  // .device(at::kCUDA) for a GPU, and nothing else changes
  tensors.log_policy.requires_grad_(true);

  // The two print the same numbers.
  print("advantages, Eigen", to_host(advantages(arrays)));
  print("advantages, LibTorch", to_host(advantages(tensors)));
  const double array_loss = loss(arrays);
  const at::Tensor tensor_loss = loss(tensors);
  print("loss, Eigen", {array_loss});
  print("loss, LibTorch", {item(tensor_loss)});

  // Autograd goes through the library's formula to the gradient that the library also has in closed form.
  tensor_loss.backward();
  const rto::eigen_array<double> closed_form =
      rto::aggregation_weights(arrays.mask) * rto::clipped_surrogate_token_gradient(arrays.log_policy,
                                                                                    arrays.log_old_policy,
                                                                                    advantages(arrays), {.clip = 0.2});
  print("gradient, Eigen", to_host(closed_form));
  print("gradient, LibTorch", to_host(tensors.log_policy.grad()));

  const double difference = std::max({largest_difference(to_host(advantages(arrays)), to_host(advantages(tensors))),
                                      std::abs(array_loss - item(tensor_loss)),
                                      largest_difference(to_host(closed_form), to_host(tensors.log_policy.grad()))});
  std::printf("largest difference   %9.1e\n", difference);
  return difference < 1e-12 ? 0 : 1;
}
