#include <cmath>

#include <rto/loss/preference_loss.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("preference_loss is the negative log-likelihood of a smoothed label", "", RTO_ARRAY_TYPES) {
  const TestType margin = column<TestType>({std::log(3.0), -std::log(3.0), 0});  // sigma = 3/4, 1/4, 1/2
  const double quarter = std::log(4.0), rest = std::log(4.0 / 3);
  CHECK(distance(entries(preference_loss(margin)), {rest, quarter, std::log(2.0)}) <= tolerance<TestType>::identity);
  CHECK(distance(entries(preference_loss(margin, 0.25)), {0.75 * rest + 0.25 * quarter, 0.75 * quarter + 0.25 * rest,
                                                          std::log(2.0)}) <= tolerance<TestType>::identity);
  for (const double bad : {-0.1, 0.51, not_a_number}) CHECK_THROWS_AS(preference_loss(margin, bad), std::domain_error);
}
