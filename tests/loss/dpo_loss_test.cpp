#include <cmath>

#include <rto/loss/dpo_loss.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("dpo_loss equals the Bradley-Terry negative log-likelihood of the implicit reward", "",
                   RTO_SCALAR_TYPES) {
  // log pi and log pi_ref of the preferred and the other answer
  const double w = -3.5, ref_w = -4, l = -7, ref_l = -5.25, beta = 0.7;
  const double reward_w = implicit_reward(w, ref_w, beta), reward_l = implicit_reward(l, ref_l, beta);
  const double preferred = std::exp(reward_w) / (std::exp(reward_w) + std::exp(reward_l));
  for (const double eps : {0.0, 0.1, 0.5}) {
    const double want = -(1 - eps) * std::log(preferred) - eps * std::log(1 - preferred);
    const TestType loss = dpo_loss(TestType(w - l), TestType(ref_w - ref_l), {.beta = beta, .label_smoothing = eps});
    CHECK(close(array::item(loss), want, tolerance<TestType>::identity));
  }
}

TEMPLATE_TEST_CASE("where the policy is the reference the loss is log 2 and no pair counts as ordered", "",
                   RTO_ARRAY_TYPES) {
  const TestType ratio = column<TestType>({-3, 0, 12});
  CHECK(distance(entries(dpo_loss(ratio, ratio)), std::vector<double>(3, std::log(2.0))) <=
        tolerance<TestType>::identity);
  CHECK(array::item(preference_accuracy(dpo_margin(ratio, ratio, 0.1))) == 0);
}

TEMPLATE_TEST_CASE("the accuracy is the share of pairs with a positive margin", "", RTO_ARRAY_TYPES) {
  const TestType margin = dpo_margin(column<TestType>({1, -1, 0, 3}), column<TestType>({0.5, 0, 0, -3}), 2);
  CHECK(distance(entries(margin), {1, -2, 0, 12}) <= tolerance<TestType>::identity);
  CHECK(array::item(preference_accuracy(margin)) == 0.5);
}

TEMPLATE_TEST_CASE("the loss has its limits at extreme margins, without overflow", "", RTO_ARRAY_TYPES) {
  const TestType z = column<TestType>({700, -700, 40, -40}), zero = column<TestType>({0, 0, 0, 0});
  const std::vector<double> hard = entries(dpo_loss(z, zero, {.beta = 1}));
  CHECK(distance(hard, {std::exp(-700.0), 700, std::exp(-40.0), 40}) <= tolerance<TestType>::identity);
  CHECK(hard[2] > 0);  // e^-40 is not rounded away
  CHECK(distance(entries(dpo_loss(z, zero, {.beta = 1, .label_smoothing = 0.25})), {175, 525, 10, 30}) <=
        tolerance<TestType>::identity);
}

TEST_CASE("the gradient is beta (-(1 - eps) sigma(-m) + eps sigma(m)), and the reference has none") {
  for (const double z : {-700.0, -30.0, -1.0, 0.0, 0.3, 30.0, 700.0})
    for (const double eps : {0.0, 0.1}) {
      const double beta = 0.5, m = beta * z;
      const dual loss = dpo_loss(dual(z, 1, 0), dual(0), {.beta = beta, .label_smoothing = eps});
      const double want = beta * (-(1 - eps) * array::sigmoid(-m) + eps * array::sigmoid(m));
      CHECK(std::abs(loss.derivatives()(0) - want) <= tolerance<double>::identity * std::abs(want));
      const dual constant = dpo_loss(dual(z), dual(0, 1, 0), {.beta = beta, .label_smoothing = eps});
      CHECK(constant.derivatives()(0) == 0);
    }
}

TEMPLATE_TEST_CASE("arrays give the DPO loss of their entries", "", RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({1, -2, 0.5, 30}), reference = column<TestType>({0.5, 1, -3, -20});
  const std::vector<double> p = entries(policy), r = entries(reference);
  const dpo_options options{.beta = 0.3, .label_smoothing = 0.2};
  const std::vector<double> got = entries(dpo_loss(policy, reference, options));
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(close(got[i], dpo_loss(p[i], r[i], options), tolerance<TestType>::cross_backend));
}

TEMPLATE_TEST_CASE("dpo_loss refuses wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({1, 2}), y = column<TestType>({1, 2, 3});
  CHECK_THROWS_AS(dpo_loss(x, y), std::invalid_argument);
  for (const double bad : {0.0, -0.1, infinity, not_a_number})
    CHECK_THROWS_AS(dpo_loss(x, x, {.beta = bad}), std::domain_error);
  for (const double bad : {-0.1, 0.51, not_a_number})
    CHECK_THROWS_AS(dpo_loss(x, x, {.label_smoothing = bad}), std::domain_error);
}
