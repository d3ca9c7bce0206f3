#include "llm/checkpoint/checkpoint.hpp"

#include <fmt/format.h>

#include <set>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

using sim::user_error;
namespace fs = std::filesystem;

constexpr const char *single_name = "model.safetensors", *index_name = "model.safetensors.index.json";

/// The shards an index names and what each must hold.
std::map<std::string, std::set<std::string>> read_index(const fs::path& file) {
  const sim::json index = sim::read_json(file);
  const auto fail = [&](const std::string& message) { throw user_error(file.string() + ": " + message); };
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object() ||
      index["weight_map"].empty())
    fail("expected an object with a weight_map of names and files");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string())
      fail(fmt::format("weight_map: \"{}\": expected a file name, found {}", sim::printable(name, 100),
                       sim::describe(shard)));
    const fs::path path(shard.get<std::string>());
    if (path.empty() || path.has_parent_path() || path == "." || path == ".." ||
        path.native().find('\0') != std::string::npos)
      fail(fmt::format("weight_map: \"{}\": expected a file of this folder, found \"{}\"", sim::printable(name, 100),
                       sim::printable(path.string(), 100)));
    shards[path.string()].insert(name);
  }
  return shards;
}

}  // namespace

checkpoint_reader::checkpoint_reader(const fs::path& folder) : name_(folder.string()) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw user_error(fmt::format("{}: expected a folder with a checkpoint, found none", name_));
  if (fs::exists(folder / single_name, ignored)) {
    add(folder / single_name);
    return;
  }
  if (!fs::exists(folder / index_name, ignored)) {
    const bool pickled = fs::exists(folder / "pytorch_model.bin", ignored) ||
                         fs::exists(folder / "pytorch_model.bin.index.json", ignored);
    throw user_error(fmt::format(
        "{}: expected {} or {}, found {}", name_, single_name, index_name,
        pickled ? "pytorch_model.bin, a format that is not read: save the model with safetensors" : "neither"));
  }
  for (const auto& [shard, names] : read_index(folder / index_name)) {
    add(folder / shard);
    for (const std::string& name : names)
      if (!files_.back()->entries().contains(name))
        throw user_error(fmt::format("{}: expected tensor \"{}\" as the index says, found none of that name",
                                     files_.back()->name(), sim::printable(name, 100)));
  }
}

void checkpoint_reader::add(const fs::path& file) {
  files_.push_back(std::make_shared<safetensors_file>(file));
  for (const auto& [name, e] : files_.back()->entries())
    if (!file_of_.emplace(name, files_.back()).second)
      throw user_error(fmt::format("{}: tensor \"{}\" is in {} too", file.string(), sim::printable(name, 100),
                                   file_of_.at(name)->name()));
}

std::vector<std::string> checkpoint_reader::names() const {
  std::vector<std::string> result;
  for (const auto& [name, file] : file_of_) result.push_back(name);
  return result;
}

const safetensors_file::entry& checkpoint_reader::entry(const std::string& name) const {
  return file_of_.at(name)->entries().at(name);
}

at::Tensor checkpoint_reader::tensor(const std::string& name, at::IntArrayRef shape) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end())
    throw user_error(fmt::format("{}: expected tensor \"{}\", found none of that name", name_, name));
  return found->second->tensor(name, shape);
}

void write_checkpoint(const fs::path& folder, const std::vector<named_tensor>& tensors, at::ScalarType dtype,
                      std::uint64_t shard_bytes) {
  sim::make_folder(folder);
  const std::uint64_t width = c10::elementSize(dtype);
  std::vector<std::vector<named_tensor>> shards(1);
  std::uint64_t filled = 0, total = 0;
  for (const named_tensor& t : tensors) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(t.tensor.numel()) * width;
    if (filled > 0 && filled + bytes > shard_bytes) {
      shards.emplace_back();
      filled = 0;
    }
    shards.back().push_back(t);
    filled += bytes;
    total += bytes;
  }
  std::error_code ignored;
  if (const auto space = fs::space(folder, ignored); !ignored && space.available < total)
    throw user_error(fmt::format("{}: cannot be written: {} bytes are needed, {} are free", folder.string(), total,
                                 space.available));
  std::set<std::string> written;
  sim::ordered_json index;
  index["metadata"]["total_size"] = total;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shards.size() == 1 ? std::string(single_name)
                                                : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    write_safetensors(folder / name, shards[i], dtype);
    written.insert(name);
    for (const named_tensor& t : shards[i]) index["weight_map"][t.name] = name;
  }
  if (shards.size() > 1) {
    sim::write_file(folder / index_name, index.dump(2) + "\n");
    written.insert(index_name);
  }
  for (const fs::directory_entry& e : fs::directory_iterator(folder, ignored)) {
    const std::string name = e.path().filename().string();
    const bool weights = name.starts_with("model") && (name.ends_with(".safetensors") || name == index_name);
    if (weights && !written.contains(name)) fs::remove(e.path(), ignored);
  }
}

at::ScalarType scalar_type(const std::string& dtype) {
  if (dtype == "float32") return at::kFloat;
  if (dtype == "float16") return at::kHalf;
  if (dtype == "bfloat16") return at::kBFloat16;
  throw std::invalid_argument("rto::llm::scalar_type: expected float32, float16 or bfloat16, got " + dtype);
}

std::string dtype_name(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return "float32";
    case at::kHalf:
      return "float16";
    case at::kBFloat16:
      return "bfloat16";
    default:
      throw std::invalid_argument("rto::llm::dtype_name: expected float32, float16 or bfloat16");
  }
}

}  // namespace rto::llm
