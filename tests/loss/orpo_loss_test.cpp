#include <rto/loss/orpo_loss.hpp>

#include <cmath>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("log_odds is log p - log(1 - p) from the rarest to the surest probability", "", RTO_ARRAY_TYPES) {
  const TestType x = column<TestType>({std::log(0.5), std::log(0.25), -700, -1e-6, 0});
  const std::vector<double> got = entries(log_odds(x));
  CHECK(close(got[0], 0, tolerance<TestType>::identity));
  CHECK(close(got[1], -std::log(3.0), tolerance<TestType>::identity));
  CHECK(close(got[2], -700, tolerance<TestType>::identity));
  CHECK(close(got[3], -std::log(std::expm1(1e-6)), tolerance<TestType>::identity));
  CHECK(close(got[4], -std::log(std::expm1(1e-12)), tolerance<TestType>::identity));
}

TEST_CASE("orpo_loss has the value that can be computed by hand") {
  // odds 1 and 1/3: ratio 3, so sigma(log 3) = 3/4
  CHECK(close(odds_ratio_loss(std::log(0.5), std::log(0.25), {.lambda = 2}), -2 * std::log(0.75), 1e-15));
  CHECK(close(orpo_loss(std::log(0.5), std::log(0.25), {.lambda = 2}), -2 * std::log(0.75) + std::log(2.0), 1e-15));
  CHECK(orpo_loss(-1.5, -0.3, {.lambda = 0}) == 1.5);
}

TEST_CASE("the gradient of the odds ratio is -+lambda sigma(-m) / (1 - p), finite where an answer is certain") {
  for (const double w : {-30.0, -2.0, -0.5, -1e-3, -1e-9})
    for (const double l : {-40.0, -1.0, -1e-4, -1e-8}) {
      const double m = log_odds(w) - log_odds(l), rest = 0.3 * array::sigmoid(-m);
      const double by_w = odds_ratio_loss(dual(w, 1, 0), dual(l), {.lambda = 0.3}).derivatives()(0);
      const double by_l = odds_ratio_loss(dual(w), dual(l, 1, 0), {.lambda = 0.3}).derivatives()(0);
      CHECK(close(by_w, rest / std::expm1(w), tolerance<double>::identity));
      CHECK(close(by_l, -rest / std::expm1(l), tolerance<double>::identity));
    }
  CHECK(orpo_loss(dual(0, 1, 0), dual(-1)).derivatives()(0) == -1);  // what is certain has no odds to gain
  CHECK(std::isfinite(odds_ratio_loss(dual(-1), dual(0, 1, 0)).derivatives()(0)));
}
