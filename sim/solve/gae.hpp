#pragma once
// The family gae, for any array type: advantages, value targets, and both kinds of whitening.
#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/whitening.hpp>

#include "sim/solve/token_batch.hpp"

namespace rto::sim {

/// The family gae. \param like says which array type, on which device
template <Array A> json solve_gae(const problem& p, const A& like) {
  const token_batch<A> batch(p.input, like);
  const A reward = batch.tokens("reward"), value = batch.tokens("value"), bootstrap = batch.rows("bootstrap");
  const gae_options options{.gamma = p.input.number("gamma"), .lambda = p.input.number("lam")};
  const double epsilon = p.input.number_or("eps", whitening_options{}.epsilon);
  const A advantage = generalized_advantage_estimates(reward, value, batch.mask, bootstrap, options);
  const auto whitened = [&](bool unbiased) {
    return rows_json(A(whiten(advantage, batch.mask, {.unbiased = unbiased, .epsilon = epsilon})));
  };
  return {{"adv", rows_json(advantage)},
          {"ret", rows_json(A(value_targets(advantage, value, batch.mask)))},
          {"whiten_biased", whitened(false)},
          {"whiten_unbiased", whitened(true)}};
}

}  // namespace rto::sim
