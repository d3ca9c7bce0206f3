#include "llm/training/training_log.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include <c10/core/CachingDeviceAllocator.h>

#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

// The lines of steps up to `done`; a last line that was cut by the end of a process goes too.
std::string lines_until(const std::filesystem::path& file, std::int64_t done) {
  std::error_code missing;
  if (done == 0 || !std::filesystem::exists(file, missing)) return "";
  const std::string all = sim::read_file(file);
  std::string kept;
  for (std::size_t from = 0; from < all.size();) {
    const std::size_t end = all.find('\n', from);
    if (end == std::string::npos) break;
    const std::string line = all.substr(from, end - from + 1);
    const auto row = sim::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (row.is_object() && row.value("step", done + 1) <= done) kept += line;
    from = end + 1;
  }
  return kept;
}

double value_of(const metric_values& values, const char* name) {
  const auto it = std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  return it == values.end() ? 0 : it->second;
}

std::string duration(double seconds) {
  const auto s = static_cast<std::int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min", (s + 30) / 60);
  return fmt::format("{} h {:02d} min", s / 3600, s % 3600 / 60);
}

}  // namespace

std::int64_t peak_memory(at::Device device) {
  if (device.is_cuda()) {
    constexpr auto total = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return at::getDeviceAllocator(device.type())->getDeviceStats(device.index()).allocated_bytes[total].peak;
  }
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

training_log::training_log(const std::filesystem::path& folder, std::int64_t done, std::int64_t steps)
    : file_(folder / "metrics.jsonl"),
      board_(folder / "tensorboard", done),
      done_(done),
      steps_(steps),
      terminal_(::isatty(STDERR_FILENO) != 0) {
  sim::write_file(file_, lines_until(file_, done));
  lines_.open(file_, std::ios::app);
  if (!lines_) throw sim::user_error(fmt::format("{}: cannot be written", file_.string()));
}

training_log::~training_log() { clear(); }

void training_log::write(std::int64_t step, const char* kind, const metric_values& values) {
  sim::ordered_json row{{"step", step}, {"kind", kind}};
  std::vector<std::pair<std::string, double>> tagged;
  for (const auto& [name, value] : values) {
    row[name] = value;
    tagged.emplace_back(fmt::format("{}/{}", kind, name), value);
  }
  sim::encode_non_finite(row);
  lines_ << row.dump() << '\n' << std::flush;
  if (!lines_) throw sim::user_error(fmt::format("{}: cannot be written to its end", file_.string()));
  board_.add(step, tagged);
}

void training_log::step(std::int64_t step, const metric_values& values) {
  write(step, "train", values);
  draw(step, values);
}

void training_log::evaluation(std::int64_t step, const metric_values& values) {
  write(step, "eval", values);
  std::string text = fmt::format("step {}: held out:", step);
  for (const auto& [name, value] : values) text += fmt::format(" {} {:.4g}", name, value);
  say(text);
}

void training_log::say(const std::string& text) {
  clear();
  fmt::print(stderr, "{}\n", text);
}

void training_log::draw(std::int64_t step, const metric_values& values) {
  if (!terminal_) return;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double left = seconds / static_cast<double>(step - done_) * static_cast<double>(steps_ - step);
  fmt::print(
      stderr, "\r\033[Kstep {}/{}  loss {:.4f}  rate {:.2e}  gradient {:.2f}  {:.0f} tokens/s  {:.2f} GiB  {} left",
      step, steps_, value_of(values, "loss"), value_of(values, "learning_rate"), value_of(values, "gradient_norm"),
      value_of(values, "tokens_per_second"), value_of(values, "memory_gib"), duration(left));
  std::fflush(stderr);
  drawn_ = true;
}

void training_log::clear() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace rto::llm
