// Algorithm 2 without a value function: an answer's advantage, the same at each of its tokens, is its return against
// other answers to the prompt. Between token_reward.hpp and the losses of token_policy_step.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include <rto/advantage/group_advantages.hpp>
#include <rto/algorithm/token_policy_step.hpp>

namespace rto {

namespace detail {
// `advantage` turns returns [prompts, answers of a prompt] into advantages of that shape.
template <Array A, class Advantage, class Merge>
[[nodiscard]] token_policy_estimates<A> estimate_answer_advantages(const char* name, const token_reward_inputs<A>& in,
                                                                   const token_policy_options& options,
                                                                   std::int64_t answers_per_prompt,
                                                                   const Advantage& advantage, Merge& merge) {
  const A& mask = in.mask;
  const std::int64_t answers = array::rows(mask);
  require_same_shape(name, "mask", mask, "log_policy", in.log_policy);
  if (answers_per_prompt < 1 || answers % answers_per_prompt != 0)
    throw std::invalid_argument(std::string("rto::") + name + ": answers_per_prompt must divide the " +
                                std::to_string(answers) + " answers, got " + std::to_string(answers_per_prompt));
  token_reward_terms<A> terms = token_reward_components(in, options.reward);
  const A reward = total_reward(terms);
  const A returns = array::reshape(A(array::row_sum(reward)), answers / answers_per_prompt, answers_per_prompt);
  const A of_answer = array::reshape(A(advantage(returns)), answers, 1);
  A of_token = at_every_token(of_answer, mask);
  const masked_moments<scalar_t<A>> raw = merge(moments(of_token, mask));
  if (options.whitening) whiten(of_token, mask, raw, *options.whitening, of_token);
  const A zero = array::full(mask, answers, array::cols(mask), 0.0);
  return {{mask, in.log_policy, zero, of_token, zero}, std::move(terms), reward, raw};
}
}  // namespace detail

/// Token rewards and advantages of a batch by `group_advantages` (RLOO, GRPO) of the answers' total rewards, the KL
/// term included. Values and value targets are 0: there is no critic to train.
///
/// \source Ahmadian et al. 2024 (arXiv 2402.14740); Shao et al. 2024 (arXiv 2402.03300)
/// \param in one row an answer, the answers of a prompt side by side
/// \param options `advantage` (gamma, lambda) is of no meaning here; GRPO and RLOO leave `whitening` out
/// \param merge as estimate_token_advantages
/// \throws std::invalid_argument where the answers are no multiple of answers_per_prompt, and as
///   token_reward_components
template <Array A, class Merge = std::identity>
requires std::invocable<Merge&, masked_moments<scalar_t<A>>>
[[nodiscard]] token_policy_estimates<A> estimate_group_advantages(const token_reward_inputs<A>& in,
                                                                  const token_policy_options& options,
                                                                  std::int64_t answers_per_prompt,
                                                                  const group_advantage_options& group = {},
                                                                  Merge merge = {}) {
  return detail::estimate_answer_advantages(
      "estimate_group_advantages", in, options, answers_per_prompt,
      [&](const A& returns) -> A { return group_advantages(returns, group); }, merge);
}

/// The same by `greedy_baseline_advantages` (ReMax).
/// \source Li et al. 2023 (arXiv 2310.10505)
/// \param greedy_return [prompts, 1], reward units: the total reward of the prompt's greedy answer
template <Array A, class Merge = std::identity>
requires std::invocable<Merge&, masked_moments<scalar_t<A>>>
[[nodiscard]] token_policy_estimates<A> estimate_greedy_baseline_advantages(const token_reward_inputs<A>& in,
                                                                            const token_policy_options& options,
                                                                            std::int64_t answers_per_prompt,
                                                                            const A& greedy_return, Merge merge = {}) {
  return detail::estimate_answer_advantages(
      "estimate_greedy_baseline_advantages", in, options, answers_per_prompt,
      [&](const A& returns) -> A { return greedy_baseline_advantages(returns, greedy_return); }, merge);
}

}  // namespace rto
