#pragma once
// Event files that TensorBoard reads.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rto::llm {

/// CRC-32C (Castagnoli) of bytes. \source RFC 3720, 12.1
std::uint32_t crc32c(std::string_view bytes);

/// The checksum of a record: the CRC rotated, so that a CRC of data that holds CRCs is sound.
/// \source TensorFlow, tensorflow/core/lib/hash/crc32c.h (masked CRC)
std::uint32_t masked_crc32c(std::string_view bytes);

/// One file `events.out.tfevents.SECONDS.HOST.PROCESS` of scalars, each record on disk before the call returns.
/// \source TensorFlow, core/util/event.proto and core/lib/io/record_writer.h
class tensorboard_writer {
 public:
  /// \param from_step events of older files in the folder from this step on are superseded
  /// \throws sim::user_error where the file cannot be made
  tensorboard_writer(const std::filesystem::path& folder, std::int64_t from_step);

  /// One event with all values of a step; the tags' slashes make the dashboard's groups.
  /// \throws sim::user_error where the disk is full
  void add(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);

  const std::filesystem::path& file() const { return file_; }

 private:
  void record(const std::string& event);

  std::filesystem::path file_;
  std::ofstream stream_;
};

}  // namespace rto::llm
