// Generalised advantage estimation on ragged token batches.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

struct gae_options {
  double gamma = 1;      // discount per token, in [0, 1]; 1 in all the theory
  double lambda = 0.95;  // in [0, 1]: 1 is Monte Carlo minus baseline, 0 the one-step temporal difference
};

namespace detail {
template <class A, class V, class M> void check_gae(const A& reward, const V& value, const M& mask, gae_options o) {
  constexpr const char* name = "generalized_advantage_estimates";
  require_same_shape(name, "reward", reward, "value", value);
  require_same_shape(name, "reward", reward, "mask", mask);
  require_domain(o.gamma >= 0 && o.gamma <= 1, name, "gamma in [0, 1]", o.gamma);
  require_domain(o.lambda >= 0 && o.lambda <= 1, name, "lambda in [0, 1]", o.lambda);
}
}  // namespace detail

/// delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lambda A_{t+1}, with V_{n+1} = A_{n+1} = 0 after the
/// last valid token n of each row, whether it is the end-of-sequence token or the length limit; 0 in the padding.
///
/// \source Schulman et al. 2016 (arXiv 1506.02438), (11) and (16); the discount after the last token is 0 there.
/// \param reward [batch, time], reward units
/// \param value [batch, time], V_t of the state before token t
/// \param mask [batch, time], 1 on a prefix of each row; reward and value are never read where it is 0
/// \param out [batch, time], must not overlap the inputs
/// \gradient none is meant: advantages enter the losses as constants
/// \throws std::invalid_argument where shapes differ; std::domain_error where gamma or lambda is outside [0, 1]
/// \cost O(batch time), one pass
template <Array A, GoesWith<A> V, GoesWith<A> M, class Out>
void generalized_advantage_estimates(const A& reward, const V& value, const M& mask, gae_options options, Out&& out) {
  using namespace array;
  detail::check_gae(reward, value, mask, options);
  linear_recurrence(select(mask, reward + options.gamma * next_step(select(mask, value, 0.0)) - value, 0.0),
                    full_like(mask, options.gamma * options.lambda), out);
}

/// The same, returned. \returns [batch, time], reward units
template <Array A, GoesWith<A> V, GoesWith<A> M>
[[nodiscard]] value_t<A> generalized_advantage_estimates(const A& reward, const V& value, const M& mask,
                                                         gae_options options = {}) {
  value_t<A> out;
  generalized_advantage_estimates(reward, value, mask, options, out);
  return out;
}

/// The same for rollouts suspended before their end: V_{n+1} = bootstrap of the row.
/// \param bootstrap [batch, 1], the value of the state after the last token; not read for empty rows
template <Array A, GoesWith<A> V, GoesWith<A> M, GoesWith<A> B, class Out>
void generalized_advantage_estimates(const A& reward, const V& value, const M& mask, const B& bootstrap,
                                     gae_options options, Out&& out) {
  using namespace array;
  detail::check_gae(reward, value, mask, options);
  require_shape("generalized_advantage_estimates", "bootstrap", bootstrap, rows(reward), 1);
  require_same_kind("generalized_advantage_estimates", "reward", reward, "bootstrap", bootstrap);
  const value_t<A> beyond = select(last_valid_step(mask), broadcast_columns(bootstrap, cols(reward)), 0.0);
  linear_recurrence(select(mask, reward + options.gamma * (next_step(select(mask, value, 0.0)) + beyond) - value, 0.0),
                    full_like(mask, options.gamma * options.lambda), out);
}

template <Array A, GoesWith<A> V, GoesWith<A> M, GoesWith<A> B>
[[nodiscard]] value_t<A> generalized_advantage_estimates(const A& reward, const V& value, const M& mask,
                                                         const B& bootstrap, gae_options options) {
  value_t<A> out;
  generalized_advantage_estimates(reward, value, mask, bootstrap, options, out);
  return out;
}

/// R_t = A_t + V_t, the targets of the value function (the lambda-returns); 0 in the padding.
/// \param out [batch, time], may be `advantage` itself
template <Array A, GoesWith<A> V, GoesWith<A> M, class Out>
void value_targets(const A& advantage, const V& value, const M& mask, Out&& out) {
  require_same_shape("value_targets", "advantage", advantage, "value", value);
  require_same_shape("value_targets", "advantage", advantage, "mask", mask);
  array::assign(out, array::select(mask, advantage + value, 0.0));
}

/// The same, returned. \returns [batch, time], reward units
template <Array A, GoesWith<A> V, GoesWith<A> M>
[[nodiscard]] value_t<A> value_targets(const A& advantage, const V& value, const M& mask) {
  value_t<A> out;
  value_targets(advantage, value, mask, out);
  return out;
}

}  // namespace rto
