#include "support/catch.hpp"

#if __has_include(<nlohmann/json.hpp>)
#include "support/array_types.hpp"
#include "support/given_losses.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE("losses and their gradients have the values that were computed elsewhere") {
  const nlohmann::json file = given_losses();
  std::size_t compared = 0;
  for (const auto& one : file.at("cases")) {
    const auto entries_of = [&](const std::string& name) {
      return one.at("input").at(name).get<std::vector<double>>();
    };
    for (const auto& [name, want] : one.at("expect").items()) {
      INFO(one.at("id").get<std::string>() << " " << name);
      using plain = eigen_array<double>;
      const plain loss = given_loss<plain>(
          name, [&](const std::string& of) { return column<plain>(entries_of(of)); }, want);
      const std::vector<double> values = given_values(want);
      if (!values.empty()) CHECK(as_given(entries(loss), values));
      CHECK(as_given({array::item(array::sum(loss)) / static_cast<double>(loss.size())},
                     {want.at("loss").get<double>()}));
      for (const auto& [variable, gradient] : given_gradients(want)) {
        INFO("gradient with respect to " << variable);
        const eigen_array<dual> moved = given_loss<eigen_array<dual>>(
            name,
            [&, variable = variable](const std::string& of) -> eigen_array<dual> {
              const plain x = column<plain>(entries_of(of));
              return of == variable ? variables<dual>(x) : constants<dual>(x);
            },
            want);
        const std::vector<double> slope = entries(slopes(moved));
        std::vector<double> got(gradient.size(), 0.0);
        for (std::size_t k = 0; k < slope.size(); ++k)
          got[k % got.size()] += slope[k] / static_cast<double>(slope.size());
        CHECK(as_given(got, gradient));
      }
      ++compared;
    }
  }
  CHECK(compared == 14 * 22);
}

TEST_CASE("the divergence of whole answers, with a reference probability that underflows, is as computed elsewhere") {
  const nlohmann::json file = given_losses();
  CHECK(file.at("position_kl").size() == 3);
  for (const auto& one : file.at("position_kl")) {
    const auto logits = [&](const char* of, std::size_t answer) {
      std::vector<double> all;
      for (const auto& row : one.at(of).at(answer))
        for (const auto& z : row) all.push_back(z.get<double>());
      return make<eigen_array<double>>(static_cast<std::int64_t>(one.at(of).at(answer).size()), all);
    };
    const auto& want = one.at("kl_ref_policy");
    for (std::size_t answer = 0; answer < want.size(); ++answer) {
      const eigen_array<double> policy = logits("policy_logits", answer), reference = logits("ref_logits", answer);
      // one answer of one token a row: the divergence at every position
      const eigen_array<double> mask = column<eigen_array<double>>(std::vector<double>(want.at(answer).size(), 1.0));
      CHECK(as_given(entries(sequential_kl(reference, policy, mask)), want.at(answer).get<std::vector<double>>()));
    }
  }
}

#else
#include <iostream>
TEST_CASE("losses and their gradients have the values that were computed elsewhere") {
  std::cout << "SKIPPED: the given losses, as nlohmann/json.hpp is not installed\n";
}
#endif
