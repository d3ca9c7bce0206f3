#pragma once
// The one loop of every trainer: batches, losses, a step, numbers, checkpoints.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "llm/checkpoint/safetensors.hpp"
#include "llm/data/sample_order.hpp"
#include "llm/training/adamw.hpp"
#include "llm/training/metrics.hpp"
#include "llm/training/schedule.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {

/// What is to be made small: a loss of samples, which are known by their numbers.
class objective {
 public:
  objective() = default;
  objective(const objective&) = delete;
  objective& operator=(const objective&) = delete;
  virtual ~objective() = default;

  /// Samples of the data set.
  [[nodiscard]] virtual std::size_t size() const = 0;

  /// The samples of the next optimiser step, or of an evaluation: what their losses are divided by, and whatever else
  /// they have in common.
  virtual void begin(std::span<const std::size_t> samples) = 0;

  /// What some of those samples contribute to the loss of the step: the sum over any partition of the samples is the
  /// loss, so that neither it nor its gradient depends on the size of micro-batches.
  [[nodiscard]] virtual at::Tensor loss(std::span<const std::size_t> samples, metric_sums& metrics) = 0;

  /// Tokens that pass through the trained model for a sample.
  [[nodiscard]] virtual std::int64_t tokens(std::size_t sample) const = 0;

  /// What must hold of the loss before the first step. \throws sim::user_error
  virtual void check_first_loss(double /*loss*/) const {}
};

struct loop_options {
  schedule_options schedule;
  adamw_options optimizer;
  std::size_t micro_batch = 8;      ///< samples of one forward and backward pass, > 0
  double max_gradient_norm = 1;     ///< 0: gradients are not clipped
  std::int64_t evaluate_every = 0;  ///< steps; 0: at the end only
  std::int64_t save_every = 0;      ///< steps; 0: at the end only
  std::int64_t keep = 2;            ///< checkpoints kept beside the best one
};

/// What a run works on.
struct training_run {
  std::filesystem::path folder;
  std::vector<named_tensor> parameters;  ///< leaves in float32; of a run that is gone on with, those of its checkpoint
  objective& task;
  objective* held_out = nullptr;
  batch_sequence& batches;
  std::function<void(const std::filesystem::path& folder)> write_model;
  sim::ordered_json settings;                            ///< what must be the same to go on
  double operations_per_token = 0, peak_operations = 0;  ///< for the share of the peak that is used; 0: not told
  std::optional<std::filesystem::path> resume_from = std::nullopt;  ///< a folder of `run_checkpoints`
};

struct training_outcome {
  std::int64_t step = 0;
  bool interrupted = false;  ///< by a signal: what is done is saved
  metric_values last, held_out;
};

/// Trains until the last step of the schedule, or until a signal asks to stop. Bit for bit the same for the same
/// device, threads and settings, however often the process was ended and gone on with.
/// \throws sim::user_error where the loss, a weight or a gradient is not finite, naming the first such tensor; where
///   the disk is full; where a checkpoint does not fit the settings
training_outcome train(training_run& run, const loop_options& options);

/// The loss and the metrics of all samples, without gradients.
metric_values evaluate(objective& task, std::size_t micro_batch);

}  // namespace rto::llm
