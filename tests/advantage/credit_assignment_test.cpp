#include <cmath>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/reward/token_reward.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE("RTO, Semi-RTO and DPPO have the same advantages for every lambda when critics know what was already paid") {
  using A = eigen_array<double>;
  const double x = not_a_number;
  const A mask = make<A>(2, {1, 1, 1, 1, 1, 1, 0, 0});
  token_reward_inputs<A> in{};
  in.mask = mask;
  in.log_policy = make<A>(2, {-0.75, -1.5, -4, -0.2, -1, -2, x, x});
  in.log_reference = make<A>(2, {-1, -2, -3, -0.7, -3, -1.5, x, x});
  in.log_dpo = make<A>(2, {-0.5, -3, -1, -0.1, -2.75, -1, x, x});
  const token_reward_recipe dense = rto_reward(0.3, 0.1), at_end = dppo_reward(0.3, 0.1);

  // V_DPPO(s_t) = V_RTO(s_t) + the implicit reward of the tokens before t, which DPPO still owes.
  const A value = make<A>(2, {0.3, -0.2, 0.9, 1.4, -0.5, 0.1, x, x});
  const A accrued = token_reward_components(in, dense).implicit;
  A value_at_end = value;
  for (Eigen::Index row = 0; row < 2; ++row)
    for (Eigen::Index t = 1; t < 4; ++t) value_at_end(row, t) += accrued.row(row).head(t).sum();
  // The same by the library, and for rewards paid at the ends of segments, where only the open segment is owed.
  in.segment_end = make<A>(2, {0, 1, 0, 0, 0, 1, x, x});
  const token_reward_recipe at_segments = semi_rto_reward(0.3, 0.1);
  const A value_owed = value + sum_before(A(accrued - token_reward_components(in, at_end).implicit), mask);
  const A value_at_segments = value + sum_before(A(accrued - token_reward_components(in, at_segments).implicit), mask);
  CHECK(distance(A(array::select(mask, value_owed, 0.0)), A(array::select(mask, value_at_end, 0.0))) <=
        tolerance<A>::identity);

  for (const double lambda : {0.0, 0.5, 0.95, 1.0}) {
    const gae_options options{.gamma = 1, .lambda = lambda};
    const A rto = generalized_advantage_estimates(token_reward(in, dense), value, mask, options);
    const A dppo = generalized_advantage_estimates(token_reward(in, at_end), value_at_end, mask, options);
    CHECK(distance(rto, dppo) <= tolerance<A>::identity);
    const A semi = generalized_advantage_estimates(token_reward(in, at_segments), value_at_segments, mask, options);
    CHECK(distance(rto, semi) <= tolerance<A>::identity);
    // With one and the same critic they differ: that is all the two rewards disagree about.
    const A same_critic = generalized_advantage_estimates(token_reward(in, at_end), value, mask, options);
    CHECK(distance(rto, same_critic) > 0.01);
  }
}
