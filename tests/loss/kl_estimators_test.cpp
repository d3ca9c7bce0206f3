#include <cmath>
#include <random>

#include <rto/array/mask.hpp>
#include <rto/loss/kl_estimators.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEMPLATE_TEST_CASE("the three estimates by hand", "", RTO_SCALAR_TYPES) {
  for (const double d : {-30.0, -1.0, -1e-6, 0.0, 1e-6, 0.5, 4.0}) {
    const auto value = [&](kl_estimator which) { return array::item(kl_estimates(TestType(d), TestType(0), which)); };
    const double tier = tolerance<TestType>::identity;
    CHECK(close(value(kl_estimator::k1), -d, tier));
    CHECK(close(value(kl_estimator::k2), d * d / 2, tier));
    CHECK(close(value(kl_estimator::k3), std::expm1(d) - d, tier));
    CHECK(value(kl_estimator::k3) >= 0);
  }
}

TEST_CASE("k1 and k3 are unbiased for the divergence of two categorical policies, k2 is not") {
  const std::vector<double> p_old{0.5, 0.3, 0.2}, p{0.2, 0.2, 0.6};
  double divergence = 0, k1 = 0, k2 = 0, k3 = 0;  // exact expectations under p_old
  for (std::size_t a = 0; a < 3; ++a) {
    const double log_prob = std::log(p[a]), old = std::log(p_old[a]);
    divergence += p_old[a] * (old - log_prob);
    k1 += p_old[a] * kl_estimates(log_prob, old, kl_estimator::k1);
    k2 += p_old[a] * kl_estimates(log_prob, old, kl_estimator::k2);
    k3 += p_old[a] * kl_estimates(log_prob, old, kl_estimator::k3);
  }
  CHECK(close(k1, divergence, tolerance<double>::identity));
  CHECK(close(k3, divergence, tolerance<double>::identity));
  CHECK(std::abs(k2 - divergence) > 0.001);
}

TEMPLATE_TEST_CASE("arrays give the estimates of their entries", "", RTO_ARRAY_TYPES) {
  const TestType log_prob = make<TestType>(2, {-1, -2, -0.5, -4}), old = make<TestType>(2, {-1.5, -2, -0.25, -1});
  for (const kl_estimator which : {kl_estimator::k1, kl_estimator::k2, kl_estimator::k3}) {
    const std::vector<double> got = entries(kl_estimates(log_prob, old, which));
    const std::vector<double> x = entries(log_prob), y = entries(old);
    for (std::size_t i = 0; i < got.size(); ++i)
      CHECK(close(got[i], kl_estimates(x[i], y[i], which), tolerance<TestType>::cross_backend));
  }
  CHECK_THROWS_AS(kl_estimates(log_prob, make<TestType>(1, {1.0}), kl_estimator::k1), std::invalid_argument);
}

TEST_CASE("the gradients of the estimates are those of their formulas") {
  for (const double d : {-2.0, 0.0, 0.7}) {
    const auto slope = [&](kl_estimator which) { return kl_estimates(dual(d, 1, 0), dual(0), which).derivatives()(0); };
    CHECK(slope(kl_estimator::k1) == -1);
    CHECK(close(slope(kl_estimator::k2), d, tolerance<double>::identity));
    CHECK(close(slope(kl_estimator::k3), std::expm1(d), tolerance<double>::identity));
  }
}
