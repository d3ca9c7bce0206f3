#pragma once
// What the commands that learn from their own answers take: ppo, dppo, rto, tppo.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "llm/online/online_trainer.hpp"

namespace rto::llm {

enum class online_method { ppo, dppo, rto, tppo };

struct online_arguments {
  online_method method = online_method::rto;
  std::filesystem::path policy, reference, dpo, reward, token_reward, critic, output;
  std::vector<std::string> prompts;
  std::int64_t max_prompt_length = 0;
  std::string long_prompts = "drop";

  std::string preset;
  std::string recipe = "rto", baseline = "critic";
  double length_price = 0, missing_end_penalty = 0;
  std::string program;
  double beta1 = 0.1, beta2 = 0.03, beta3 = 1, implicit_clip = 0, sequence_clip = 0;
  double kl_target = 0, kl_horizon = 10000, kl_budget = 0;

  std::int64_t iterations = 100, rollout = 256, minibatch = 16, micro_batch = 0, epochs = 2, scoring_batch = 32;
  std::int64_t generation_batch = 64, max_new_tokens = 128, answers_per_prompt = 1;
  double temperature = 1;

  double gamma = 1, lambda = 0.95, clip = 0.2, value_clip = 0.2;
  std::string whitening = "biased", aggregation = "token_mean";

  double learning_rate = 5e-6, critic_learning_rate = 5e-6, min_learning_rate_share = 0.1, warmup_ratio = 0;
  std::string schedule = "linear";
  double weight_decay = 0, adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8, max_gradient_norm = 1;

  std::string device = "cpu", precision = "fp32";
  bool recompute = false, resume = false, dry_run = false;
  std::uint64_t seed = 42;
  std::int64_t save_every = 10, keep = 2, show = 4;

  std::filesystem::path reference_folder() const { return reference.empty() ? policy : reference; }
};

std::string to_string(online_method method);

/// Declares the options of a method. \param o holds the method's defaults
void add_online_options(CLI::App& app, online_arguments& o);

/// Puts the values of --preset where no option was given. \throws sim::user_error for a preset of another command
void apply_preset(const CLI::App& app, online_arguments& o);

/// What cannot be together, and what would do nothing. \throws sim::user_error
void check(const CLI::App& app, const online_arguments& o);

/// The reward that method, recipe and coefficients name.
token_reward_recipe recipe_of(const online_arguments& o);

/// \param prompts how many there are is not asked: prompts begin anew when they are used up
online_options online_options_of(const online_arguments& o);

/// The settings under which alone a run is gone on with.
sim::ordered_json settings_of(const online_arguments& o);

}  // namespace rto::llm
