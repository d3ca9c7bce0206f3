#pragma once
// The family ppo, for any array type: the clipped surrogate and the value loss, with their derivatives.
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/kl_estimators.hpp>
#include <rto/loss/value_loss.hpp>

#include "sim/solve/token_batch.hpp"

namespace rto::sim {

/// The family ppo. \param like says which array type, on which device
/// \param slope slope(f, x, constants...): df/dx of a formula f(x, constants...) whose entries depend each on their own
///   entry of x alone, by the automatic differentiation of the array type
template <Array A, class Slope> json solve_ppo(const problem& p, const A& like, const Slope& slope) {
  const token_batch<A> batch(p.input, like);
  const A& mask = batch.mask;
  const A log_prob = batch.tokens("logp"), old_log_prob = batch.tokens("logp_old"), advantage = batch.tokens("adv");
  const A value = batch.tokens("value"), old_value = batch.tokens("value_old"), target = batch.tokens("ret");
  const clipped_surrogate_options clip{.clip = p.input.number("clip")};
  value_loss_options value_clip{.clip = std::nullopt};
  if (p.input.has("value_clip")) value_clip.clip = p.input.number("value_clip");

  const auto masked = [&](const A& x) { return rows_json(batch.masked(x)); };
  const auto finite = [](const char* name, double x) {
    if (!std::isfinite(x)) throw non_finite_result(fmt::format("{} is {}", name, x));
    return x;
  };
  const auto mean_estimate = [&](kl_estimator which) {
    const A estimates = kl_estimates(log_prob, old_log_prob, which);
    return number(array::item(masked_mean(estimates, mask)));
  };
  const auto policy_loss = [&](const auto& x, const auto& old, const auto& adv) {
    return clipped_surrogate_token_loss(x, old, adv, clip);
  };
  const auto critic_loss = [&](const auto& x, const auto& old, const auto& to) {
    return value_token_loss(x, old, to, value_clip);
  };
  const A token_loss = policy_loss(log_prob, old_log_prob, advantage);
  const A value_token_losses = critic_loss(value, old_value, target), ratio = array::exp(log_prob - old_log_prob);
  const A policy_slope = slope(policy_loss, log_prob, old_log_prob, advantage);
  const A value_slope = slope(critic_loss, value, old_value, target);
  const std::array modes{std::pair("token_mean", aggregation::token_mean),
                         std::pair("seq_mean_token_mean", aggregation::seq_mean_token_mean),
                         std::pair("seq_mean_token_sum", aggregation::seq_mean_token_sum)};
  json loss, gradient;
  for (const auto& [name, mode] : modes) {
    loss[name] = finite("the policy loss", array::item(aggregate(token_loss, mask, {.mode = mode})));
    gradient[name] = masked(policy_slope * aggregation_weights(mask, {.mode = mode}));
  }
  return {{"token_loss", masked(token_loss)},
          {"ratio", masked(ratio)},
          {"clip_frac", array::item(clip_fraction(log_prob, old_log_prob, advantage, mask, clip))},
          {"kl_k1", mean_estimate(kl_estimator::k1)},
          {"kl_k2", mean_estimate(kl_estimator::k2)},
          {"kl_k3", mean_estimate(kl_estimator::k3)},
          {"loss", loss},
          {"grad_logp", gradient},
          {"value_token_loss", masked(value_token_losses)},
          {"value_loss",
           finite("the value loss", array::item(rto::value_loss(value, old_value, target, mask, value_clip)))},
          {"grad_value", masked(value_slope * aggregation_weights(mask))}};
}

}  // namespace rto::sim
