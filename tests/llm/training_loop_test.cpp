#include "llm/training/training_loop.hpp"

#include <torch/torch.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "complaint.hpp"
#include "llm/training/run_checkpoint.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/interrupt.hpp"
#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
using rto::llm::test::complaint;

namespace {

constexpr std::size_t count = 24;

// Fits a plane to points; the weight of a point's loss is its own, so that a wrong normalisation would show.
struct plane : objective {
  at::Tensor weight = torch::zeros({1, 3}).requires_grad_(true), bias = torch::zeros({1}).requires_grad_(true);
  at::Tensor x, y, importance;
  double total = 0;
  std::int64_t stop_at = -1, losses = 0;
  double poison = 1;

  plane() {
    const at::Tensor k = torch::arange(static_cast<std::int64_t>(count), torch::kFloat);
    x = torch::stack({torch::sin(k), torch::cos(2 * k), torch::sin(3 * k + 1)}, 1);
    y = x.matmul(torch::tensor({1.0F, -2.0F, 0.5F})) + 3;
    importance = 1 + torch::fmod(k, 5);
  }
  static at::Tensor index(std::span<const std::size_t> samples) {
    std::vector<std::int64_t> all(samples.begin(), samples.end());
    return torch::tensor(all);
  }
  std::size_t size() const override { return count; }
  void begin(std::span<const std::size_t> samples) override {
    total = importance.index_select(0, index(samples)).sum().item<double>();
  }
  at::Tensor loss(std::span<const std::size_t> samples, metric_sums& metrics) override {
    if (++losses == stop_at) rto::sim::interrupt(SIGINT);
    const at::Tensor i = index(samples),
                     error = (x.index_select(0, i).matmul(weight.t()).squeeze(1) + bias - y.index_select(0, i));
    metrics.add("error", error.abs().sum(), static_cast<double>(samples.size()));
    return poison * (importance.index_select(0, i) * error * error).sum() / total;
  }
  std::int64_t tokens(std::size_t) const override { return 3; }
  std::vector<named_tensor> parameters() const { return {{"weight", weight}, {"bias", bias}}; }
};

using folder = rto::test::temporary_folder;

loop_options options(std::size_t micro_batch = 8) {
  return {.schedule = {.kind = schedule_kind::cosine, .learning_rate = 0.2, .steps = 20, .warmup_steps = 3},
          .optimizer = {.weight_decay = 0.01},
          .micro_batch = micro_batch,
          .save_every = 4};
}

// One process's part of a run: a new model and new batches, gone on with where asked.
training_outcome run_part(plane& task, const std::filesystem::path& path, const loop_options& o, bool resume,
                          objective* held_out = nullptr, double setting = 1) {
  batch_sequence batches(std::vector<std::size_t>(count, 1), {.rows = 8}, 7);
  const auto latest = run_checkpoints(path, 1).latest();
  if (resume && latest) {
    const safetensors_file weights(*latest / "model.safetensors");
    for (const auto& [name, p] : task.parameters()) p.detach().copy_(weights.tensor(name, p.sizes()));
  }
  training_run run{.folder = path,
                   .parameters = task.parameters(),
                   .task = task,
                   .held_out = held_out,
                   .batches = batches,
                   .write_model =
                       [&](const std::filesystem::path& to) {
                         write_safetensors(to / "model.safetensors", task.parameters(), at::kFloat);
                       },
                   .settings = {{"beta", setting}},
                   .resume_from = resume ? latest : std::nullopt};
  return train(run, o);
}

std::string metrics_without_times(const std::filesystem::path& path) {
  std::string all;
  std::ifstream file(path / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    auto row = rto::sim::ordered_json::parse(line);
    row.erase("tokens_per_second");
    row.erase("memory_gib");
    all += row.dump() + "\n";
  }
  return all;
}

}  // namespace

TEST_CASE("the loop makes the loss small, and no number depends on the size of micro-batches but by rounding") {
  std::vector<at::Tensor> weights;
  for (const std::size_t micro : {1U, 2U, 3U, 8U}) {
    const folder f;
    plane task;
    const double before = evaluate(task, 5).front().second;
    const training_outcome outcome = run_part(task, f.path(), options(micro), false);
    CHECK(outcome.step == 20);
    CHECK_FALSE(outcome.interrupted);
    CHECK(evaluate(task, 24).front().second < 0.5 * before);
    CHECK(std::abs(evaluate(task, 24).front().second - evaluate(task, 1).front().second) < 1e-5);
    weights.push_back(task.weight.detach().clone());
  }
  for (const at::Tensor& w : weights) CHECK((w - weights.front()).abs().max().item<double>() < 1e-5);
}

