#include <rto/loss/reward_model_loss.hpp>

#include <cmath>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("reward_model_loss is the pair's surprise beyond its margin, and the price of its sum", "",
                   RTO_ARRAY_TYPES) {
  const double log3 = std::log(3.0);
  const TestType chosen = column<TestType>({log3 + 1, log3}), rejected = column<TestType>({0, -1}),
                 margin = column<TestType>({1, 1});
  const std::vector<double> loss = entries(reward_model_loss(chosen, rejected, margin, {.centering = 0.5}));
  CHECK(close(loss[0], -std::log(0.75) + 0.5 * (log3 + 1) * (log3 + 1), tolerance<TestType>::identity));
  CHECK(close(loss[1], -std::log(0.75) + 0.5 * (log3 - 1) * (log3 - 1), tolerance<TestType>::identity));
}

TEST_CASE("without centring a constant added to both rewards changes nothing; with it the pair is pulled to 0") {
  CHECK(reward_model_loss(3.0, 1.0, 0.0) == reward_model_loss(103.0, 101.0, 0.0));
  const double slope = reward_model_loss(dual(3, 1, 0), dual(1), dual(0), {.centering = 0.1}).derivatives()(0);
  CHECK(close(slope, -array::sigmoid(-2.0) + 0.2 * 4, tolerance<double>::identity));
  CHECK(reward_model_loss(dual(3), dual(1), dual(0, 1, 0)).derivatives()(0) == 0);
  CHECK(reward_model_loss(-2000.0, 2000.0, 0.0) == 4000);
}
