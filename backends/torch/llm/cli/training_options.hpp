#pragma once
// What every command that trains takes.
#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/cli/compute_options.hpp"
#include "llm/cli/data_options.hpp"
#include "llm/training/training_loop.hpp"

namespace rto::llm {

struct training_options : data_arguments, compute_arguments {
  std::filesystem::path model, output;
  std::vector<std::string> data, held_out_data;
  double held_out_share = 0;

  double learning_rate = 0, epochs = 0;
  std::string schedule = "linear";
  double warmup_ratio = 0, min_learning_rate_share = 0.1;
  std::int64_t warmup_steps = 0, max_steps = 0;
  std::int64_t batch_size = 8, micro_batch_size = 0;
  double weight_decay = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, max_gradient_norm = 1;
  bool decay_everything = false;

  std::int64_t lora_rank = 0;  // 0: all weights are trained
  double lora_alpha = 0;       // 0: twice the rank
  std::vector<std::string> lora_targets;
  bool lora_rank_stabilised = false, merge = false;

  std::string precision = "fp32";
  bool recompute = false;
  std::uint64_t seed = 42;
  std::int64_t save_every = 500, evaluate_every = 0, keep = 2;
  bool resume = false, dry_run = false;

  bool lora() const { return lora_rank > 0; }
  /// Samples of one forward and backward pass.
  std::size_t micro_batch() const {
    return static_cast<std::size_t>(micro_batch_size > 0 ? micro_batch_size : batch_size);
  }
};

void add_training_options(CLI::App& app, training_options& options);

/// What cannot be together. \throws sim::user_error
void check(const CLI::App& app, const training_options& options);

/// Optimiser steps of the whole run. \param per_epoch batches of one pass over the data
std::int64_t steps_of(const training_options& options, std::size_t per_epoch);

loop_options loop_options_of(const training_options& options, std::int64_t steps);

/// The settings under which alone a run is gone on with.
sim::ordered_json settings_of(const training_options& options, const std::string& command);

/// \throws sim::user_error `--NAME is for WHAT` where the option was given although it does nothing
void refuse_unused(const CLI::App& app, const std::string& option, bool used, const std::string& what);

}  // namespace rto::llm
