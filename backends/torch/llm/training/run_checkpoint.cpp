#include "llm/training/run_checkpoint.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <string>

#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using std::filesystem::path;

constexpr const char* state_file = "training_state.json";
constexpr const char* prefix = "checkpoint-";
constexpr const char* half_written = ".half-";  // before a checkpoint's name: being written, or being removed

std::optional<std::int64_t> step_of(const path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(prefix)) return std::nullopt;
  const char* begin = name.data() + std::char_traits<char>::length(prefix);
  const char* end = name.data() + name.size();
  std::int64_t step = 0;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end) return std::nullopt;
  return step;
}

std::map<std::int64_t, path> checkpoints_in(const path& folder) {
  std::map<std::int64_t, path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (const auto step = step_of(entry.path()); step && std::filesystem::exists(entry.path() / state_file, error))
      found.emplace(*step, entry.path());
  return found;
}

std::string hexadecimal_bytes(const at::Tensor& bytes) {
  std::string text;
  for (std::int64_t i = 0; i < bytes.numel(); ++i)
    text += fmt::format("{:02x}", bytes.const_data_ptr<std::uint8_t>()[i]);
  return text;
}

at::Tensor bytes_of(const std::string& text, const path& file) {
  at::Tensor bytes = at::empty({static_cast<std::int64_t>(text.size() / 2)}, at::kByte);
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const char* from = text.data() + i;
    if (std::from_chars(from, from + 2, bytes.mutable_data_ptr<std::uint8_t>()[i / 2], 16).ptr != from + 2)
      throw sim::user_error(fmt::format("{}: generators: expected hexadecimal digits", file.string()));
  }
  return bytes;
}

std::map<std::string, at::Generator> generators() {
  std::map<std::string, at::Generator> all{{"cpu", at::globalContext().defaultGenerator(at::kCPU)}};
  if (at::hasCUDA()) all.emplace("cuda", at::globalContext().defaultGenerator(at::kCUDA));
  return all;
}

void remove_folder(const path& folder) {
  const path aside = folder.parent_path() / (half_written + folder.filename().string());
  std::error_code error;
  std::filesystem::rename(folder, aside, error);
  std::filesystem::remove_all(error ? folder : aside, error);
}

}  // namespace

std::optional<path> run_checkpoints::latest() const {
  const auto all = checkpoints_in(folder_);
  if (all.empty()) return std::nullopt;
  return all.rbegin()->second;
}

void run_checkpoints::clean() const {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error))
    if (entry.path().filename().string().starts_with(half_written)) std::filesystem::remove_all(entry.path(), error);
}

void run_checkpoints::save(const run_state& state, std::uint64_t bytes, const std::function<void(const path&)>& write) {
  const path target = folder_ / fmt::format("{}{}", prefix, state.step);
  const path aside = folder_ / (half_written + target.filename().string());
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  require_disk_space(folder_, bytes);
  sim::make_folder(aside);
  try {
    write(aside);
    sim::ordered_json document{{"format", "rto-llm-run/1"},
                               {"step", state.step},
                               {"epoch", state.cursor.epoch},
                               {"batch", state.cursor.position},
                               {"tokens", state.tokens},
                               {"best_step", state.best_step},
                               {"best_loss", sim::number(state.best_loss)},
                               {"settings", state.settings}};
    for (auto& [device, generator] : generators()) {
      const std::lock_guard lock(generator.mutex());
      document["generators"][device] = hexadecimal_bytes(generator.get_state());
    }
    sim::write_file(aside / state_file, document.dump(1) + "\n");
    if (std::filesystem::exists(target)) remove_folder(target);
    std::filesystem::rename(aside, target);
  } catch (...) {
    std::filesystem::remove_all(aside, error);
    throw;
  }
  prune(state);
}

void run_checkpoints::prune(const run_state& state) const {
  auto all = checkpoints_in(folder_);
  for (auto it = all.begin(); static_cast<std::int64_t>(std::distance(it, all.end())) > keep_; ++it)
    if (it->first != state.best_step) remove_folder(it->second);
}

run_state load_run_state(const path& checkpoint) {
  const path file = checkpoint / state_file;
  const sim::ordered_json document = sim::read_ordered_json(file);
  run_state state;
  try {
    if (document.at("format") != "rto-llm-run/1")
      throw sim::user_error(fmt::format("{}: expected the format rto-llm-run/1", file.string()));
    document.at("step").get_to(state.step);
    document.at("epoch").get_to(state.cursor.epoch);
    document.at("batch").get_to(state.cursor.position);
    document.at("tokens").get_to(state.tokens);
    document.at("best_step").get_to(state.best_step);
    state.best_loss = sim::to_number(document.at("best_loss"), "best_loss");
    state.settings = document.at("settings");
    for (auto& [device, generator] : generators()) {
      if (!document.at("generators").contains(device)) continue;  // saved on a machine without one
      const std::lock_guard lock(generator.mutex());
      generator.set_state(bytes_of(document.at("generators").at(device).get<std::string>(), file));
    }
  } catch (const nlohmann::json::exception& e) {
    throw sim::user_error(fmt::format("{}: not the state of a run: {}", file.string(), e.what()));
  }
  return state;
}

void require_same_settings(const sim::ordered_json& was, const sim::ordered_json& is, const path& checkpoint) {
  const auto text = [](const sim::ordered_json& settings, const std::string& key) {
    return settings.contains(key) ? settings.at(key).dump() : std::string("not set");
  };
  const auto compare = [&](const sim::ordered_json& of) {
    for (const auto& [key, unused] : of.items())
      if (text(was, key) != text(is, key))
        throw sim::user_error(
            fmt::format("{}: the run was started with {} = {}, which is now {}: go on with the same "
                        "settings, or start anew in another folder",
                        checkpoint.string(), key, text(was, key), text(is, key)));
  };
  compare(was);
  compare(is);
}

void require_disk_space(const path& folder, std::uint64_t bytes) {
  std::error_code error;
  path place = std::filesystem::absolute(folder, error);
  while (!place.empty() && !std::filesystem::exists(place, error) && place != place.parent_path())
    place = place.parent_path();
  const auto space = std::filesystem::space(place, error);
  if (error) return;  // a file system that does not say: writing will
  // A little for the small files and the file system's own needs.
  const std::uint64_t needed = bytes + bytes / 64 + (1U << 20);
  if (space.available < needed)
    throw sim::user_error(fmt::format("{}: a checkpoint needs {:.1f} MiB, the disk has {:.1f} MiB free",
                                      folder.string(), static_cast<double>(needed) / (1 << 20),
                                      static_cast<double>(space.available) / (1 << 20)));
}

}  // namespace rto::llm
