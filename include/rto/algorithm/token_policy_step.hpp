// Algorithm 2, the step from sampled answers to losses: what RTO does between a rollout and an optimiser.
//
//   token_batch  --reward-->  token rewards  --GAE-->  advantages  --whitening-->  token_policy_targets
//   token_policy_targets, log pi now      -->  clipped surrogate loss (or its gradient)
//   token_policy_targets, V now           -->  value loss (or its gradient)
//
// Sampling, forward passes and optimisers are the caller's: a table of logits (the simulator) and a transformer (a
// tensor library) instantiate the same templates. Everything is [batch, time]; PPO, DPPO, RTO and TPPO differ in the
// recipe of the reward and in nothing else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/whitening.hpp>
#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/aggregation.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/kl_estimators.hpp>
#include <rto/loss/value_loss.hpp>
#include <rto/reward/token_reward.hpp>

namespace rto {

/// Sampled answers with what the models say of their tokens.
template <Array A> struct token_batch {
  token_reward_inputs<A> reward;  ///< mask, log-probabilities and reward terms of the sampled tokens
  A value;                        ///< V_old [batch, time], reward units: of the state before each token
};

/// The defaults are the paper's (appendix D.2), and where it is silent those of PPO.
struct token_policy_options {
  token_reward_recipe reward = rto_reward(0.1, 0.03);                ///< beta_1, beta_2 of (4.6)
  gae_options advantage = {};                                        ///< gamma 1, lambda 0.95
  std::optional<whitening_options> whitening = whitening_options{};  ///< none: advantages as they are
  clipped_surrogate_options surrogate = {};                          ///< clip 0.2
  value_loss_options value = {};                                     ///< clip 0.2
  aggregation_options aggregate = {};                                ///< token mean
};

/// What the losses of a batch are computed from: constants for differentiation, one row an answer.
template <Array A> struct token_policy_targets {
  A mask;            ///< [batch, time]
  A old_log_policy;  ///< log pi_old(y_t|s_t), nats
  A old_value;       ///< V_old(s_t), reward units
  A advantage;       ///< A_t, whitened where the options say so
  A value_target;    ///< R_t = A_t + V_old, before whitening
};

/// The targets, and the parts that a run should log.
template <Array A> struct token_policy_estimates {
  token_policy_targets<A> targets;
  token_reward_terms<A> terms;                ///< of the reward, [batch, time] each
  A reward;                                   ///< their sum [batch, time]
  masked_moments<scalar_t<A>> raw_advantage;  ///< moments before whitening, of all processes where `merge` merged them
};

/// Token rewards, advantages before whitening and value targets, written into `out` and the arrays beside it: all of a
/// row's depend on that row alone, so that a batch may be done in parts.
/// \param terms, reward, advantage, target [batch, time] each, must not overlap the inputs
/// \returns the moments of the advantages. \throws as estimate_token_advantages. \cost a few passes over [batch, time]
template <Array A, GoesWith<A> Out>
masked_moments<scalar_t<A>> estimate_raw_token_advantages(const token_batch<A>& batch,
                                                          const token_policy_options& options,
                                                          token_reward_terms<Out>& terms, Out& reward, Out& advantage,
                                                          Out& target) {
  const A& mask = batch.reward.mask;
  require_same_shape("estimate_token_advantages", "mask", mask, "value", batch.value);
  require_same_shape("estimate_token_advantages", "mask", mask, "log_policy", batch.reward.log_policy);
  token_reward_components(batch.reward, options.reward, terms);
  total_reward(terms, reward);
  generalized_advantage_estimates(reward, batch.value, mask, options.advantage, advantage);
  value_targets(advantage, batch.value, mask, target);
  return moments(advantage, mask);
}

/// Token rewards, advantages and value targets of a batch of sampled answers.
///
/// \source Zhong et al. 2024 (arXiv 2404.18922), Algorithm 2 and (4.6); Schulman et al. 2016 (arXiv 1506.02438) for GAE
/// \param merge callable masked_moments -> masked_moments, applied before whitening: processes that share a rollout
///   merge theirs (`rto::merge`), so that the step does not depend on how answers are spread; by default that of the
///   batch alone
/// \throws std::invalid_argument where an input is missing or of another shape, std::domain_error for options
/// \cost a few passes over [batch, time]; no device synchronisation
template <Array A, class Merge = std::identity>
requires std::invocable<Merge&, masked_moments<scalar_t<A>>>
[[nodiscard]] token_policy_estimates<A> estimate_token_advantages(const token_batch<A>& batch,
                                                                  const token_policy_options& options,
                                                                  Merge merge = {}) {
  if constexpr (requires { traits_of<A>::estimate_token_advantages(batch, options, merge); })
    if (auto native = traits_of<A>::estimate_token_advantages(batch, options, merge)) return *std::move(native);
  const A& mask = batch.reward.mask;
  token_policy_estimates<A> of{{mask, batch.reward.log_policy, batch.value, A(), A()}, {}, A(), {}};
  A& advantage = of.targets.advantage;
  of.raw_advantage =
      merge(estimate_raw_token_advantages(batch, options, of.terms, of.reward, advantage, of.targets.value_target));
  if (options.whitening) whiten(advantage, mask, of.raw_advantage, *options.whitening, advantage);
  return of;
}

/// Checks the contracts on entries: those of `token_reward_inputs`, and finite values at valid tokens.
/// \throws std::invalid_argument. \cost O(batch time); synchronises with a device
template <Array A> void validate(const token_batch<A>& batch) {
  validate(batch.reward);
  require_same_shape("token_batch", "mask", batch.reward.mask, "value", batch.value);
  require_finite("token_batch", "value", batch.value, batch.reward.mask);
}

/// The answers `rows` of the targets, in that order: a minibatch.
/// \param rows in [0, batch); repetitions are allowed
/// \throws std::invalid_argument for a row out of range
/// \cost O(rows time), one index array on the host
template <Array A>
[[nodiscard]] token_policy_targets<A> minibatch(const token_policy_targets<A>& targets,
                                                std::span<const std::int64_t> rows) {
  const std::int64_t batch = array::rows(targets.mask), time = array::cols(targets.mask);
  const auto count = static_cast<std::int64_t>(rows.size());
  std::vector<std::int64_t> places(rows.size() * static_cast<std::size_t>(time));
  auto place = places.begin();
  for (const std::int64_t row : rows) {
    if (row < 0 || row >= batch)
      throw std::invalid_argument("rto::minibatch: rows must be in [0, " + std::to_string(batch) + "), got " +
                                  std::to_string(row));
    place = std::generate_n(place, time, [next = row * time]() mutable { return next++; });
  }
  const index_t<A> index = array::index_from_host(targets.mask, std::span<const std::int64_t>(places), count, time);
  const auto chosen = [&](const A& x) -> A { return array::take(array::reshape(x, batch * time, 1), index); };
  return {chosen(targets.mask), chosen(targets.old_log_policy), chosen(targets.old_value), chosen(targets.advantage),
          chosen(targets.value_target)};
}

/// The answers from .. to-1 of the targets: a minibatch of consecutive ones. Where the library has views this copies
/// nothing and must not outlive `targets`.
/// \throws std::invalid_argument unless 0 <= from <= to <= batch
template <Array A>
[[nodiscard]] auto minibatch(const token_policy_targets<A>& targets, std::int64_t from, std::int64_t to) {
  if (!(0 <= from && from <= to && to <= array::rows(targets.mask)))
    throw std::invalid_argument("rto::minibatch: need 0 <= from <= to <= " + std::to_string(array::rows(targets.mask)) +
                                ", got " + std::to_string(from) + " and " + std::to_string(to));
  const auto part = [&](const A& x) { return array::row_slice(x, from, to); };
  return token_policy_targets<decltype(part(targets.mask))>{part(targets.mask), part(targets.old_log_policy),
                                                            part(targets.old_value), part(targets.advantage),
                                                            part(targets.value_target)};
}

/// The policy's loss: the mean of -min(rho A, clip(rho) A). \param log_policy log pi(y_t|s_t) now [batch, time], nats
/// \gradient through log_policy only. \returns a scalar_t. \throws as clipped_surrogate_loss
template <Array L, Array A>
[[nodiscard]] scalar_t<L> token_policy_loss(const L& log_policy, const token_policy_targets<A>& targets,
                                            const token_policy_options& options) {
  return clipped_surrogate_loss(log_policy, targets.old_log_policy, targets.advantage, targets.mask, options.surrogate,
                                options.aggregate);
}

/// The value function's loss: the mean of max{(V - R)^2, (clip(V) - R)^2} / 2. \param value V(s_t) now [batch, time]
/// \gradient through value only. \returns a scalar_t. \throws as value_loss
template <Array V, Array A>
[[nodiscard]] scalar_t<V> token_value_loss(const V& value, const token_policy_targets<A>& targets,
                                           const token_policy_options& options) {
  return value_loss(value, targets.old_value, targets.value_target, targets.mask, options.value, options.aggregate);
}

/// d token_policy_loss / d log pi(y_t|s_t) in closed form, 0 in the padding: for callers without automatic
/// differentiation. \param out [batch, time], must not overlap the inputs
template <Array L, Array A, class Out>
void token_policy_gradient(const L& log_policy, const token_policy_targets<A>& targets,
                           const token_policy_options& options, Out&& out) {
  clipped_surrogate_loss_gradient(log_policy, targets.old_log_policy, targets.advantage, targets.mask,
                                  options.surrogate, options.aggregate, out);
}

/// The same, returned. \returns [batch, time]
template <Array L, Array A>
[[nodiscard]] value_t<L> token_policy_gradient(const L& log_policy, const token_policy_targets<A>& targets,
                                               const token_policy_options& options) {
  value_t<L> out;
  token_policy_gradient(log_policy, targets, options, out);
  return out;
}

/// d token_value_loss / d V(s_t) in closed form, 0 in the padding. \param out [batch, time], must not overlap the
/// inputs
template <Array V, Array A, class Out>
void token_value_gradient(const V& value, const token_policy_targets<A>& targets, const token_policy_options& options,
                          Out&& out) {
  value_loss_gradient(value, targets.old_value, targets.value_target, targets.mask, options.value, options.aggregate,
                      out);
}

/// The same, returned. \returns [batch, time]
template <Array V, Array A>
[[nodiscard]] value_t<V> token_value_gradient(const V& value, const token_policy_targets<A>& targets,
                                              const token_policy_options& options) {
  value_t<V> out;
  token_value_gradient(value, targets, options, out);
  return out;
}

/// What a run should log of a step, scalar_t each: means over valid tokens.
template <class S> struct token_policy_diagnostics {
  S ratio;              ///< of rho = pi / pi_old; 1 before the first update of a rollout, or sampler and trainer differ
  S largest_log_ratio;  ///< max |log rho|: 0 (to rounding) before the first update
  S clip_fraction;      ///< share of tokens whose clipped branch is the smaller one
  S k1, k2, k3;         ///< estimates of KL(pi_old || pi), nats
  S explained_variance;  ///< of the targets, by the value function that made them
};

/// 1 - sum (R - V_old)^2 / sum (R - mean R)^2 over the valid tokens: 1 for a perfect value function, 0 for one that is
/// as good as the mean; the denominator counts as 1 where all targets are equal. \returns a scalar_t, at most 1
template <Array A> [[nodiscard]] scalar_t<A> explained_variance(const token_policy_targets<A>& targets) {
  using namespace array;
  const value_t<A> miss = select(targets.mask, targets.value_target - targets.old_value, 0.0);
  const scalar_t<A> spread = moments(targets.value_target, targets.mask).squared_deviations;
  const scalar_t<A> unexplained = sum(miss * miss) / where_le(spread, 0.0, 1.0, spread);
  return full_like(unexplained, 1.0) - unexplained;
}

/// \param log_policy log pi(y_t|s_t) now [batch, time]
/// \cost a dozen passes; no device synchronisation
template <Array L, Array A>
[[nodiscard]] token_policy_diagnostics<scalar_t<L>> diagnose(const L& log_policy,
                                                             const token_policy_targets<A>& targets,
                                                             const token_policy_options& options) {
  using namespace array;
  const A& mask = targets.mask;
  require_same_shape("diagnose", "mask", mask, "log_policy", log_policy);
  const value_t<L> now = select(mask, log_policy, 0.0), old = select(mask, targets.old_log_policy, 0.0);
  const auto estimate = [&](kl_estimator which) { return masked_mean(kl_estimates(now, old, which), mask); };
  return {
      .ratio = masked_mean(exp(now - old), mask),
      .largest_log_ratio = max_coeff(abs(now - old)),
      .clip_fraction = clip_fraction(log_policy, targets.old_log_policy, targets.advantage, mask, options.surrogate),
      .k1 = estimate(kl_estimator::k1),
      .k2 = estimate(kl_estimator::k2),
      .k3 = estimate(kl_estimator::k3),
      .explained_variance = explained_variance(targets)};
}

}  // namespace rto
