#pragma once
// The bytes of a file as a stream, a gzip file unpacked on the way, so that a large file never lies in memory whole.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace rto::sim {

/// Reads a plain or a gzip file (told by its first two bytes; several gzip members one after the other are one stream,
/// as `gzip` has it). While a person waits at a terminal, it says every second on standard error how far it is.
class byte_source {
 public:
  /// \throws user_error when the file is missing, a folder or unreadable, or is named .gz and is not gzip
  explicit byte_source(const std::filesystem::path& file);
  ~byte_source();
  byte_source(byte_source&&) noexcept;
  byte_source& operator=(byte_source&&) noexcept;

  /// Fills `buffer` with up to `size` unpacked bytes. \returns how many; 0 only at the end of the file.
  /// \throws user_error for a read error, and for a gzip stream that is cut, damaged or followed by other bytes
  std::size_t read(char* buffer, std::size_t size);

  /// The file's name as messages give it.
  const std::string& name() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace rto::sim
