#pragma once
// The file format of weights: eight bytes of length, a JSON header, the tensors' bytes.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace rto::llm {

struct named_tensor {
  std::string name;
  at::Tensor tensor;
};

/// A safetensors file, mapped into memory. Its tensors are the mapping itself: nothing is read before it is used, and
/// what is written to a tensor stays in memory (the pages become private), never in the file. Tensors keep the mapping
/// alive. The file must not be truncated while it is mapped; writers here write aside and rename, which keeps it whole.
/// \source the format's specification (Hugging Face safetensors), whose reference reader refuses the same
class safetensors_file {
 public:
  struct entry {
    std::string dtype;  // F32, BF16, ...
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // bytes, within the data
  };

  /// \throws sim::user_error `model.safetensors: ...` for a file that is missing, cut, or whose header is too long, not
  ///   JSON, names a tensor twice, or has tensors that overlap, leave gaps, lie outside or do not fill their bytes
  explicit safetensors_file(const std::filesystem::path& file);

  const std::string& name() const { return name_; }
  const std::map<std::string, entry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// One of float32, float16, bfloat16, of the shape expected. \throws sim::user_error `file: tensor "x": expected
  /// shape [4, 2], found [2, 4]`, and for other types
  at::Tensor tensor(const std::string& name, at::IntArrayRef shape) const;

 private:
  struct mapping;
  void read_header();
  void check_places(std::uint64_t bytes) const;
  [[noreturn]] void fail(const std::string& message) const;

  std::string name_;
  std::shared_ptr<mapping> mapping_;
  std::uint64_t data_ = 0;  // where the tensors' bytes begin
  std::map<std::string, entry> entries_;
  std::map<std::string, std::string> metadata_;
};

/// Bytes that `write_safetensors` writes.
std::uint64_t safetensors_size(const std::vector<named_tensor>& tensors, at::ScalarType dtype);

/// Writes tensors (any device and floating-point type) as `dtype`, aside and renamed.
/// \throws sim::user_error where the disk is too small or the file cannot be written; then nothing is left behind
void write_safetensors(const std::filesystem::path& file, const std::vector<named_tensor>& tensors,
                       at::ScalarType dtype);

/// `[4, 2]`
std::string describe_shape(at::IntArrayRef shape);

}  // namespace rto::llm
