#include "llm/online/online_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "llm/training/run_checkpoint.hpp"
#include "llm/training/training_log.hpp"
#include "sim/io/file.hpp"
#include "sim/io/interrupt.hpp"

namespace rto::llm {
namespace {

double value_of(const metric_values& values, const char* name) {
  const auto it = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  return it == values.end() ? 0 : it->second;
}

}  // namespace

online_outcome run_online(online_run& run) {
  sim::make_folder(run.folder);
  run_checkpoints checkpoints(run.folder, run.keep);
  checkpoints.clean();
  run_state state;
  if (run.resume_from) {
    state = load_run_state(*run.resume_from);
    require_same_settings(state.settings, run.settings, *run.resume_from);
    run.trainer.load(*run.resume_from);
  }
  state.settings = run.settings;
  const std::uint64_t bytes = run.trainer.bytes();
  require_disk_space(run.folder, bytes);
  std::int64_t saved = run.resume_from ? state.step : -1;
  const auto save = [&] {
    checkpoints.save(state, bytes, [&](const std::filesystem::path& folder) {
      run.write_models(folder);
      run.trainer.save(folder);
    });
    saved = state.step;
  };

  const sim::signal_guard signals;
  training_log log(run.folder, state.step, run.iterations);
  online_outcome outcome;
  while (state.step < run.iterations) {
    const auto start = std::chrono::steady_clock::now();
    online_iteration done = run.trainer.iterate();
    if (run.show) run.show(state.step + 1, done);
    ++state.step;
    state.tokens += done.tokens;
    state.cursor = run.trainer.cursor();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    done.metrics.insert(done.metrics.end(), {{"tokens", static_cast<double>(state.tokens)},
                                             {"tokens_per_second", static_cast<double>(done.tokens) / seconds},
                                             {"memory_gib", static_cast<double>(peak_memory(run.device)) / (1 << 30)}});
    log.step(state.step, done.metrics);
    for (const std::string& warning : done.warnings) log.say(fmt::format("iteration {}: {}", state.step, warning));
    outcome.last = std::move(done.metrics);
    const bool last = state.step == run.iterations;
    outcome.over_budget = run.kl_budget && value_of(outcome.last, "kl_k1") > *run.kl_budget;
    outcome.interrupted = sim::interrupted() && !last;
    if (last || outcome.over_budget || outcome.interrupted || (run.save_every > 0 && state.step % run.save_every == 0))
      save();
    if (outcome.over_budget || outcome.interrupted) break;
  }
  if (saved != state.step) save();  // a run of no iterations
  outcome.iteration = state.step;
  return outcome;
}

}  // namespace rto::llm
