// How token losses become one number: the only place that divides by a count.
#pragma once

#include <limits>
#include <optional>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

/// With N = valid tokens, n_b = valid tokens of row b, B' = non-empty rows:
enum class aggregation {
  token_mean,           // (1/N) sum_b sum_t: every token weighs the same
  seq_mean_token_mean,  // (1/B') sum_b (1/n_b) sum_t: every answer weighs the same
  seq_mean_token_sum,   // (1/B') sum_b sum_t: the loss of an answer is the sum over its tokens
};

struct aggregation_options {
  aggregation mode = aggregation::token_mean;
  /// N (token_mean) or B' (the others) of the whole optimiser step, so that the loss does not depend on how the step is
  /// cut into micro-batches or spread over processes; by default that of the batch at hand. > 0.
  std::optional<double> global_count = std::nullopt;
};

/// What a mode divides by, counted in this batch: N of token_mean, B' of the others. \param mask [batch, time], 1 on a
/// prefix of each row. \returns a scalar_t, tokens or rows
template <Array M> [[nodiscard]] scalar_t<M> aggregation_count(const M& mask, aggregation mode) {
  using namespace array;
  if (mode == aggregation::token_mean) return sum(mask);
  return sum(clamp(row_lengths(mask), 0.0, 1.0));
}

/// The weights w with loss = sum_{b,t} w_{b,t} l_{b,t}; 0 in the padding. They are also d loss / d l_{b,t}.
/// \source docs/mathematics.md 14.2. \param mask [batch, time], 1 on a prefix of each row, not all empty
/// \returns [batch, time], 1 / tokens or 1 / rows
/// \throws std::domain_error where global_count is not positive
template <Array M> [[nodiscard]] value_t<M> aggregation_weights(const M& mask, aggregation_options options = {}) {
  using namespace array;
  using detail::infinity;
  if (options.global_count)
    require_domain(*options.global_count > 0, "aggregation_weights", "global_count > 0", *options.global_count);
  // 1 / count of one kind of unit: of those counted here, or of all of the step.
  const auto share = [&](const auto& unit) -> value_t<M> {
    if (options.global_count) return select(mask, unit * (1.0 / *options.global_count), 0.0);
    return select(mask, unit * (1.0 / aggregation_count(mask, options.mode)), 0.0);
  };
  if (options.mode != aggregation::seq_mean_token_mean) return share(mask);
  const auto lengths = row_lengths(mask);
  const value_t<M> per_answer = mask / broadcast_columns(clamp(lengths, 1.0, infinity), cols(mask));
  return share(per_answer);
}

/// loss = sum_{b,t} w_{b,t} l_{b,t} with the weights above; token losses in the padding are never read.
/// \param token_loss [batch, time]. \returns a scalar_t (differentiable where the library differentiates)
/// \throws std::invalid_argument where shapes differ
template <Array A, GoesWith<A> M>
[[nodiscard]] scalar_t<A> aggregate(const A& token_loss, const M& mask, aggregation_options options = {}) {
  using namespace array;
  require_same_shape("aggregate", "token_loss", token_loss, "mask", mask);
  if (options.mode == aggregation::token_mean) {  // one pass, no weights
    const scalar_t<A> total = sum(select(mask, token_loss, 0.0));
    if (!options.global_count) return total / aggregation_count(mask, options.mode);
    require_domain(*options.global_count > 0, "aggregate", "global_count > 0", *options.global_count);
    return total / full_like(total, *options.global_count);
  }
  return sum(select(mask, token_loss * aggregation_weights(mask, options), 0.0));
}

}  // namespace rto
