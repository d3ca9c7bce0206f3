#pragma once
// Iterations of an online trainer with numbers, checkpoints and a way to stop.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "llm/online/online_trainer.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

struct online_run {
  std::filesystem::path folder;
  online_trainer& trainer;
  at::Device device = at::kCPU;
  std::function<void(const std::filesystem::path& folder)> write_models;  ///< policy and critic, in float
  /// Told of every iteration, before it counts as done: samples to look at.
  std::function<void(std::int64_t iteration, const online_iteration&)> show = {};
  sim::ordered_json settings = {};  ///< what must be the same to go on
  std::int64_t iterations = 100;
  std::int64_t save_every = 10;                                     ///< iterations; 0: at the end only
  std::int64_t keep = 2;                                            ///< checkpoints
  std::optional<double> kl_budget = std::nullopt;                   ///< nats an answer by k1; beyond it the run ends
  std::optional<std::filesystem::path> resume_from = std::nullopt;  ///< a folder of `run_checkpoints`
};

struct online_outcome {
  std::int64_t iteration = 0;
  bool interrupted = false;  ///< by a signal: what is done is saved
  bool over_budget = false;
  metric_values last;
};

/// Runs to the last iteration, the KL budget, or a signal. Checkpoints lie between iterations: a run that was killed at
/// any point and is gone on with ends bit for bit like one that was not, for the same device and threads.
/// \pre the models hold the weights of `resume_from` where it is set
/// \throws sim::user_error as `online_trainer::iterate`, where the disk is full, where a checkpoint does not fit
online_outcome run_online(online_run& run);

}  // namespace rto::llm
