#include "sim/engine/store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "sim/engine/code.hpp"
#include "sim/io/file.hpp"

namespace rto::sim {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, int error) {
  throw user_error(fmt::format("{}: cannot be written: {}", file.string(), std::generic_category().message(error)));
}

}  // namespace

folder_lock::folder_lock(const std::filesystem::path& folder) {
  make_folder(folder);
  const std::filesystem::path file = folder / ".lock";
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(file, errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(descriptor_);
    if (error == EWOULDBLOCK)
      throw user_error(fmt::format("{}: another rto-sim is writing here; wait for it or choose another --out folder",
                                   folder.string()));
    fail(file, error);
  }
}

folder_lock::~folder_lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

replicate_store::replicate_store(const std::filesystem::path& folder, const std::string& claim, int revision,
                                 std::uint64_t seed, access mode)
    : file_(folder / "replicates" / code_key() / (claim + ".jsonl")), revision_(revision), seed_(seed) {
  if (mode == access::append) make_folder(file_.parent_path());
  std::error_code ignored;
  std::string content;
  if (std::filesystem::exists(file_, ignored)) content = read_file(file_);
  const std::size_t whole = content.rfind('\n') + 1;  // 0 without any; what follows is a line that a kill has cut
  for (std::size_t start = 0; start < whole;) {
    const std::size_t end = content.find('\n', start);
    const json line = json::parse(content.begin() + static_cast<std::ptrdiff_t>(start),
                                  content.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    start = end + 1;
    if (!line.is_object() || !line.contains("cell") || !line["cell"].is_string()) continue;
    const std::string cell = line["cell"].get<std::string>();
    if (line.contains("point")) cells_.insert(cell);
    if (!line.contains("outcome") || line.value("seed", std::uint64_t{0}) != seed) continue;
    kept_[{cell, line.value("replicate", std::int64_t{-1})}] = {line["outcome"], line.value("seconds", 0.0)};
  }
  if (mode == access::read_only) return;
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail(file_, errno);
  if (whole != content.size() && ::ftruncate(descriptor_, static_cast<off_t>(whole)) != 0) fail(file_, errno);
}

replicate_store::~replicate_store() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string replicate_store::key(const std::string& point) const {
  return hexadecimal(digest(point, digest(fmt::format("revision {}\n", revision_))));
}

std::optional<kept_replicate> replicate_store::find(const std::string& point, std::int64_t replicate) const {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find({key(point), replicate});
  if (found == kept_.end()) return std::nullopt;
  return found->second;
}

void replicate_store::add(const std::string& point, std::int64_t replicate, const kept_replicate& kept) {
  const std::string cell = key(point);
  const std::string line = fmt::format(R"({{"cell":"{}","seed":{},"replicate":{},"seconds":{:.6f},"outcome":{}}})"
                                       "\n",
                                       cell, seed_, replicate, kept.seconds, kept.outcome.dump());
  const std::lock_guard lock(mutex_);
  if (cells_.contains(cell)) {
    append(line);
  } else {
    append(fmt::format(R"({{"cell":"{}","point":{}}})"
                       "\n",
                       cell, point) +
           line);
    cells_.insert(cell);
  }
}

void replicate_store::append(const std::string& lines) {
  struct stat before {};
  if (::fstat(descriptor_, &before) != 0) fail(file_, errno);
  std::size_t done = 0;
  while (done < lines.size()) {
    const ssize_t wrote = ::write(descriptor_, lines.data() + done, lines.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const int error = wrote < 0 ? errno : ENOSPC;
      // Best effort: should this fail too, the next run drops the cut line.
      if (::ftruncate(descriptor_, before.st_size) != 0) fail(file_, error);
      fail(file_, error);
    }
    done += static_cast<std::size_t>(wrote);
  }
}

}  // namespace rto::sim
