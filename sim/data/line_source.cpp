#include "sim/data/line_source.hpp"

#include <fmt/format.h>

#include <string_view>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::sim {

namespace {

constexpr std::size_t block_size = std::size_t{1} << 16;
constexpr std::size_t longest_line = std::size_t{1} << 28;

}  // namespace

line_source::line_source(const std::filesystem::path& file) : bytes_(file) {
  while (buffer_.size() < 3 && fill()) {
  }
  const std::string_view start = buffer_;
  if (start.substr(0, 3) == "\xef\xbb\xbf") {
    next_ = 3;
  } else if (start.substr(0, 2) == "\xff\xfe" || start.substr(0, 2) == "\xfe\xff") {
    line_number_ = 1;
    fail("expected UTF-8 text, found UTF-16 (its byte order mark)");
  }
}

std::string line_source::place() const { return fmt::format("{}:{}", name(), line_number_); }

void line_source::fail(const std::string& message) const { throw user_error(fmt::format("{}: {}", place(), message)); }

bool line_source::fill() {
  buffer_.erase(0, next_);
  next_ = 0;
  const std::size_t size = buffer_.size();
  buffer_.resize(size + block_size);
  const std::size_t count = bytes_.read(buffer_.data() + size, block_size);
  buffer_.resize(size + count);
  return count > 0;
}

bool line_source::next(std::string& line) {
  std::size_t searched = 0;  // bytes after next_ that hold no line end
  while (true) {
    const std::size_t end = buffer_.find('\n', next_ + searched);
    if (end != std::string::npos) {
      line.assign(buffer_, next_, end - next_);
      next_ = end + 1;
      break;
    }
    searched = buffer_.size() - next_;
    if (searched > longest_line) {
      ++line_number_;
      fail("expected lines of at most 256 MiB");
    }
    if (!fill()) {
      if (searched == 0) return false;
      line.assign(buffer_, next_, searched);
      next_ = buffer_.size();
      break;
    }
  }
  ++line_number_;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  check(line);
  return true;
}

void line_source::check(const std::string& line) const {
  if (const std::size_t at = line.find('\0'); at != std::string::npos)
    fail(fmt::format("expected text, found a NUL byte at byte {}", at + 1));
  if (const std::size_t at = first_invalid_utf8(line); at != std::string::npos)
    fail(fmt::format("expected UTF-8 text, found byte 0x{:02x} at byte {} of the line",
                     static_cast<unsigned char>(line[at]), at + 1));
}

}  // namespace rto::sim
