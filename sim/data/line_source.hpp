#pragma once
// The lines of a text file, one after the other, checked to be UTF-8 text.
#include <cstddef>
#include <string>

#include "sim/data/byte_source.hpp"

namespace rto::sim {

/// Lines end with LF or CR LF; a byte order mark at the start of the file is dropped; the last line needs no end.
class line_source {
 public:
  /// \throws user_error as `byte_source` does
  explicit line_source(const std::filesystem::path& file);

  /// Reads the next line, without its end, into `line`. \returns false at the end of the file.
  /// \throws user_error `file:line: ...` for a NUL byte, for what is not UTF-8 and for a line above 256 MiB
  bool next(std::string& line);

  /// Number of the line that `next` gave last, from 1.
  std::size_t line_number() const { return line_number_; }
  const std::string& name() const { return bytes_.name(); }
  /// `file:12`
  std::string place() const;
  /// \throws user_error `file:12: message`
  [[noreturn]] void fail(const std::string& message) const;

 private:
  bool fill();
  void check(const std::string& line) const;

  byte_source bytes_;
  std::string buffer_;
  std::size_t next_ = 0;  // in the buffer
  std::size_t line_number_ = 0;
};

}  // namespace rto::sim
