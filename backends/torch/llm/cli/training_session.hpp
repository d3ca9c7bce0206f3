#pragma once
// What the commands that train have in common: a model, where it comes from, and what becomes of it.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm/cli/training_options.hpp"
#include "llm/model/lora.hpp"
#include "llm/training/work_estimate.hpp"

namespace rto::llm {

class training_session {
 public:
  /// Loads the weights that training goes on from: those of --model, or of the latest checkpoint with --resume.
  /// \throws sim::user_error for options that exclude each other, an output folder with another run in it, and as
  ///   language_model::load
  training_session(const CLI::App& app, const training_options& options, std::string command, head_kind head);

  const language_model& model() const { return *model_; }
  /// Whether the weights are those of --model: no step has been taken yet.
  bool at_start() const { return !resume_from_; }
  at::Device device() const { return model_->device(); }
  /// Another model of this run, without gradients (a reference), in the same type of products. With adapters, that of
  /// --model is the trained one without them, and no second model is held.
  language_model load_reference(const std::filesystem::path& folder) const;

  /// Says what will be done, does it, and leaves the model in the output folder. With --dry-run it only says it.
  /// \param lengths tokens of each sample of the task  \param settings of this command, beside the common ones
  /// \returns the exit status: 0, or 128 + the signal that ended the run before its last step
  int run(objective& task, objective* held_out, const std::vector<std::size_t>& lengths,
          const sim::ordered_json& settings, const memory_needs& needs);

 private:
  void say_plan(const std::vector<std::size_t>& lengths, const objective* held_out, const loop_options& loop,
                memory_needs needs, double peak) const;
  double operations_per_token(const std::vector<std::size_t>& lengths) const;

  const training_options& options_;
  std::string command_;
  std::optional<std::filesystem::path> resume_from_;
  std::vector<named_parameter> trained() const { return adapter_ ? adapter_->parameters() : model_->parameters(); }
  void load(head_kind head);
  void write(const std::filesystem::path& folder, bool checkpoint) const;

  std::optional<language_model> base_, model_;  // with adapters: without and with them
  std::optional<lora_adapter> adapter_;
};

}  // namespace rto::llm
