#pragma once
// Rewards that a command is given as folders: a reward model, or a policy and its reference.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "llm/data/encoding.hpp"
#include "llm/evaluation/answer_scorer.hpp"
#include "llm/evaluation/token_rewards.hpp"

namespace rto::llm {

struct reward_arguments {
  std::filesystem::path reward_model, policy, reference;
  double beta = 0.1;

  /// Adds --reward-model, --policy, --reference and --beta; `this` must outlive the parsing.
  void declare_rewards(CLI::App& app, const std::string& group = "Rewards");
  /// \throws sim::user_error for a policy without reference or the other way round, and --beta without them
  void check_rewards(const CLI::App& app) const;
};

/// A reward with the models and the tokenizer behind it.
class loaded_reward {
 public:
  /// A sequence classifier of one label. \throws sim::user_error for another model, and as language_model::load
  static std::unique_ptr<loaded_reward> of_model(const std::filesystem::path& folder, const load_options& options);
  /// beta log(pi / pi_ref); the tokenizer is the policy's. \throws sim::user_error where the vocabularies differ
  static std::unique_ptr<loaded_reward> of_policies(const std::filesystem::path& policy,
                                                    const std::filesystem::path& reference, double beta,
                                                    const load_options& options);

  /// `reward_model` or `implicit_reward`; `title` with a blank.
  std::string name() const { return reference_ ? "implicit_reward" : "reward_model"; }
  std::string title() const { return reference_ ? "implicit reward" : "reward model"; }
  const text_coder& coder() const { return coder_; }
  /// The longest text, tokens.
  std::size_t context() const;
  /// \param batch answers of one pass. This object outlives the scorer.
  answer_scorer scorer(std::size_t batch) const;
  token_reward_rows token_rewards(std::span<const encoded_answer> answers, std::size_t batch) const;

 private:
  loaded_reward(language_model model, std::optional<language_model> reference, double beta, text_coder coder)
      : model_(std::move(model)), reference_(std::move(reference)), beta_(beta), coder_(std::move(coder)) {}

  language_model model_;
  std::optional<language_model> reference_;
  double beta_;
  text_coder coder_;
};

/// All rewards that the arguments name.
std::vector<std::unique_ptr<loaded_reward>> load_rewards(const reward_arguments& arguments,
                                                         const load_options& options);

}  // namespace rto::llm
