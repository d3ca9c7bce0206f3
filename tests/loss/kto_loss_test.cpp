#include <rto/loss/kto_loss.hpp>

#include <cmath>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("kto_loss weighs gains of good answers and of bad ones from the reference point", "",
                   RTO_ARRAY_TYPES) {
  // beta (r - z) = log 3 for every answer: sigma = 3/4
  const double z = 0.5, r = z + std::log(3.0) / 0.2;
  const TestType policy = column<TestType>({r - 1, r - 2}), reference = column<TestType>({-1, -2}),
                 good = column<TestType>({1, 0});
  const std::vector<double> loss =
      entries(kto_loss(policy, reference, good, z, {.beta = 0.2, .desirable_weight = 2, .undesirable_weight = 3}));
  CHECK(close(loss[0], 2 * 0.25, tolerance<TestType>::identity));
  CHECK(close(loss[1], 3 * 0.75, tolerance<TestType>::identity));
}

TEMPLATE_TEST_CASE("the reference point is the mean log-ratio, and 0 where that is negative", "", RTO_ARRAY_TYPES) {
  const TestType policy = column<TestType>({-1, -2, -3}), reference = column<TestType>({-2, -1, -6});
  CHECK(close(array::item(kto_reference_point(policy, reference)), 1, tolerance<TestType>::identity));
  CHECK(array::item(kto_reference_point(reference, policy)) == 0);
}

TEST_CASE("a negative reference point counts as 0, and extreme log-ratios have their limits") {
  CHECK(kto_loss(-1.0, -2.0, 1.0, -5) == kto_loss(-1.0, -2.0, 1.0, 0));
  CHECK(kto_loss(0.0, -10000.0, 1.0, 0, {.beta = 1}) >= 0);
  CHECK(kto_loss(0.0, -10000.0, 0.0, 0, {.beta = 1}) == 1);
  CHECK(kto_loss(-10000.0, 0.0, 1.0, 0, {.beta = 1}) == 1);
}

TEST_CASE("the gradient is -+beta w sigma'(beta (r - z)), and the reference has none") {
  const double p = -3, q = -4.5, z = 0.3, beta = 0.4, gain = beta * (p - q - z);
  const double slope = beta * array::sigmoid(gain) * array::sigmoid(-gain);
  CHECK(close(kto_loss(dual(p, 1, 0), dual(q), dual(1), z, {.beta = beta, .desirable_weight = 2}).derivatives()(0),
              -2 * slope, tolerance<double>::identity));
  CHECK(close(kto_loss(dual(p, 1, 0), dual(q), dual(0), z, {.beta = beta, .undesirable_weight = 3}).derivatives()(0),
              3 * slope, tolerance<double>::identity));
  CHECK(kto_loss(dual(p), dual(q, 1, 0), dual(1), z).derivatives()(0) == 0);
}
