#include "llm/cli/reward_options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "llm/cli/training_data.hpp"
#include "llm/model/lora.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {

void reward_arguments::declare_rewards(CLI::App& app, const std::string& group) {
  app.add_option("--reward-model", reward_model, "A reward model: a sequence classifier of one label")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--policy", policy, "A policy whose implicit reward beta log(pi / pi_ref) is looked at (DPO's)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--reference", reference, "The policy it was trained from")->type_name("DIR")->group(group);
  app.add_option("--beta", beta, "Of the implicit reward")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(group);
}

void reward_arguments::check_rewards(const CLI::App& app) const {
  if (policy.empty() != reference.empty()) throw sim::user_error("--policy and --reference go together");
  refuse_unused(app, "--beta", !policy.empty(), "--policy and --reference");
}

std::unique_ptr<loaded_reward> loaded_reward::of_model(const std::filesystem::path& folder,
                                                       const load_options& options) {
  language_model model = load_with_adapter(folder, options);
  if (model.config().labels != 1)
    throw sim::user_error(fmt::format("{}: expected a reward model (one label), found {}", folder.string(),
                                      class_name(model.config().family, model.config().labels > 0)));
  text_coder coder = coder_for(folder, model.config());
  return std::unique_ptr<loaded_reward>(new loaded_reward(std::move(model), std::nullopt, 1, std::move(coder)));
}

std::unique_ptr<loaded_reward> loaded_reward::of_policies(const std::filesystem::path& policy,
                                                          const std::filesystem::path& reference, double beta,
                                                          const load_options& options) {
  load_options language = options;
  language.head = head_kind::language_model;
  language_model pi = load_with_adapter(policy, language), other = load_with_adapter(reference, language);
  if (pi.config().vocabulary != other.config().vocabulary)
    throw sim::user_error(fmt::format("{}: expected the policy's vocabulary of {}, found {}", reference.string(),
                                      pi.config().vocabulary, other.config().vocabulary));
  text_coder coder = coder_for(policy, pi.config());
  return std::unique_ptr<loaded_reward>(new loaded_reward(std::move(pi), std::move(other), beta, std::move(coder)));
}

std::size_t loaded_reward::context() const {
  const std::int64_t own = model_.config().context;
  return static_cast<std::size_t>(reference_ ? std::min(own, reference_->config().context) : own);
}

answer_scorer loaded_reward::scorer(std::size_t batch) const {
  return reference_ ? implicit_reward_scorer(model_, *reference_, beta_, batch) : reward_model_scorer(model_, batch);
}

token_reward_rows loaded_reward::token_rewards(std::span<const encoded_answer> answers, std::size_t batch) const {
  return reference_ ? implicit_token_rewards(model_, *reference_, answers, beta_, batch)
                    : score_increments(model_, answers, batch);
}

std::vector<std::unique_ptr<loaded_reward>> load_rewards(const reward_arguments& arguments,
                                                         const load_options& options) {
  std::vector<std::unique_ptr<loaded_reward>> all;
  if (!arguments.reward_model.empty()) all.push_back(loaded_reward::of_model(arguments.reward_model, options));
  if (!arguments.policy.empty())
    all.push_back(loaded_reward::of_policies(arguments.policy, arguments.reference, arguments.beta, options));
  return all;
}

}  // namespace rto::llm
