#include <rto/loss/robust_dpo_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/derivative.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("the mean of robust_dpo_loss over flipped labels is the DPO loss of the true ones", "",
                   RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({1, -2, 0.5, 30}), reference = column<TestType>({0.5, 1, -3, -20});
  for (const double eps : {0.0, 0.1, 0.4}) {
    const robust_dpo_options options{.beta = 0.3, .flip_rate = eps};
    const TestType kept = robust_dpo_loss(policy, reference, options);
    const TestType flipped = robust_dpo_loss(TestType(-policy), TestType(-reference), options);
    const TestType mean = (1 - eps) * kept + eps * flipped;
    CHECK(distance(entries(mean), entries(dpo_loss(policy, reference, {.beta = 0.3}))) <=
          tolerance<TestType>::cross_backend);
  }
  const TestType zero = column<TestType>({0, 0, 0, 0});
  CHECK(distance(entries(robust_dpo_loss(TestType(700 * policy / 2), zero, {.beta = 1, .flip_rate = 0.25})),
                 {-0.5 * 350, 1.5 * 700, -0.5 * 175, -0.5 * 10500}) <= tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("robust_dpo_loss of a number is that of an array of it", "", RTO_SCALAR_TYPES) {
  const eigen_array<double> policy = column<eigen_array<double>>({1.25}),
                            reference = column<eigen_array<double>>({-0.5});
  CHECK(close(array::item(robust_dpo_loss(TestType(1.25), TestType(-0.5), {.beta = 0.5})),
              robust_dpo_loss(policy, reference, {.beta = 0.5})(0, 0), tolerance<TestType>::identity));
}

TEST_CASE("robust_dpo_loss has the documented gradient, and none by the reference") {
  const double reference = 0.4;
  const auto loss = [](const auto& p, const auto& r) { return robust_dpo_loss(p, r, {.beta = 0.5, .flip_rate = 0.2}); };
  for (const double z : {-30.0, -1.0, 0.4, 1.3, 30.0}) {
    const double delta = z - reference,
                 want = -0.5 * (0.8 * array::sigmoid(-0.5 * delta) + 0.2 * array::sigmoid(0.5 * delta)) / 0.6;
    CHECK(close(loss(dual(z, 1, 0), dual(reference)).derivatives()(0), want, tolerance<double>::identity));
    CHECK(
        close(want, central_difference([&](double v) { return loss(v, reference); }, z), tolerance<double>::gradient));
    CHECK(loss(dual(z), dual(reference, 1, 0)).derivatives()(0) == 0);
  }
}

TEMPLATE_TEST_CASE("robust_dpo_loss refuses wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({1, 2}), y = column<TestType>({1, 2, 3});
  CHECK_THROWS_AS(robust_dpo_loss(x, y), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number})
    CHECK_THROWS_AS(robust_dpo_loss(x, x, {.beta = bad}), std::domain_error);
  for (const double bad : {-0.1, 0.5, not_a_number})
    CHECK_THROWS_AS(robust_dpo_loss(x, x, {.flip_rate = bad}), std::domain_error);
}
