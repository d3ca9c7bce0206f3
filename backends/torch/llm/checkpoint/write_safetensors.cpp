#include <fcntl.h>
#include <fmt/format.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "llm/checkpoint/safetensors.hpp"
#include "sim/io/error.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

std::string safetensors_dtype(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    default:
      throw std::invalid_argument("rto::llm::write_safetensors: expected float32, float16 or bfloat16");
  }
}

/// The length and the header, filled up with blanks so that the tensors begin at a multiple of 64 bytes of the file:
/// then a mapping of it is aligned for every kernel.
std::string header_of(const std::vector<named_tensor>& tensors, at::ScalarType dtype) {
  sim::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t place = 0;
  for (const named_tensor& t : tensors) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(t.tensor.numel()) * c10::elementSize(dtype);
    header[t.name] = {{"dtype", safetensors_dtype(dtype)},
                      {"shape", t.tensor.sizes().vec()},
                      {"data_offsets", {place, place + bytes}}};
    place += bytes;
  }
  std::string text = header.dump();
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return length + text;
}

/// A file written beside its target; gone again unless it is kept.
class aside {
 public:
  explicit aside(std::filesystem::path target)
      : target_(std::move(target)), path_(fmt::format("{}.{}.part", target_.string(), ::getpid())) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(errno);
  }
  aside(const aside&) = delete;
  aside& operator=(const aside&) = delete;
  ~aside() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }
  void write(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t wrote = ::write(descriptor_, data, size);
      if (wrote < 0 && errno != EINTR) fail(errno);
      if (wrote > 0) {
        data += wrote;
        size -= static_cast<std::size_t>(wrote);
      }
    }
  }
  void keep() {
    // On the disk before it takes the place of the old one: a machine that stops leaves one of the two.
    int error = ::fsync(descriptor_) != 0 && errno != EINVAL ? errno : 0;
    if (::close(descriptor_) != 0 && error == 0) error = errno;
    descriptor_ = -1;
    if (error == 0 && ::rename(path_.c_str(), target_.c_str()) != 0) error = errno;
    if (error != 0) fail(error);
    kept_ = true;
  }

 private:
  [[noreturn]] void fail(int error) const {
    throw user_error(
        fmt::format("{}: cannot be written: {}", target_.string(), std::generic_category().message(error)));
  }
  std::filesystem::path target_, path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

}  // namespace

std::uint64_t safetensors_size(const std::vector<named_tensor>& tensors, at::ScalarType dtype) {
  std::uint64_t bytes = header_of(tensors, dtype).size();
  for (const named_tensor& t : tensors) bytes += static_cast<std::uint64_t>(t.tensor.numel()) * c10::elementSize(dtype);
  return bytes;
}

void write_safetensors(const std::filesystem::path& file, const std::vector<named_tensor>& tensors,
                       at::ScalarType dtype) {
  const at::NoGradGuard no_gradients;
  const std::string header = header_of(tensors, dtype);
  std::error_code unknown;
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const auto space = std::filesystem::space(folder, unknown);
  if (const std::uint64_t bytes = safetensors_size(tensors, dtype); !unknown && space.available < bytes)
    throw user_error(
        fmt::format("{}: cannot be written: {} bytes are needed, {} are free", file.string(), bytes, space.available));
  aside out(file);
  out.write(header.data(), header.size());
  for (const named_tensor& t : tensors) {
    const at::Tensor x = t.tensor.detach().to(at::kCPU, dtype).contiguous();
    out.write(static_cast<const char*>(x.const_data_ptr()), x.nbytes());
  }
  out.keep();
}

}  // namespace rto::llm
