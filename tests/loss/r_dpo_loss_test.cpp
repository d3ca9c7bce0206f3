#include <cmath>

#include <rto/loss/r_dpo_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/derivative.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("the margin of the best policy for a length-penalised reward is the difference of rewards", "",
                   RTO_SCALAR_TYPES) {
  // Three answers to one prompt: pi = pi_ref e^((r - alpha length) / beta) / Z maximises E[r - alpha length] - beta KL.
  const double beta = 0.4, alpha = 0.15;
  const double reference[] = {0.5, 0.3, 0.2}, reward[] = {1, 1.7, -0.4}, length[] = {3, 12, 1};
  double policy[3], z = 0;
  for (int k = 0; k < 3; ++k) z += policy[k] = reference[k] * std::exp((reward[k] - alpha * length[k]) / beta);
  for (int w = 0; w < 3; ++w)
    for (int l = 0; l < 3; ++l) {
      const TestType margin =
          r_dpo_margin(TestType(std::log(policy[w] / z) - std::log(policy[l] / z)),
                       TestType(std::log(reference[w] / reference[l])), TestType(length[w] - length[l]), beta, alpha);
      CHECK(close(array::item(margin), reward[w] - reward[l], tolerance<TestType>::identity));
    }
}

TEMPLATE_TEST_CASE("R-DPO by hand: a longer preferred answer has the smaller loss at equal log-ratios", "",
                   RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({2, 2, 2}), reference = column<TestType>({1, 1, 1});
  const TestType length = column<TestType>({10, 0, -10});
  // m = 0.5 + 0.1 {10, 0, -10}
  const auto loss = [](double m) { return std::log1p(std::exp(-m)); };
  CHECK(distance(entries(r_dpo_loss(policy, reference, length, {.beta = 0.5, .alpha = 0.1})),
                 {loss(1.5), loss(0.5), loss(-0.5)}) <= tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("without a price, or at equal lengths, R-DPO is DPO", "", RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({1, -2, 700}), reference = column<TestType>({0.5, 1, -700});
  const TestType length = column<TestType>({4, -9, 100});
  const std::vector<double> dpo = entries(dpo_loss(policy, reference, {.beta = 0.3, .label_smoothing = 0.1}));
  CHECK(entries(r_dpo_loss(policy, reference, length, {.beta = 0.3, .alpha = 0, .label_smoothing = 0.1})) == dpo);
  CHECK(entries(r_dpo_loss(policy, reference, TestType(0.0 * length),
                           {.beta = 0.3, .alpha = 5, .label_smoothing = 0.1})) == dpo);
}

TEST_CASE("R-DPO's gradient is DPO's at the shifted margin; reference and lengths have none") {
  const double beta = 0.5, alpha = 0.2, eps = 0.1, length = -3;
  const r_dpo_options options{.beta = beta, .alpha = alpha, .label_smoothing = eps};
  for (const double z : {-30.0, -1.0, 0.0, 1.3, 30.0}) {
    const double m = beta * z + alpha * length;
    const double want = beta * (-(1 - eps) * array::sigmoid(-m) + eps * array::sigmoid(m));
    const dual loss = r_dpo_loss(dual(z, 1, 0), dual(0), dual(length), options);
    CHECK(close(loss.derivatives()(0), want, tolerance<double>::identity));
    CHECK(close(want, central_difference([&](double v) { return r_dpo_loss(v, 0.0, length, options); }, z),
                tolerance<double>::gradient));
    CHECK(r_dpo_loss(dual(z), dual(0, 1, 0), dual(length, 1, 0), options).derivatives()(0) == 0);
  }
}

TEMPLATE_TEST_CASE("r_dpo_loss refuses wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({1, 2}), y = column<TestType>({1, 2, 3});
  CHECK_THROWS_AS(r_dpo_loss(x, y, x), std::invalid_argument);
  CHECK_THROWS_AS(r_dpo_loss(x, x, y), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number})
    CHECK_THROWS_AS(r_dpo_loss(x, x, x, {.beta = bad}), std::domain_error);
  for (const double bad : {-0.1, infinity, not_a_number})
    CHECK_THROWS_AS(r_dpo_loss(x, x, x, {.alpha = bad}), std::domain_error);
  CHECK_THROWS_AS(r_dpo_loss(x, x, x, {.label_smoothing = 0.6}), std::domain_error);
}
