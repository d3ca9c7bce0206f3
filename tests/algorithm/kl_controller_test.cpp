#include <rto/algorithm/kl_controller.hpp>

#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE("the KL coefficient moves by the relative error, bounded, times the share of the horizon") {
  const kl_controller_options options{.target = 4, .horizon = 1000, .most = 0.2};
  CHECK(adapted_kl_coefficient(0.1, 4, 100, options) == 0.1);
  CHECK(close(adapted_kl_coefficient(0.1, 4.4, 100, options), 0.1 * (1 + 0.1 * 0.1), 1e-14));
  CHECK(close(adapted_kl_coefficient(0.1, 40, 100, options), 0.1 * 1.02, 1e-14));
  CHECK(close(adapted_kl_coefficient(0.1, -3, 100, options), 0.1 * 0.98, 1e-14));
  CHECK(adapted_kl_coefficient(0, 40, 100, options) == 0);
}

TEST_CASE("a divergence that falls with the coefficient comes to the target") {
  double beta = 1e-3;
  const kl_controller_options options{.target = 3, .horizon = 2000};
  for (int i = 0; i < 2000; ++i) beta = adapted_kl_coefficient(beta, 0.3 / beta, 256, options);
  CHECK(close(beta, 0.1, 1e-6));
}

TEST_CASE("the controller refuses what makes no sense") {
  CHECK_THROWS_AS(adapted_kl_coefficient(-1, 1, 1), std::domain_error);
  CHECK_THROWS_AS(adapted_kl_coefficient(1, 1, -1), std::domain_error);
  CHECK_THROWS_AS(adapted_kl_coefficient(1, 1, 1, {.target = 0}), std::domain_error);
  CHECK_THROWS_AS(adapted_kl_coefficient(1, 1, 1, {.most = 0}), std::domain_error);
  CHECK_THROWS_AS(adapted_kl_coefficient(1, 1, 5000, {.horizon = 1000}), std::domain_error);
}
