#pragma once
// Algorithm 2 on language models: answers sampled from the policy, token rewards, advantages, epochs of clipped
// updates. PPO, DPPO, RTO and TPPO differ in `token_policy_options::reward` and in nothing else.
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <rto/algorithm/group_policy_step.hpp>
#include <rto/algorithm/kl_controller.hpp>
#include <rto/algorithm/token_policy_step.hpp>

#include "llm/data/sample_order.hpp"
#include "llm/online/policy_update.hpp"
#include "llm/online/rollout.hpp"

namespace rto::llm {

/// Whose word counts; those that the recipe does not ask may be null. All share the policy's vocabulary.
struct online_models {
  const language_model* policy = nullptr;  ///< trained
  const language_model* critic = nullptr;  ///< a score head, trained; null exactly where the baseline is no critic
  const language_model* reference = nullptr;
  const language_model* dpo = nullptr;
  const language_model* reward = nullptr;        ///< a score head: r(x, y) at the last token
  const language_model* token_reward = nullptr;  ///< a score head: a score of every token
};

/// What an answer's reward is held against.
enum class baseline_kind {
  critic,  ///< a value function, by generalised advantage estimation
  group,   ///< the other answers to the prompt (RLOO, GRPO)
  greedy,  ///< the prompt's most probable answer (ReMax)
};

/// A component of the reward that is computed from the answers: [answers, longest] float, coefficient and sign
/// included. \param time the columns wanted
using reward_function =
    std::function<at::Tensor(std::span<const encoded_answer> answers, std::int64_t time, at::Device device)>;
struct reward_component {
  std::string name;
  reward_function reward;
};

struct online_options {
  token_policy_options step;
  baseline_kind baseline = baseline_kind::critic;
  group_advantage_options group = {};  ///< where the baseline is the group
  /// Of every id of the vocabulary whether it ends a segment; for recipes that pay at the ends of segments.
  std::vector<bool> segment_end = {};
  std::vector<reward_component> components = {};
  policy_update_options update;
  generation_options generation;  ///< length, temperature, end tokens, answers in work at once, seed
  std::int64_t rollout = 256;     ///< answers an iteration, a multiple of answers_per_prompt
  std::int64_t answers_per_prompt = 1;
  std::int64_t scoring_batch = 32;                          ///< answers of a forward pass without gradients
  std::optional<kl_controller_options> kl_controller = {};  ///< none: beta_2 stays
  double sampler_tolerance = 1e-3;  ///< mean |log pi of the sampler - log pi of the scorer| at most, nats
  std::uint64_t seed = 0;           ///< of the order of prompts
};

/// What an iteration was about, besides its numbers.
struct online_iteration {
  rollout sampled;
  token_policy_estimates<at::Tensor> estimates;
  metric_values metrics;
  std::vector<std::string> warnings;  ///< for people
  std::int64_t tokens = 0;            ///< of prompts and answers
};

class online_trainer {
 public:
  /// \param prompts ids, none empty; the models outlive the trainer
  /// \throws std::invalid_argument for a model that the recipe needs and is not there, for another vocabulary or kind
  ///   of head, and for no prompt; std::domain_error for sizes
  online_trainer(const online_models& models, std::vector<token_ids> prompts, const online_options& options);

  /// One rollout and what is learnt from it. A function of the state alone, whatever came before.
  /// \throws sim::user_error where an invariant does not hold, naming it
  online_iteration iterate();

  [[nodiscard]] std::int64_t iterations() const { return updater_.rollouts; }
  [[nodiscard]] const data_cursor& cursor() const { return prompts_in_order_.cursor(); }
  [[nodiscard]] double kl_coefficient() const { return options_.step.reward.kl; }
  /// Bytes that `save` writes.
  [[nodiscard]] std::uint64_t bytes();
  /// Everything but the weights: optimisers, counters, the KL coefficient, the place in the prompts.
  void save(const std::filesystem::path& folder);
  /// \throws sim::user_error for files that are missing, malformed or of another run
  void load(const std::filesystem::path& folder);

 private:
  void check() const;
  std::vector<token_ids> next_prompts();
  struct scored;
  scored score(const rollout& sampled) const;
  token_policy_estimates<at::Tensor> estimate(const token_batch<at::Tensor>& batch,
                                              std::span<const token_ids> prompts) const;

  online_models models_;
  std::vector<token_ids> prompts_;
  online_options options_;
  batch_sequence prompts_in_order_;
  policy_updater updater_;
};

}  // namespace rto::llm
