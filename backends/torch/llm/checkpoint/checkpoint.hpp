#pragma once
// The weights of a checkpoint folder: one safetensors file, or several with an index.
#include <memory>

#include "llm/checkpoint/safetensors.hpp"

namespace rto::llm {

class checkpoint_reader {
 public:
  /// Opens `model.safetensors`, or the shards that `model.safetensors.index.json` names.
  /// \throws sim::user_error for a folder without either, an index that names a file outside the folder or a tensor
  ///   that its shard has not, a tensor in two shards, and as `safetensors_file`
  explicit checkpoint_reader(const std::filesystem::path& folder);

  bool contains(const std::string& name) const { return file_of_.contains(name); }
  std::vector<std::string> names() const;
  const safetensors_file::entry& entry(const std::string& name) const;
  /// Name of the file that holds a tensor, for messages.
  const std::string& file(const std::string& name) const { return file_of_.at(name)->name(); }
  /// Without a copy. \throws sim::user_error as `safetensors_file::tensor`, and where no file has it
  at::Tensor tensor(const std::string& name, at::IntArrayRef shape) const;
  const std::string& name() const { return name_; }

 private:
  void add(const std::filesystem::path& file);

  std::string name_;
  std::vector<std::shared_ptr<safetensors_file>> files_;
  std::map<std::string, std::shared_ptr<safetensors_file>> file_of_;
};

/// Writes tensors into `folder`, made if need be: `model.safetensors`, or shards of at most `shard_bytes` and an index.
/// Every file is written aside; files of an earlier checkpoint that are no longer part of it are removed at the end.
/// \throws sim::user_error where the disk is too small for all of it (before anything is written) or a file cannot be
///   written
void write_checkpoint(const std::filesystem::path& folder, const std::vector<named_tensor>& tensors,
                      at::ScalarType dtype, std::uint64_t shard_bytes = 5'000'000'000);

/// `float32` <-> at::kFloat, and so on. \throws std::invalid_argument for other types
at::ScalarType scalar_type(const std::string& dtype);
std::string dtype_name(at::ScalarType type);

}  // namespace rto::llm
