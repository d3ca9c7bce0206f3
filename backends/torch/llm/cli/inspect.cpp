// rto-llm inspect: what a checkpoint is, from its headers.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>
#include <memory>

#include "llm/model/language_model.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

struct inspect_options {
  std::string folder;
  bool json = false, check = false;
};

std::string positions_of(const model_config& c) {
  const std::string rotated =
      fmt::format("rotary, {} of {} dimensions, theta {:g}", c.rotary_size, c.head_size, c.rope_theta);
  switch (c.positions) {
    case position_kind::learned:
      return "learned";
    case position_kind::rotary:
      return rotated;
    case position_kind::rotary_linear:
      return fmt::format("{}, divided by {:g}", rotated, c.rope_factor);
    case position_kind::rotary_llama3:
      return fmt::format("{}, llama3 scaling by {:g} from {} positions", rotated, c.rope_factor,
                         c.rope_original_context);
  }
  return rotated;
}

std::string human(std::uint64_t bytes) {
  const double b = static_cast<double>(bytes);
  return b < 1 << 20   ? fmt::format("{:.1f} KiB", b / 1024)
         : b < 1 << 30 ? fmt::format("{:.1f} MiB", b / (1 << 20))
                       : fmt::format("{:.2f} GiB", b / (1 << 30));
}

ordered_json describe(const std::filesystem::path& folder, const model_config& c, const language_model& model) {
  const checkpoint_reader reader(folder);
  std::map<std::string, std::uint64_t> bytes, tensors;
  for (const std::string& name : reader.names()) {
    const safetensors_file::entry& e = reader.entry(name);
    bytes[e.dtype] += e.end - e.begin;
    ++tensors[e.dtype];
  }
  ordered_json out;
  out["architecture"] = class_name(c.family, c.labels > 0);
  out["parameters"] = model.parameter_count();
  for (const auto& [type, n] : bytes) out["stored"][type] = {{"tensors", tensors[type]}, {"bytes", n}};
  out["layers"] = c.layers;
  out["hidden"] = c.hidden;
  out["intermediate"] = c.intermediate;
  out["heads"] = c.heads;
  out["key_value_heads"] = c.key_value_heads;
  out["head_size"] = c.head_size;
  out["vocabulary"] = c.vocabulary;
  out["context"] = c.context;
  out["positions"] = positions_of(c);
  out["activation"] = to_string(c.act);
  out["normalisation"] =
      fmt::format("{}, epsilon {:g}", c.root_mean_square_norm() ? "RMSNorm" : "LayerNorm", c.norm_epsilon);
  out["residual"] = c.parallel_residual ? "parallel" : "sequential";
  if (c.labels > 0)
    out["head"] = fmt::format("{} score{}", c.labels, c.labels == 1 ? "" : "s");
  else
    out["head"] = c.tied ? "tied to the embedding" : "untied";
  out["end_tokens"] = c.end_tokens;
  out["cache_bytes_per_token"] = kv_cache::bytes(c, 1, 1, at::kFloat);
  return out;
}

int inspect(const inspect_options& o) {
  const std::filesystem::path folder(o.folder);
  const model_config c = read_model_config(folder);
  // Names, shapes and types of everything are checked; on this device tensors have no memory.
  const language_model model = language_model::load(folder, {.device = at::kMeta, .check_finite = o.check});
  const ordered_json facts = describe(folder, c, model);
  if (o.json) {
    fmt::print("{}\n", facts.dump(2));
    return 0;
  }
  for (const auto& [name, value] : facts.items()) {
    if (name == "stored")
      for (const auto& [dtype, stored] : value.items())
        fmt::print("{:<22} {} in {} tensors, {}\n", "stored", dtype, stored["tensors"].get<std::uint64_t>(),
                   human(stored["bytes"].get<std::uint64_t>()));
    else
      fmt::print("{:<22} {}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  if (o.check) fmt::print("{:<22} all weights are finite\n", "checked");
  return 0;
}

const sim::registered_command command{
    "inspect", "Show what a checkpoint is: architecture, parameters, bytes by type, configuration",
    [](CLI::App& app) {
      auto options = std::make_shared<inspect_options>();
      app.add_option("FOLDER", options->folder, "A Hugging Face checkpoint: config.json and safetensors")->required();
      app.add_flag("--json", options->json, "Print JSON");
      app.add_flag("--check", options->check, "Read all weights and refuse NaN and infinity");
      return [options] { return inspect(*options); };
    },
    10};

}  // namespace
}  // namespace rto::llm