TEST_CASE("a run that was stopped and gone on with ends bit for bit like one that was not") {
  const folder whole_folder;
  plane whole;
  const training_outcome want = run_part(whole, whole_folder.path(), options(), false);
  const std::string lines = metrics_without_times(whole_folder.path());
  const folder parts_folder;

  plane first;
  first.stop_at = 6;
  const training_outcome stopped = run_part(first, parts_folder.path(), options(), false);
  CHECK(stopped.interrupted);
  CHECK(stopped.step == 6);
  plane second;
  second.stop_at = 5;
  CHECK(run_part(second, parts_folder.path(), options(), true).step == 11);
  // what a process that was killed leaves: lines after its last checkpoint, a folder half-written
  std::ofstream(parts_folder.path() / "metrics.jsonl", std::ios::app) << "{\"step\":12,\"loss\":1}\n{\"step\":13,\"lo";
  std::filesystem::create_directories(parts_folder.path() / ".half-checkpoint-12");
  plane third;
  const training_outcome got = run_part(third, parts_folder.path(), options(), true);
  CHECK(got.step == 20);
  CHECK(torch::equal(third.weight, whole.weight));
  CHECK(torch::equal(third.bias, whole.bias));
  CHECK(got.last.front() == want.last.front());
  CHECK(metrics_without_times(parts_folder.path()) == lines);
  CHECK_FALSE(std::filesystem::exists(parts_folder.path() / ".half-checkpoint-12"));
}

TEST_CASE("the latest checkpoints are kept, and the best one") {
  const folder f;
  plane task;
  plane held_out;  // never trained: its loss is the same after every step, so the first evaluation is the best
  loop_options o = options();
  o.keep = 2;
  o.evaluate_every = 5;
  const training_outcome outcome = run_part(task, f.path(), o, false, &held_out);
  CHECK(outcome.held_out.front().first == "loss");
  std::vector<std::string> kept;
  for (const auto& entry : std::filesystem::directory_iterator(f.path()))
    if (entry.path().filename().string().starts_with("checkpoint-")) kept.push_back(entry.path().filename().string());
  std::sort(kept.begin(), kept.end());
  CHECK(kept == std::vector<std::string>{"checkpoint-16", "checkpoint-20", "checkpoint-5"});
}

TEST_CASE("a run is gone on with under the settings it was started with") {
  const folder f;
  plane first;
  first.stop_at = 6;
  run_part(first, f.path(), options(), false);
  plane second;
  const std::string message = complaint([&] { run_part(second, f.path(), options(), true, nullptr, 2); });
  CHECK_THAT(message, rto::test::ContainsSubstring("beta = 1.0, which is now 2.0"));
}

TEST_CASE("a loss that is not finite ends the run with the first tensor named, and the checkpoints stay") {
  const folder f;
  plane task;
  task.stop_at = 6;
  run_part(task, f.path(), options(), false);
  plane second;
  second.poison = std::nan("");
  const std::string message = complaint([&] { run_part(second, f.path(), options(), true); });
  CHECK_THAT(message, rto::test::ContainsSubstring("step 7: the loss is nan, first in samples "));
  CHECK_THAT(message, rto::test::ContainsSubstring("the gradient of weight has NaN (3 of 3 entries)"));
  CHECK(run_checkpoints(f.path(), 1).latest()->filename() == "checkpoint-6");

  plane third;
  third.bias.detach().fill_(INFINITY);
  const std::string refused = complaint([&] { run_part(third, f.path(), options(), false); });
  CHECK_THAT(refused, rto::test::ContainsSubstring("bias has infinity (1 of 1 entries)"));
}

TEST_CASE("a checkpoint that the disk has no room for is refused before anything is written") {
  const folder f;
  run_checkpoints checkpoints(f.path(), 1);
  bool wrote = false;
  const std::string message = complaint(
      [&] { checkpoints.save({}, std::uint64_t{1} << 60, [&](const std::filesystem::path&) { wrote = true; }); });
  CHECK_THAT(message, rto::test::ContainsSubstring("MiB free"));
  CHECK_FALSE(wrote);
  CHECK(std::filesystem::is_empty(f.path()));
}

TEST_CASE("a checkpoint that cannot be finished leaves nothing behind, and the one before it whole") {
  const folder f;
  run_checkpoints checkpoints(f.path(), 1);
  checkpoints.save({.step = 1}, 0, [](const std::filesystem::path&) {});
  CHECK_THROWS(checkpoints.save({.step = 2}, 0, [](const std::filesystem::path& to) {
    std::ofstream(to / "half") << "half";
    throw rto::sim::user_error("disk full");
  }));
  CHECK(checkpoints.latest()->filename() == "checkpoint-1");
  CHECK(load_run_state(*checkpoints.latest()).step == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(f.path()), {}) == 1);
}
