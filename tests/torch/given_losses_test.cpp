// The losses on tensors, values and gradients by autograd, against numbers that were computed elsewhere.
#include "support/given_losses.hpp"

#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE("losses of tensors and their gradients by autograd have the values that were computed elsewhere") {
  const nlohmann::json file = given_losses();
  std::size_t compared = 0;
  for (const auto& one : file.at("cases"))
    for (const auto& [name, want] : one.at("expect").items()) {
      INFO(one.at("id").get<std::string>() << " " << name);
      std::map<std::string, at::Tensor> leaves;
      const at::Tensor loss = given_loss<at::Tensor>(
          name,
          [&](const std::string& of) -> at::Tensor {
            const auto [it, fresh] = leaves.try_emplace(of);
            if (fresh) {
              const std::vector<double> x = one.at("input").at(of).get<std::vector<double>>();
              it->second = at::tensor(x, at::kDouble).unsqueeze(1).requires_grad_(true);
            }
            return it->second;
          },
          want);
      const std::vector<double> values = given_values(want);
      if (!values.empty()) CHECK(as_given(entries(loss), values));
      const at::Tensor mean = loss.mean();
      CHECK(as_given({mean.item<double>()}, {want.at("loss").get<double>()}));
      mean.backward();
      for (const auto& [variable, gradient] : given_gradients(want)) {
        INFO("gradient with respect to " << variable);
        const at::Tensor& leaf = leaves.at(variable);
        CHECK(as_given(leaf.grad().defined() ? entries(leaf.grad()) : std::vector<double>(gradient.size(), 0.0),
                       gradient));
      }
      ++compared;
    }
  CHECK(compared == 14 * 22);
}
