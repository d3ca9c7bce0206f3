// Log-probabilities of tokens from logits.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>

namespace rto {

/// log pi(y) = z_y - log sum_u e^{z_u} of one token per row; the array of all log-probabilities is never formed.
///
/// \param logits [rows, vocabulary], nats: a [batch, time, vocabulary] buffer viewed with rows = batch time
/// \param tokens [rows, 1], ids in [0, vocabulary); give padding any id in range and mask the result
/// \returns [rows, 1], nats, <= 0
/// \gradient through logits: 1{v = y} - pi(v)
/// \throws std::invalid_argument where shapes differ or an id is out of range
/// \cost O(rows vocabulary)
template <Array A> [[nodiscard]] auto token_log_probability(const A& logits, const index_t<A>& tokens) {
  using namespace array;
  require_shape("token_log_probability", "tokens", tokens, rows(logits), 1);
  if constexpr (requires { traits_of<A>::token_log_probability(logits, tokens); }) {
    return traits_of<A>::token_log_probability(logits, tokens);
  } else {
    const auto chosen = gather(logits, tokens);
    return value_t<decltype(chosen)>(chosen - log_sum_exp(logits));
  }
}

/// Entropy -sum_v pi(v) log pi(v) of each row, with 0 log 0 = 0.
/// \param logits [rows, vocabulary], nats; a logit of -infinity forbids the token
/// \returns [rows, 1], nats, in [0, log vocabulary]
/// \gradient through logits, exact also where a token is forbidden
template <Array A> [[nodiscard]] auto token_entropy(const A& logits) {
  using namespace array;
  if constexpr (requires { traits_of<A>::token_entropy(logits); }) {
    return traits_of<A>::token_entropy(logits);
  } else {
    const array_t<A> log_prob = log_softmax(logits), finite = detail::where_allowed(log_prob, log_prob, 0.0);
    return row_sum(-exp(log_prob) * finite);
  }
}

/// log pi(y|x) = sum_t log pi(y_t|s_t) over the valid tokens (a sum, not a mean; prompt tokens are not in the mask).
/// \param token_log_prob [batch, time], nats; never read where `mask` is 0. \returns [batch, 1], nats
template <Array A, GoesWith<A> M> [[nodiscard]] auto sequence_log_probability(const A& token_log_prob, const M& mask) {
  require_same_shape("sequence_log_probability", "token_log_prob", token_log_prob, "mask", mask);
  return array::row_sum(array::select(mask, token_log_prob, 0.0));
}

/// log pi(y|x) / |y|, the mean over the valid tokens; 0 of an empty row.
/// \param token_log_prob [batch, time], nats; never read where `mask` is 0. \returns [batch, 1], nats per token
template <Array A, GoesWith<A> M> [[nodiscard]] auto mean_log_probability(const A& token_log_prob, const M& mask) {
  const array_t<A> total = sequence_log_probability(token_log_prob, mask);
  const array_t<A> length = array::clamp(row_lengths(mask), 1.0, detail::infinity);
  return array_t<A>(total / length);
}

}  // namespace rto
