#include "sim/io/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "sim/io/error.hpp"

namespace rto::sim {
namespace {

std::string why(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail(const std::filesystem::path& file, const char* what, int error) {
  throw user_error(fmt::format("{}: {}: {}", file.string(), what, why(error)));
}

}  // namespace

std::string read_file(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    throw user_error(fmt::format("{}: expected a file, found a folder", file.string()));
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(file, "cannot be read", errno);
  // zlib passes a file that is not gzip through unchanged.
  gzFile stream = gzdopen(descriptor, "rb");
  if (stream == nullptr) {
    ::close(descriptor);
    fail(file, "cannot be read", ENOMEM);
  }
  gzbuffer(stream, 1U << 18);
  std::string content;
  std::string chunk(1U << 18, '\0');
  int got = 0;
  while ((got = gzread(stream, chunk.data(), static_cast<unsigned>(chunk.size()))) > 0)
    content.append(chunk, 0, static_cast<std::size_t>(got));
  int code = Z_OK;
  const std::string message = gzerror(stream, &code);
  const int system_error = errno;
  const int closed = gzclose_r(stream);
  if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
    if (code == Z_ERRNO) fail(file, "cannot be read", system_error);
    throw user_error(fmt::format("{}: expected a whole gzip stream, found a damaged one after {} bytes of text",
                                 file.string(), content.size()));
  }
  if (closed == Z_BUF_ERROR)
    throw user_error(fmt::format("{}: expected a whole gzip stream, found one that is cut after {} bytes of text",
                                 file.string(), content.size()));
  return content;
}

void write_file(const std::filesystem::path& file, std::string_view content) {
  // Devices and pipes cannot be renamed onto; they are written as they are.
  struct stat info {};
  const bool exists = ::stat(file.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) fail(file, "cannot be written", EISDIR);
  const bool aside = !exists || S_ISREG(info.st_mode);
  std::filesystem::path target = file;
  if (aside && exists) {
    std::error_code error;
    if (const auto real = std::filesystem::canonical(file, error); !error) target = real;  // keep a symbolic link
  }
  const std::filesystem::path path =
      aside ? std::filesystem::path(fmt::format("{}.{}.part", target.string(), ::getpid())) : target;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | (aside ? O_CREAT | O_TRUNC : 0),
                                S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
  if (descriptor < 0) fail(file, "cannot be written", errno);
  int error = 0;
  while (!content.empty() && error == 0) {
    const ssize_t wrote = ::write(descriptor, content.data(), content.size());
    if (wrote >= 0) {
      content.remove_prefix(static_cast<std::size_t>(wrote));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  // Some file systems report a full disk only here.
  if (::close(descriptor) != 0 && error == 0) error = errno;
  if (error == 0 && aside && ::rename(path.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    if (aside) ::unlink(path.c_str());
    fail(file, "cannot be written", error);
  }
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw user_error(fmt::format("{}: the folder cannot be made: {}", folder.string(), error.message()));
  if (!std::filesystem::is_directory(folder, error))
    throw user_error(fmt::format("{}: expected a folder, found a file", folder.string()));
}

std::uint64_t digest(std::string_view bytes, std::uint64_t start) {
  std::uint64_t hash = start;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace rto::sim
