#include "support/archetype.hpp"

#include <rto/loss/apo_zero_loss.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/cpo_loss.hpp>
#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/dpo_nll_loss.hpp>
#include <rto/loss/hinge_dpo_loss.hpp>
#include <rto/loss/ipo_loss.hpp>
#include <rto/loss/kl_estimators.hpp>
#include <rto/loss/kto_loss.hpp>
#include <rto/loss/nca_loss.hpp>
#include <rto/loss/orpo_loss.hpp>
#include <rto/loss/r_dpo_loss.hpp>
#include <rto/loss/reward_model_loss.hpp>
#include <rto/loss/robust_dpo_loss.hpp>
#include <rto/loss/simpo_loss.hpp>
#include <rto/loss/sppo_loss.hpp>
#include <rto/loss/tdpo_loss.hpp>
#include <rto/loss/value_loss.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "support/catch.hpp"

using namespace rto;
using rto::test::archetype;

TEST_CASE("element-wise formulas ask for no more than the element-wise tier documents") {
  STATIC_REQUIRE(Elementwise<archetype>);
  STATIC_REQUIRE_FALSE(Array<archetype>);
  const double x = -0.3, y = -0.7, z = 1.5;
  const archetype a(x), b(y), c(z);
  CHECK(array::item(clipped_surrogate_token_loss(a, b, c)) == clipped_surrogate_token_loss(x, y, z));
  CHECK(array::item(value_token_loss(a, b, c)) == value_token_loss(x, y, z));
  CHECK(array::item(value_token_loss(a, b, c, {.clip = std::nullopt})) ==
        value_token_loss(x, y, z, {.clip = std::nullopt}));
  CHECK(array::item(dpo_loss(a, b)) == dpo_loss(x, y));
  CHECK(array::item(dpo_loss(a, b, {.label_smoothing = 0.1})) == dpo_loss(x, y, {.label_smoothing = 0.1}));
  CHECK(array::item(hinge_dpo_loss(a, b)) == hinge_dpo_loss(x, y));
  CHECK(array::item(ipo_loss(a, b)) == ipo_loss(x, y));
  CHECK(array::item(apo_zero_loss(a, b)) == apo_zero_loss(x, y));
  CHECK(array::item(cpo_loss(a, b)) == cpo_loss(x, y));
  CHECK(array::item(dpo_nll_loss(a, b, b)) == dpo_nll_loss(x, y, y));
  CHECK(array::item(kto_reference_point(a, b)) == kto_reference_point(x, y));
  CHECK(array::item(kto_loss(a, b, c, 0.2)) == kto_loss(x, y, z, 0.2));
  CHECK(array::item(nca_pair_loss(a, b)) == nca_pair_loss(x, y));
  CHECK(array::item(orpo_loss(a, b)) == orpo_loss(x, y));
  CHECK(array::item(reward_model_loss(a, b, c, {.centering = 0.1})) == reward_model_loss(x, y, z, {.centering = 0.1}));
  CHECK(array::item(sppo_hard_loss(a, b)) == sppo_hard_loss(x, y));
  CHECK(array::item(r_dpo_loss(a, b, c)) == r_dpo_loss(x, y, z));
  CHECK(array::item(robust_dpo_loss(a, b)) == robust_dpo_loss(x, y));
  CHECK(array::item(simpo_loss(a, b)) == simpo_loss(x, y));
  CHECK(array::item(tdpo1_loss(a, b, c, c)) == tdpo1_loss(x, y, z, z));
  CHECK(array::item(tdpo2_loss(a, b, c, c)) == tdpo2_loss(x, y, z, z));
  CHECK(array::item(implicit_reward(a, b, 0.1)) == implicit_reward(x, y, 0.1));
  for (const kl_estimator which : {kl_estimator::k1, kl_estimator::k2, kl_estimator::k3})
    CHECK(array::item(kl_estimates(a, b, which)) == kl_estimates(x, y, which));
}
