#include "llm/cli/training_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "llm/training/run_checkpoint.hpp"
#include "sim/io/error.hpp"
#include "sim/io/interrupt.hpp"

namespace rto::llm {
namespace {

std::string human_bytes(std::int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
}

std::string human_time(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

void print(const std::string& text) {
  std::fputs((text + "\n").c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

training_session::training_session(const CLI::App& app, const training_options& options, std::string command,
                                   head_kind head)
    : options_(options), command_(std::move(command)) {
  check(app, options);
  const run_checkpoints checkpoints(options.output, options.keep);
  const auto latest = checkpoints.latest();
  if (latest && !options.resume && !options.dry_run)
    throw sim::user_error(fmt::format("{}: a run was here before: --resume goes on with it; start a new one elsewhere",
                                      latest->string()));
  if (options.resume) {
    resume_from_ = latest;
    print(latest ? fmt::format("going on from {}", latest->string())
                 : fmt::format("{}: no checkpoint yet, starting from the beginning", options.output.string()));
  }
  load(head);
  if (options.precision == "bf16") model_->set_compute_type(at::kBFloat16);
}

void training_session::load(head_kind head) {
  // A stored score head is what a checkpoint has; a new one is drawn only where training starts.
  const load_options loading{
      .device = options_.prepare_device(), .head = head, .check_finite = true, .seed = options_.seed};
  if (!options_.lora()) {
    model_ = language_model::load(resume_from_.value_or(options_.model), loading);
    model_->require_gradients(true);
    return;
  }
  base_ = language_model::load(options_.model, loading);
  const double alpha = options_.lora_alpha > 0 ? options_.lora_alpha : 2 * static_cast<double>(options_.lora_rank);
  adapter_ = resume_from_ ? lora_adapter::load(*base_, *resume_from_)
                          : lora_adapter::initialize(*base_,
                                                     {.rank = options_.lora_rank,
                                                      .alpha = alpha,
                                                      .targets = options_.lora_targets,
                                                      .rank_stabilised = options_.lora_rank_stabilised},
                                                     options_.seed);
  adapter_->require_gradients(true);
  model_ = adapter_->adapted(*base_);
}

void training_session::write(const std::filesystem::path& folder, bool checkpoint) const {
  const at::ScalarType type = checkpoint ? at::kFloat : scalar_type(model_->config().dtype);
  if (adapter_ && (checkpoint || !options_.merge))
    adapter_->save(folder, std::filesystem::absolute(options_.model).lexically_normal().string());
  else
    (adapter_ ? adapter_->merged(*base_) : *model_).save(folder, type);
  copy_companion_files(options_.model, folder);
}

language_model training_session::load_reference(const std::filesystem::path& folder) const {
  language_model reference = base_ && folder == options_.model
                                 ? *base_
                                 : load_with_adapter(folder, {.device = device(), .check_finite = true});
  if (options_.precision == "bf16") reference.set_compute_type(at::kBFloat16);
  return reference;
}

double training_session::operations_per_token(const std::vector<std::size_t>& lengths) const {
  const double mean = static_cast<double>(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0})) /
                      static_cast<double>(lengths.size());
  // Forward, and as much again for the inputs' gradient and for that of the weights, which adapters do without.
  return (adapter_ ? 2 : 3) * forward_operations(*model_, mean);
}

void training_session::say_plan(const std::vector<std::size_t>& lengths, const objective* held_out,
                                const loop_options& loop, memory_needs needs, double peak) const {
  if (adapter_)
    for (const named_parameter& p : adapter_->parameters())
      needs.adapter += static_cast<std::int64_t>(p.tensor.nbytes());
  const model_config& c = model_->config();
  print(fmt::format(
      "model       {} of {} layers, {} wide, vocabulary {}: {:.2f} million parameters{}", to_string(c.family), c.layers,
      c.hidden, c.vocabulary, static_cast<double>(model_->parameter_count()) / 1e6,
      adapter_ ? fmt::format(", {:.2f} million of adapters trained", static_cast<double>(needs.adapter) / 4e6) : ""));
  const std::size_t tokens = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  print(fmt::format("data        {} samples of {:.0f} tokens on average{}", lengths.size(),
                    static_cast<double>(tokens) / static_cast<double>(lengths.size()),
                    held_out == nullptr ? "" : fmt::format(", {} held out", held_out->size())));
  print(fmt::format("steps       {} of {} samples, in micro-batches of {}; learning rate {:g}, {}, warm-up {}",
                    loop.schedule.steps, options_.batch_size, loop.micro_batch, loop.schedule.learning_rate,
                    options_.schedule, loop.schedule.warmup_steps));
  std::int64_t total = 0;
  for (const auto& [what, bytes] : training_bytes(*model_, needs)) {
    print(fmt::format("{}{:<28}{:>12}", total == 0 ? "memory      " : "            ", what, human_bytes(bytes)));
    total += bytes;
  }
  print(fmt::format("            {:<28}{:>12}", "in all, about", human_bytes(total)));
  const double per_sample = static_cast<double>(tokens) / static_cast<double>(lengths.size());
  const double operations = operations_per_token(lengths) * (needs.recompute ? 4.0 / 3 : 1.0) *
                            (needs.reference_model ? 4.0 / 3 : 1.0) * per_sample *
                            static_cast<double>(options_.batch_size * loop.schedule.steps);
  print(fmt::format("time        about {} at 60 % of the {:.2f} Tflop/s measured for a large product",
                    human_time(operations / (0.6 * peak)), peak / 1e12));
}

int training_session::run(objective& task, objective* held_out, const std::vector<std::size_t>& lengths,
                          const sim::ordered_json& settings, const memory_needs& needs) {
  batch_sequence batches(lengths, {.rows = static_cast<std::size_t>(options_.batch_size)}, options_.seed);
  const loop_options loop = loop_options_of(options_, steps_of(options_, batches.batches_per_epoch()));
  const double peak = measured_peak(device(), options_.precision == "bf16" ? at::kBFloat16 : at::kFloat);
  say_plan(lengths, held_out, loop, needs, peak);
  if (options_.dry_run) return 0;

  sim::ordered_json all = settings_of(options_, command_);
  all.update(settings);
  training_run work{.folder = options_.output,
                    .parameters = trained(),
                    .task = task,
                    .held_out = held_out,
                    .batches = batches,
                    .write_model = [&](const std::filesystem::path& folder) { write(folder, /*checkpoint=*/true); },
                    .settings = all,
                    .operations_per_token = operations_per_token(lengths),
                    .peak_operations = peak,
                    .resume_from = resume_from_};
  const training_outcome outcome = train(work, loop);
  if (outcome.interrupted) {
    print(fmt::format("stopped after step {} of {}, which is saved; the same command with --resume goes on",
                      outcome.step, loop.schedule.steps));
    return 128 + sim::interrupting_signal();
  }
  write(options_.output, /*checkpoint=*/false);
  std::string last;
  for (const auto& [name, value] : outcome.held_out.empty() ? outcome.last : outcome.held_out)
    if (name == "loss" || name == "accuracy") last += fmt::format(", {} {:.4f}", name, value);
  print(fmt::format("{} steps done{}{}: {}", outcome.step, outcome.held_out.empty() ? "" : "; held out", last,
                    options_.output.string()));
  return 0;
}

}  // namespace rto::llm
