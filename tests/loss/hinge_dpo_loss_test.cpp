#include <rto/loss/hinge_dpo_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/derivative.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("hinge_dpo_loss is what a margin lacks to 1", "", RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({3, 5, 7, -700}), reference = column<TestType>({1, 1, 1, 700});
  CHECK(distance(entries(hinge_dpo_loss(policy, reference, {.beta = 0.25})), {0.5, 0, 0, 351}) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("hinge_dpo_loss of a number is that of an array of it", "", RTO_SCALAR_TYPES) {
  const eigen_array<double> policy = column<eigen_array<double>>({1.25}),
                            reference = column<eigen_array<double>>({-0.5});
  CHECK(close(array::item(hinge_dpo_loss(TestType(1.25), TestType(-0.5), {.beta = 0.25})),
              hinge_dpo_loss(policy, reference, {.beta = 0.25})(0, 0), tolerance<TestType>::identity));
}

TEST_CASE("hinge_dpo_loss has the documented gradient, and none by the reference") {
  const double reference = 0.4;
  const auto loss = [](const auto& p, const auto& r) { return hinge_dpo_loss(p, r, {.beta = 0.5}); };
  for (const double z : {-30.0, -1.0, 0.4, 1.3, 30.0}) {
    const double delta = z - reference, want = 0.5 * delta <= 1 ? -0.5 : 0;
    CHECK(close(loss(dual(z, 1, 0), dual(reference)).derivatives()(0), want, tolerance<double>::identity));
    CHECK(
        close(want, central_difference([&](double v) { return loss(v, reference); }, z), tolerance<double>::gradient));
    CHECK(loss(dual(z), dual(reference, 1, 0)).derivatives()(0) == 0);
  }
}

TEMPLATE_TEST_CASE("hinge_dpo_loss refuses wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({1, 2}), y = column<TestType>({1, 2, 3});
  CHECK_THROWS_AS(hinge_dpo_loss(x, y), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number})
    CHECK_THROWS_AS(hinge_dpo_loss(x, x, {.beta = bad}), std::domain_error);
}
