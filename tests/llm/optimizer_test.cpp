#include <torch/torch.h>

#include <cmath>

#include "llm/training/adamw.hpp"
#include "llm/training/gradient.hpp"
#include "sim/io/error.hpp"
#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

std::vector<named_tensor> two_parameters() {
  return {{"weight", torch::tensor({{0.5F, -1.0F}, {2.0F, 0.25F}}).requires_grad_(true)},
          {"bias", torch::tensor({1.0F, -3.0F}).requires_grad_(true)}};
}
void set_gradients(const std::vector<named_tensor>& parameters, double scale) {
  for (const auto& [name, p] : parameters) p.mutable_grad() = scale * torch::ones_like(p) + 0.1 * p.detach();
}

}  // namespace

TEST_CASE("AdamW follows its formula, with the decay on matrices alone or on everything") {
  for (const decay_rule decay : {decay_rule::matrices_only, decay_rule::all}) {
    const adamw_options options{.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1, .decay = decay};
    std::vector<named_tensor> parameters = two_parameters();
    adamw optimizer(parameters, options);
    // the formula, in double
    std::vector<at::Tensor> value, mean, square;
    for (const auto& [name, p] : parameters) {
      value.push_back(p.detach().to(at::kDouble).clone());
      mean.push_back(torch::zeros_like(value.back()));
      square.push_back(torch::zeros_like(value.back()));
    }
    for (int step = 1; step <= 3; ++step) {
      const double rate = 0.01 * step;
      set_gradients(parameters, step == 2 ? -1 : 1);
      for (std::size_t i = 0; i < 2; ++i) {
        const at::Tensor g = parameters[i].tensor.grad().to(at::kDouble);
        mean[i] = options.beta1 * mean[i] + (1 - options.beta1) * g;
        square[i] = options.beta2 * square[i] + (1 - options.beta2) * g * g;
        if (i == 0 || decay == decay_rule::all) value[i] = value[i] * (1 - rate * options.weight_decay);
        value[i] = value[i] - rate * (mean[i] / (1 - std::pow(options.beta1, step))) /
                                  ((square[i] / (1 - std::pow(options.beta2, step))).sqrt() + options.epsilon);
      }
      optimizer.step(rate);
      for (std::size_t i = 0; i < 2; ++i)
        CHECK((parameters[i].tensor.detach().to(at::kDouble) - value[i]).abs().max().item<double>() < 1e-6);
    }
  }
}

TEST_CASE("the state of an optimiser, written and read back, goes on bit for bit") {
  const rto::test::temporary_folder folder;
  const std::filesystem::path file = folder / "optimizer.safetensors";
  std::vector<named_tensor> parameters = two_parameters(), again = two_parameters();
  adamw optimizer(parameters, {.weight_decay = 0.1});
  for (int step = 0; step < 3; ++step) {
    set_gradients(parameters, 1 + step);
    optimizer.step(0.01);
  }
  write_safetensors(file, optimizer.state(), at::kFloat);
  adamw resumed(again, {.weight_decay = 0.1});
  resumed.load(file);
  for (std::size_t i = 0; i < 2; ++i) again[i].tensor.detach().copy_(parameters[i].tensor.detach());
  set_gradients(parameters, -2);
  set_gradients(again, -2);
  optimizer.step(0.02);
  resumed.step(0.02);
  for (std::size_t i = 0; i < 2; ++i) CHECK(torch::equal(parameters[i].tensor, again[i].tensor));

  adamw other({{"weight", torch::zeros({3, 2}).requires_grad_(true)}}, {});
  CHECK_THROWS_AS(other.load(file), rto::sim::user_error);
  adamw fewer({{"bias", torch::zeros({2}).requires_grad_(true)}}, {});
  CHECK_THROWS_AS(fewer.load(file), rto::sim::user_error);
}

TEST_CASE("gradients are bounded by their common norm") {
  std::vector<named_tensor> parameters = two_parameters();
  CHECK(gradient_norm(parameters).item<double>() == 0);
  parameters[0].tensor.mutable_grad() = torch::tensor({{3.0F, 0.0F}, {0.0F, 0.0F}});
  parameters[1].tensor.mutable_grad() = torch::tensor({0.0F, 4.0F});
  const at::Tensor norm = gradient_norm(parameters);
  CHECK(norm.item<double>() == 5);
  clip_gradients(parameters, norm, 10);
  CHECK(parameters[1].tensor.grad()[1].item<double>() == 4);
  clip_gradients(parameters, norm, 1);
  CHECK(std::abs(parameters[0].tensor.grad()[0][0].item<double>() - 0.6) < 1e-6);
  CHECK(std::abs(gradient_norm(parameters).item<double>() - 1) < 1e-6);
  clear_gradients(parameters);
  CHECK_FALSE(parameters[0].tensor.grad().defined());
}

TEST_CASE("the first tensor that is not finite is named") {
  std::vector<named_tensor> parameters = two_parameters();
  CHECK_FALSE(first_not_finite(parameters));
  set_gradients(parameters, 1);
  parameters[1].tensor.mutable_grad()[0] = std::nan("");
  CHECK(first_not_finite(parameters, true) == "the gradient of bias has NaN (1 of 2 entries)");
  CHECK_FALSE(first_not_finite(parameters));
  parameters[0].tensor.detach().fill_(INFINITY);
  CHECK(first_not_finite(parameters) == "weight has infinity (4 of 4 entries)");
}
