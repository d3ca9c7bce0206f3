#include "sim/engine/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace rto::sim {
namespace {

std::string duration(double seconds) {
  if (seconds < 1) return "< 1 s";
  if (seconds < 100) return fmt::format("{:.0f} s", seconds);
  if (seconds < 6000) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

progress::progress(std::vector<part> parts, int threads, bool quiet)
    : parts_(std::move(parts)), threads_(threads), quiet_(quiet), terminal_(!quiet && ::isatty(STDERR_FILENO) != 0) {
  for (const part& p : parts_) {
    if (p.kept == p.total) announce(p);
  }
  if (!terminal_) return;
  ticker_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::milliseconds(250), [this] { return ended_; })) draw();
  });
}

progress::~progress() { clear(); }

void progress::clear() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  if (ticker_.joinable()) ticker_.join();
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

void progress::finished(std::size_t index, double seconds) {
  const std::lock_guard lock(mutex_);
  part& p = parts_[index];
  ++p.done;
  p.seconds += seconds;
  if (p.kept + p.done == p.total) announce(p);
}

void progress::announce(const part& p) {
  if (quiet_) return;
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
  std::fputs(fmt::format("{:<18} {:>8} replicates{}{}\n", p.name, p.total,
                         p.done > 0 ? fmt::format(", {:.1f} s of computing", p.seconds) : "",
                         p.kept > 0 ? fmt::format(", {} kept from before", p.kept) : "")
                 .c_str(),
             stderr);
}

double progress::seconds_left() const {
  double spent = 0, done = 0;
  for (const part& p : parts_) {
    spent += p.seconds;
    done += static_cast<double>(p.done);
  }
  if (done == 0) return std::nan("");
  double left = 0;
  for (const part& p : parts_) {
    const double each = p.done > 0 ? p.seconds / static_cast<double>(p.done) : spent / done;
    left += each * static_cast<double>(p.total - p.kept - p.done);
  }
  return left / threads_;
}

void progress::draw() {
  std::size_t done = 0, total = 0;
  std::string current;
  for (const part& p : parts_) {
    done += p.kept + p.done;
    total += p.total;
    if (current.empty() && p.kept + p.done < p.total)
      current = fmt::format("{} {}/{}", p.name, p.kept + p.done, p.total);
  }
  if (total == 0 || current.empty()) return;
  const double left = seconds_left();
  const int cells = 24, full = static_cast<int>(cells * done / total);
  std::fputs(fmt::format("\r\x1b[K[{}{}] {:3.0f} %  {}{}", std::string(static_cast<std::size_t>(full), '='),
                         std::string(static_cast<std::size_t>(cells - full), ' '),
                         100.0 * static_cast<double>(done) / static_cast<double>(total), current,
                         std::isnan(left) ? "" : fmt::format("  about {} left", duration(left)))
                 .c_str(),
             stderr);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace rto::sim
