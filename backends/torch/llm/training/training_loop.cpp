#include "llm/training/training_loop.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "llm/training/gradient.hpp"
#include "llm/training/run_checkpoint.hpp"
#include "llm/training/training_log.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/interrupt.hpp"

namespace rto::llm {
namespace {

using sample_list = std::span<const std::size_t>;

// Consecutive parts of at most `size` samples.
std::vector<sample_list> parts_of(sample_list samples, std::size_t size) {
  std::vector<sample_list> parts;
  for (std::size_t from = 0; from < samples.size(); from += size)
    parts.push_back(samples.subspan(from, std::min(size, samples.size() - from)));
  return parts;
}

double value_of(const metric_values& values, const std::string& name) {
  const auto it = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  return it == values.end() ? std::nan("") : it->second;
}

class loop {
 public:
  loop(training_run& run, const loop_options& options)
      : run_(run),
        options_(options),
        checkpoints_(run.folder, options.keep),
        optimizer_(run.parameters, options.optimizer) {
    if (options.micro_batch == 0) throw std::domain_error("rto::train: micro_batch > 0");
    for (const auto& [name, parameter] : run.parameters)
      if (parameter.scalar_type() != at::kFloat || !parameter.is_leaf() || !parameter.requires_grad())
        throw std::invalid_argument("rto::train: parameters must be leaves in float32 with gradients, " + name +
                                    " is not");
    if (const auto bad = first_not_finite(run.parameters))
      throw sim::user_error(fmt::format("{}: no training from weights that are not finite", *bad));
    sim::make_folder(run.folder);
    checkpoints_.clean();
    state_.settings = run.settings;
    if (run.resume_from) resume(*run.resume_from);
    bytes_ = static_cast<std::uint64_t>(optimizer_.bytes());
    for (const auto& [name, parameter] : run.parameters) bytes_ += parameter.nbytes();
    require_disk_space(run.folder, bytes_);
  }

  training_outcome operator()() {
    const sim::signal_guard signals;
    training_log log(run_.folder, state_.step, options_.schedule.steps);
    training_outcome outcome;
    std::int64_t saved = run_.resume_from ? state_.step : -1;
    while (state_.step < options_.schedule.steps) {
      outcome.last = step();
      log.step(state_.step, outcome.last);
      const bool last = state_.step == options_.schedule.steps;
      const auto due = [&](std::int64_t every) { return last || (every > 0 && state_.step % every == 0); };
      if (run_.held_out != nullptr && due(options_.evaluate_every)) {
        outcome.held_out = evaluate(*run_.held_out, options_.micro_batch);
        log.evaluation(state_.step, outcome.held_out);
        if (const double loss = value_of(outcome.held_out, "loss"); loss < state_.best_loss) {
          state_.best_loss = loss;
          state_.best_step = state_.step;
        }
      }
      outcome.interrupted = sim::interrupted() && !last;
      if (due(options_.save_every) || outcome.interrupted || state_.best_step == state_.step) {
        save();
        saved = state_.step;
      }
      if (outcome.interrupted) break;
    }
    if (saved != state_.step) save();  // a run of no steps
    outcome.step = state_.step;
    return outcome;
  }

 private:
  void resume(const std::filesystem::path& from) {
    state_ = load_run_state(from);
    require_same_settings(state_.settings, run_.settings, from);
    optimizer_.load(from / "optimizer.safetensors");
    run_.batches.set_cursor(state_.cursor);
  }

  void save() {
    checkpoints_.save(state_, bytes_, [&](const std::filesystem::path& folder) {
      run_.write_model(folder);
      write_safetensors(folder / "optimizer.safetensors", optimizer_.state(), at::kFloat);
    });
  }

  metric_values step() {
    const auto start = std::chrono::steady_clock::now();
    const std::vector<std::size_t> samples = run_.batches.next();
    run_.task.begin(samples);
    metric_sums sums;
    std::vector<at::Tensor> losses;
    const std::vector<sample_list> parts = parts_of(samples, options_.micro_batch);
    for (const sample_list part : parts) {
      const at::Tensor loss = run_.task.loss(part, sums);
      losses.push_back(loss.detach());
      if (loss.requires_grad()) loss.backward();
    }
    const at::Tensor norm = gradient_norm(run_.parameters);
    const at::Tensor both = at::stack({at::stack(losses).sum().to(at::kFloat), norm}).to(at::kCPU);
    const double loss = both[0].item<double>(), length = both[1].item<double>();
    if (!std::isfinite(loss) || !std::isfinite(length)) complain(loss, losses, parts);
    if (state_.step == 0) run_.task.check_first_loss(loss);
    if (options_.max_gradient_norm > 0) clip_gradients(run_.parameters, norm, options_.max_gradient_norm);
    const double rate = learning_rate(options_.schedule, state_.step);
    optimizer_.step(rate);
    clear_gradients(run_.parameters);

    std::int64_t tokens = 0;
    for (const std::size_t s : samples) tokens += run_.task.tokens(s);
    ++state_.step;
    state_.tokens += tokens;
    state_.cursor = run_.batches.cursor();
    metric_values values{{"loss", loss}};
    for (auto& value : sums.means()) values.push_back(std::move(value));
    const at::Device device = run_.parameters.front().tensor.device();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    values.insert(values.end(), {{"gradient_norm", length},
                                 {"learning_rate", rate},
                                 {"epoch", static_cast<double>(state_.cursor.epoch) +
                                               static_cast<double>(state_.cursor.position) /
                                                   static_cast<double>(run_.batches.batches_per_epoch())},
                                 {"tokens", static_cast<double>(state_.tokens)},
                                 {"tokens_per_second", static_cast<double>(tokens) / seconds},
                                 {"memory_gib", static_cast<double>(peak_memory(device)) / (1 << 30)}});
    if (run_.peak_operations > 0)
      values.emplace_back("mfu",
                          static_cast<double>(tokens) / seconds * run_.operations_per_token / run_.peak_operations);
    return values;
  }

  // The first tensor that is not finite, and the samples that it may come from.
  [[noreturn]] void complain(double loss, const std::vector<at::Tensor>& losses,
                             const std::vector<sample_list>& parts) const {
    std::string where = fmt::format("step {}: the loss is {}", state_.step + 1, loss);
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (!std::isfinite(losses[i].item<double>())) {
        where += fmt::format(", first in samples {}", fmt::join(parts[i], ", "));
        break;
      }
    auto bad = first_not_finite(run_.parameters);
    if (!bad) bad = first_not_finite(run_.parameters, /*gradients=*/true);
    throw sim::user_error(fmt::format("{}: {}; the last checkpoint is as it was", where,
                                      bad.value_or("all weights and gradients are finite")));
  }

  training_run& run_;
  const loop_options& options_;
  run_checkpoints checkpoints_;
  adamw optimizer_;
  run_state state_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

training_outcome train(training_run& run, const loop_options& options) { return loop(run, options)(); }

metric_values evaluate(objective& task, std::size_t micro_batch) {
  const at::NoGradGuard no_gradients;
  std::vector<std::size_t> all(task.size());
  std::iota(all.begin(), all.end(), 0);
  task.begin(all);
  metric_sums sums;
  double loss = 0;
  for (const sample_list part : parts_of(all, micro_batch)) loss += task.loss(part, sums).item<double>();
  metric_values values{{"loss", loss}};
  for (auto& value : sums.means()) values.push_back(std::move(value));
  return values;
}

}  // namespace rto::llm
