// The loss of supervised fine-tuning.
#pragma once

#include <rto/array/array.hpp>
#include <rto/loss/aggregation.hpp>

namespace rto {

/// -sum_{b,t} w_{b,t} log pi(y_t|s_t) over the valid tokens, with the weights of `aggregation_weights`: by default the
/// mean token's negative log-likelihood; its exponential is then the perplexity.
///
/// \param token_log_prob log pi(y_t|s_t), [batch, time], nats; padding is never read
/// \param mask [batch, time], 1 on a prefix of each row, not all empty; prompt tokens are not in it
/// \returns a scalar_t, nats, >= 0
/// \gradient through token_log_prob: minus the weights
/// \throws as aggregate
/// \cost O(batch time)
template <Array A, GoesWith<A> M>
[[nodiscard]] scalar_t<A> sft_loss(const A& token_log_prob, const M& mask, aggregation_options options = {}) {
  return aggregate(-token_log_prob, mask, options);
}

}  // namespace rto
