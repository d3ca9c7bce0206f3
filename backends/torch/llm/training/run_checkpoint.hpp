#pragma once
// Everything that a run needs to go on, in one folder for each saved step.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>

#include "llm/data/sample_order.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

/// Where a run stands after `step` optimiser steps.
struct run_state {
  std::int64_t step = 0;
  data_cursor cursor = {};
  std::int64_t tokens = 0;  ///< trained on so far
  std::int64_t best_step = -1;
  double best_loss = std::numeric_limits<double>::infinity();  ///< held out
  /// What the run was started with; a run is gone on with only under the same settings.
  sim::ordered_json settings = {};
};

/// The folders `checkpoint-STEP` of a run: `training_state.json`, with the states of torch's generators, and whatever
/// `write` puts beside it (weights, moments). A folder is written under another name and renamed, so that one of this
/// name is whole whenever the process ends; it is renamed again before it is deleted.
class run_checkpoints {
 public:
  /// \param keep so many of the latest, and the best one, >= 1
  run_checkpoints(std::filesystem::path folder, std::int64_t keep) : folder_(std::move(folder)), keep_(keep) {}

  /// The latest one that is whole.
  [[nodiscard]] std::optional<std::filesystem::path> latest() const;

  /// \param bytes what `write` will write
  /// \throws sim::user_error where the disk has no room for it, before anything is written
  void save(const run_state& state, std::uint64_t bytes,
            const std::function<void(const std::filesystem::path&)>& write);

  /// Removes what a process that was killed left half-written.
  void clean() const;

 private:
  void prune(const run_state& state) const;

  std::filesystem::path folder_;
  std::int64_t keep_;
};

/// Reads `training_state.json` and puts torch's generators back.
/// \throws sim::user_error where it is missing or malformed
run_state load_run_state(const std::filesystem::path& checkpoint);

/// \throws sim::user_error naming the first setting that differs, what it was and what it is
void require_same_settings(const sim::ordered_json& was, const sim::ordered_json& is,
                           const std::filesystem::path& checkpoint);

/// \throws sim::user_error unless the file system of `folder` (or of the nearest parent there is) has so many bytes
/// free
void require_disk_space(const std::filesystem::path& folder, std::uint64_t bytes);

}  // namespace rto::llm
