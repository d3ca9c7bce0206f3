// Advantages without a value function: each answer against other answers to its prompt.
#pragma once

#include <cstdint>

#include <rto/array/array.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/shape.hpp>

namespace rto {

enum class group_baseline {
  leave_one_out,  ///< the mean of the other answers: independent of the answer, so the gradient stays unbiased (RLOO)
  mean            ///< the mean of all, itself included: smaller by the factor (K - 1) / K (GRPO)
};

struct group_advantage_options {
  group_baseline baseline = group_baseline::leave_one_out;
  bool divide_by_deviation = false;  ///< by the group's standard deviation + offset (GRPO; not Dr. GRPO)
  bool unbiased = true;              ///< the deviation divides by K - 1 instead of K
  double offset = 1e-4;              ///< added to the deviation, reward units; >= 0
};

/// RLOO's and GRPO's options under their names.
[[nodiscard]] inline group_advantage_options rloo_advantages() { return {}; }
[[nodiscard]] inline group_advantage_options grpo_advantages() {
  return {.baseline = group_baseline::mean, .divide_by_deviation = true};
}

/// A_ik = R_ik - b_ik, K answers to each prompt: b the mean of the others (RLOO) or of all (GRPO), then divided by the
/// group's standard deviation where the options say so. A group of equal returns, or of one answer, has advantages 0.
///
/// \source Ahmadian et al. 2024 (arXiv 2402.14740), (7); Shao et al. 2024 (arXiv 2402.03300), section 4.1.1; without
/// the
///   deviation Liu et al. 2025 (arXiv 2503.20783)
/// \param returns R [prompts, answers of a prompt], reward units: of the whole answer, KL penalty included where wanted
/// \returns [prompts, answers], reward units, or none where divided
/// \throws std::domain_error where offset is negative
/// \cost O(prompts answers); no device synchronisation
template <Array A> [[nodiscard]] value_t<A> group_advantages(const A& returns, group_advantage_options options = {}) {
  using namespace array;
  require_domain(options.offset >= 0, "group_advantages", "offset >= 0", options.offset);
  const std::int64_t answers = cols(returns);
  const double others = answers > 1 ? static_cast<double>(answers - 1) : 1.0, all = static_cast<double>(answers);
  const value_t<A> own = returns;
  if (answers == 0) return own;
  const value_t<A> mean = row_sum(own) * (1.0 / all);
  const value_t<A> centered = own - broadcast_columns(mean, answers);
  const bool alone = options.baseline == group_baseline::leave_one_out && answers > 1;
  value_t<A> advantage = alone ? value_t<A>(centered * (all / others)) : centered;
  if (!options.divide_by_deviation) return advantage;
  const value_t<A> variance = row_sum(value_t<A>(centered * centered)) * (1.0 / (options.unbiased ? others : all));
  const value_t<A> deviation = sqrt(variance);
  const value_t<A> divisor = deviation + full_like(deviation, options.offset);
  const value_t<A> safe = where_le(divisor, 0.0, 1.0, divisor);  // equal returns and no offset: 0, not 0 / 0
  return advantage / broadcast_columns(safe, answers);
}

/// R - R_greedy: the baseline is the return of the prompt's greedy answer.
/// \source ReMax, Li et al. 2023 (arXiv 2310.10505), algorithm 1
/// \param returns [prompts, answers]  \param greedy [prompts, 1]  \returns [prompts, answers], reward units
/// \throws std::invalid_argument for shapes
template <Array A, GoesWith<A> B>
[[nodiscard]] value_t<A> greedy_baseline_advantages(const A& returns, const B& greedy) {
  using namespace array;
  require_shape("greedy_baseline_advantages", "greedy", greedy, rows(returns), 1);
  require_same_kind("greedy_baseline_advantages", "returns", returns, "greedy", greedy);
  return returns - broadcast_columns(greedy, cols(returns));
}

/// One number an answer at each of its tokens, 0 in the padding.
/// \param advantage [batch, 1], e.g. `group_advantages` reshaped, row by row  \param mask [batch, time]
/// \returns [batch, time]  \throws std::invalid_argument for shapes
template <Array A, GoesWith<A> M> [[nodiscard]] value_t<M> at_every_token(const A& advantage, const M& mask) {
  using namespace array;
  require_shape("at_every_token", "advantage", advantage, rows(mask), 1);
  require_same_kind("at_every_token", "advantage", advantage, "mask", mask);
  return select(mask, broadcast_columns(advantage, cols(mask)), 0.0);
}

}  // namespace rto
