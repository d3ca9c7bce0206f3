#include "llm/training/adamw.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>

#include "sim/io/error.hpp"

namespace rto::llm {

adamw::adamw(std::vector<named_tensor> parameters, const adamw_options& options)
    : parameters_(std::move(parameters)), options_(options) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::domain_error(std::string("rto::adamw: ") + what);
  };
  require(options.beta1 >= 0 && options.beta1 < 1, "beta1 in [0, 1)");
  require(options.beta2 >= 0 && options.beta2 < 1, "beta2 in [0, 1)");
  require(options.epsilon > 0 && std::isfinite(options.epsilon), "0 < epsilon < infinity");
  require(options.weight_decay >= 0 && std::isfinite(options.weight_decay), "0 <= weight_decay < infinity");
  const at::NoGradGuard no_gradients;
  for (const auto& [name, parameter] : parameters_) {
    means_.push_back(at::zeros_like(parameter, parameter.options().requires_grad(false)));
    squares_.push_back(at::zeros_like(parameter, parameter.options().requires_grad(false)));
    steps_.push_back(at::zeros({}, parameter.options().dtype(at::kFloat).requires_grad(false)));
  }
}

void adamw::step(double learning_rate) {
  const at::NoGradGuard no_gradients;
  // One call for every kind of tensor that the kernel takes together, and for decay or none.
  using kind = std::tuple<at::ScalarType, at::Device, bool>;
  struct group {
    std::vector<at::Tensor> values, gradients, means, squares, steps;
  };
  std::vector<std::pair<kind, group>> groups;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& value = parameters_[i].tensor;
    if (!value.grad().defined()) continue;
    const bool decays = options_.decay == decay_rule::all || value.dim() >= 2;
    const kind key{value.scalar_type(), value.device(), decays};
    auto it = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == key; });
    if (it == groups.end()) it = groups.insert(groups.end(), {key, group{}});
    group& g = it->second;
    g.values.push_back(value.detach());
    g.gradients.push_back(value.grad());
    g.means.push_back(means_[i]);
    g.squares.push_back(squares_[i]);
    g.steps.push_back(steps_[i]);
  }
  for (auto& [key, g] : groups) {
    at::_foreach_add_(g.steps, 1);
    std::vector<at::Tensor> no_maxima;
    at::_fused_adamw_(g.values, g.gradients, g.means, g.squares, no_maxima, g.steps, learning_rate, options_.beta1,
                      options_.beta2, std::get<2>(key) ? options_.weight_decay : 0.0, options_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
}

std::vector<named_tensor> adamw::state() const {
  std::vector<named_tensor> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const std::string& name = parameters_[i].name;
    all.push_back({"exp_avg." + name, means_[i]});
    all.push_back({"exp_avg_sq." + name, squares_[i]});
    all.push_back({"step." + name, steps_[i]});
  }
  return all;
}

void adamw::load(const std::filesystem::path& file) {
  const at::NoGradGuard no_gradients;
  const safetensors_file found(file);
  std::vector<named_tensor> mine = state();
  for (named_tensor& one : mine) one.tensor.copy_(found.tensor(one.name, one.tensor.sizes()));
  if (found.entries().size() != mine.size())
    throw sim::user_error(fmt::format("{}: expected the {} tensors of this optimiser, found {}", file.string(),
                                      mine.size(), found.entries().size()));
}

std::int64_t adamw::bytes() const {
  std::int64_t total = 0;
  for (const auto& [name, tensor] : state()) total += static_cast<std::int64_t>(tensor.nbytes());
  return total;
}

}  // namespace rto::llm
