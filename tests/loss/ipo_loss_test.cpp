#include <rto/loss/ipo_loss.hpp>
#include <rto/loss/token_log_probability.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/derivative.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("ipo_loss is the squared distance of the log-ratio difference from 1 / (2 beta)", "",
                   RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({3, 1, -2, 700}), reference = column<TestType>({1, 1, 0, -700});
  // Delta = 2, 0, -2, 1400; 1 / (2 beta) = 2
  CHECK(distance(entries(ipo_loss(policy, reference, {.beta = 0.25})), {0, 4, 16, 1398.0 * 1398}) <=
        tolerance<TestType>::identity);
}

TEMPLATE_TEST_CASE("with mean log-probabilities ipo_loss is the length-averaged form", "", RTO_ARRAY_TYPES) {
  const double x = not_a_number;
  // Answers of 2 and 3 tokens; log-ratios 1, 3 and -1, -2, -3: sums 4 and -6, means 2 and -2.
  const TestType mask_w = make<TestType>(1, {1, 1, 0}), mask_l = make<TestType>(1, {1, 1, 1});
  const TestType policy_w = make<TestType>(1, {-1, -2, x}), reference_w = make<TestType>(1, {-2, -5, x});
  const TestType policy_l = make<TestType>(1, {-4, -4, -4}), reference_l = make<TestType>(1, {-3, -2, -1});
  const auto loss = [&](auto of_answer) {
    const TestType policy = of_answer(policy_w, mask_w) - of_answer(policy_l, mask_l);
    const TestType reference = of_answer(reference_w, mask_w) - of_answer(reference_l, mask_l);
    return entries(ipo_loss(policy, reference, {.beta = 0.5}))[0];
  };
  CHECK(close(loss([](const TestType& p, const TestType& m) -> TestType { return sequence_log_probability(p, m); }), 81,
              tolerance<TestType>::identity));
  CHECK(close(loss([](const TestType& p, const TestType& m) -> TestType { return mean_log_probability(p, m); }), 9,
              tolerance<TestType>::identity));
}

TEMPLATE_TEST_CASE("ipo_loss of a number is that of an array of it", "", RTO_SCALAR_TYPES) {
  const eigen_array<double> policy = column<eigen_array<double>>({1.25}),
                            reference = column<eigen_array<double>>({-0.5});
  CHECK(close(array::item(ipo_loss(TestType(1.25), TestType(-0.5), {.beta = 0.5})),
              ipo_loss(policy, reference, {.beta = 0.5})(0, 0), tolerance<TestType>::identity));
}

TEST_CASE("ipo_loss has the documented gradient, and none by the reference") {
  const double reference = 0.4;
  const auto loss = [](const auto& p, const auto& r) { return ipo_loss(p, r, {.beta = 0.5}); };
  for (const double z : {-30.0, -1.0, 0.4, 1.3, 30.0}) {
    const double delta = z - reference, want = 2 * (delta - 1);
    CHECK(close(loss(dual(z, 1, 0), dual(reference)).derivatives()(0), want, tolerance<double>::identity));
    CHECK(
        close(want, central_difference([&](double v) { return loss(v, reference); }, z), tolerance<double>::gradient));
    CHECK(loss(dual(z), dual(reference, 1, 0)).derivatives()(0) == 0);
  }
}

TEMPLATE_TEST_CASE("ipo_loss refuses wrong shapes and parameters", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({1, 2}), y = column<TestType>({1, 2, 3});
  CHECK_THROWS_AS(ipo_loss(x, y), std::invalid_argument);
  for (const double bad : {0.0, -1.0, infinity, not_a_number})
    CHECK_THROWS_AS(ipo_loss(x, x, {.beta = bad}), std::domain_error);
}
