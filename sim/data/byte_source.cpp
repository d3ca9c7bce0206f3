#include "sim/data/byte_source.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "sim/io/error.hpp"

namespace rto::sim {

namespace {

constexpr std::size_t block_size = std::size_t{1} << 16;
constexpr std::size_t progress_from = std::size_t{8} << 20;  // bytes on disk; smaller files are read in no time

using clock = std::chrono::steady_clock;

}  // namespace

struct byte_source::state {
  std::string name;
  std::FILE* file = nullptr;
  bool packed = false;
  bool inflating = false;  // inside a gzip member
  bool at_end = false;     // of the file on disk
  z_stream stream{};
  std::array<unsigned char, block_size> block{};

  std::uintmax_t size = 0;  // of the file on disk; 0 when it has none (a pipe)
  std::uintmax_t taken = 0;
  bool shows_progress = false;
  bool shown = false;
  clock::time_point next_report;

  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() {
    if (shown) std::fputs("\r\033[K", stderr);
    if (packed) inflateEnd(&stream);
    if (file != nullptr) std::fclose(file);
  }

  [[noreturn]] void fail(const std::string& message) const { throw user_error(fmt::format("{}: {}", name, message)); }

  // The next block of the file on disk becomes the input.
  void refill() {
    const std::size_t count = std::fread(block.data(), 1, block.size(), file);
    if (count < block.size()) {
      if (std::ferror(file) != 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
      at_end = true;
    }
    taken += count;
    stream.next_in = block.data();
    stream.avail_in = static_cast<uInt>(count);
    if (shows_progress && clock::now() >= next_report) {
      fmt::print(stderr, "\r\033[K{}: {:.0f} % read", name,
                 100.0 * static_cast<double>(taken) / static_cast<double>(size));
      std::fflush(stderr);
      shown = true;
      next_report = clock::now() + std::chrono::seconds(1);
    }
  }

  std::size_t read_plain(char* buffer, std::size_t wanted) {
    if (stream.avail_in == 0 && !at_end) refill();
    const std::size_t count = std::min<std::size_t>(wanted, stream.avail_in);
    std::memcpy(buffer, stream.next_in, count);
    stream.next_in += count;
    stream.avail_in -= static_cast<uInt>(count);
    return count;
  }

  std::size_t read_packed(char* buffer, std::size_t wanted) {
    stream.next_out = reinterpret_cast<unsigned char*>(buffer);
    stream.avail_out = static_cast<uInt>(wanted);
    while (stream.avail_out == wanted) {
      if (stream.avail_in == 0 && !at_end) refill();
      if (stream.avail_in == 0) {
        if (inflating) fail("the gzip data are cut: expected more bytes, found the end of the file");
        return 0;
      }
      if (!inflating) {  // between members: another member, or the zero bytes that some tapes and tools pad with
        if (*stream.next_in == 0) {
          ++stream.next_in, --stream.avail_in;
          continue;
        }
        inflateReset(&stream);
        inflating = true;
      }
      const int status = inflate(&stream, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        inflating = false;
      } else if (status == Z_MEM_ERROR) {
        fail("not enough memory to unpack the gzip data");
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(fmt::format("the gzip data are damaged near byte {}: {}", taken - stream.avail_in,
                         stream.msg != nullptr ? stream.msg : "unexpected bytes"));
      }
    }
    return wanted - stream.avail_out;
  }
};

byte_source::byte_source(const std::filesystem::path& file) : state_(std::make_unique<state>()) {
  state& s = *state_;
  s.name = file.string();
  std::error_code code;
  if (std::filesystem::is_directory(file, code)) s.fail("expected a file, found a folder");
  s.file = std::fopen(file.c_str(), "rb");
  if (s.file == nullptr) s.fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
  if (std::filesystem::is_regular_file(file, code)) s.size = std::filesystem::file_size(file, code);
  if (code) s.size = 0;
  s.shows_progress = s.size >= progress_from && isatty(STDERR_FILENO) != 0;
  s.next_report = clock::now() + std::chrono::seconds(1);

  s.refill();
  s.packed = s.stream.avail_in >= 2 && s.block[0] == 0x1f && s.block[1] == 0x8b;
  if (s.packed) {
    constexpr int gzip_window = 15 + 16;  // the largest window, with a gzip header
    if (inflateInit2(&s.stream, gzip_window) != Z_OK) {
      s.packed = false;
      s.fail("not enough memory to unpack the gzip data");
    }
    s.inflating = true;
  } else if (file.extension() == ".gz" && s.stream.avail_in > 0) {
    s.fail("expected gzip data (the name ends in .gz), found something else");
  }
}

byte_source::~byte_source() = default;
byte_source::byte_source(byte_source&&) noexcept = default;
byte_source& byte_source::operator=(byte_source&&) noexcept = default;

std::size_t byte_source::read(char* buffer, std::size_t size) {
  return state_->packed ? state_->read_packed(buffer, size) : state_->read_plain(buffer, size);
}

const std::string& byte_source::name() const { return state_->name; }

}  // namespace rto::sim
