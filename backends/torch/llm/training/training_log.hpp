#pragma once
// What a run says while it goes: one line on a terminal, `metrics.jsonl`, TensorBoard's event files.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "llm/training/metrics.hpp"
#include "llm/training/tensorboard.hpp"

namespace rto::llm {

/// Most memory that the process has had, bytes: of the device for a CUDA device, else of the host.
std::int64_t peak_memory(at::Device device);

class training_log {
 public:
  /// Lines of an earlier run after step `done` are taken out, so that a run that is gone on with leaves the same lines
  /// as one that was never stopped (times apart).
  /// \throws sim::user_error where the files cannot be written
  training_log(const std::filesystem::path& folder, std::int64_t done, std::int64_t steps);
  training_log(const training_log&) = delete;
  training_log& operator=(const training_log&) = delete;
  ~training_log();

  /// The numbers of a step, under `train/` on the dashboard.
  void step(std::int64_t step, const metric_values& values);
  /// Of an evaluation after a step, under `eval/`; also one line of text on the terminal's standard error.
  void evaluation(std::int64_t step, const metric_values& values);
  /// One line of text for people, on standard error, above the progress line.
  void say(const std::string& text);

 private:
  void write(std::int64_t step, const char* kind, const metric_values& values);
  void draw(std::int64_t step, const metric_values& values);
  void clear();

  std::filesystem::path file_;
  std::ofstream lines_;
  tensorboard_writer board_;
  std::int64_t done_, steps_;
  bool terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace rto::llm
