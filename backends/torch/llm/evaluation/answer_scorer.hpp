#pragma once
// Rewards of whole answers, whatever gives them: a reward model, or a policy and its reference.
#include <functional>
#include <span>
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"

namespace rto::llm {

/// A reward of every answer, in their order.
using answer_scorer = std::function<std::vector<double>(std::span<const encoded_answer>)>;

/// r(x, y) of a model with a score head (`text_rewards`). \param model outlives the scorer
/// \param batch answers of one pass
answer_scorer reward_model_scorer(const language_model& model, std::size_t batch);

/// beta log(pi(y|x) / pi_ref(y|x)): what DPO's policy says of an answer (`implicit_reward`).
/// \source Rafailov et al. 2023 (arXiv 2305.18290); RTO (arXiv 2404.18922), (4.5) summed over an answer
/// \param policy, reference outlive the scorer  \param batch answers of one pass
answer_scorer implicit_reward_scorer(const language_model& policy, const language_model& reference, double beta,
                                     std::size_t batch);

}  // namespace rto::llm
