#include "sim/engine/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace rto::sim {
namespace {

// A run that takes less than this needs no announcement; after so much patience a first guess is made, once every claim
// has been tried.
constexpr double long_run = 30, patience = 20;

}  // namespace

progress::progress(std::vector<claim_load> claims, int threads, bool quiet)
    : claims_(std::move(claims)), threads_(threads), quiet_(quiet), terminal_(!quiet && ::isatty(STDERR_FILENO) != 0) {
  for (const claim_load& c : claims_) {
    if (c.kept() == c.total()) announce(c);
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
  print("");
}

void progress::joined(int threads) {
  const std::lock_guard lock(mutex_);
  threads_ += threads;
}

void progress::finished(std::size_t claim, std::size_t cell, double seconds) {
  const std::lock_guard lock(mutex_);
  claim_load& of = claims_[claim];
  cell_load& in = of.cells[cell];
  ++in.done;
  in.seconds += seconds;
  if (of.kept() + of.done() == of.total()) announce(of);
  foretell();
}

// A line of its own, in the place of the one that is redrawn.
void progress::print(const std::string& line) {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
  std::fputs(line.c_str(), stderr);
}

void progress::announce(const claim_load& claim) {
  if (quiet_) return;
  print(fmt::format(
      "{:<18} {:>8} replicates{}{}\n", claim.name, claim.total(),
      claim.done() > 0 ? fmt::format(", {:.1f} s of computing", claim.seconds() - claim.seconds_kept()) : "",
      claim.kept() > 0 ? fmt::format(", {} kept from before", claim.kept()) : ""));
}

// Said when every cell has been tried, and before that once, as a guess, when patience ends.
void progress::foretell() {
  if (quiet_ || foretold_ == foretold::surely) return;
  const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const bool sure = measured(claims_);
  if (!sure && (foretold_ != foretold::nothing || passed < patience || !tried(claims_))) return;
  foretold_ = sure ? foretold::surely : foretold::guess;
  const double left = seconds_left(claims_) / threads_;
  if (std::isnan(left) || passed + left < long_run) return;
  std::vector<std::pair<double, std::string>> longest;
  for (const claim_load& c : claims_) {
    const double of_claim = seconds_left(c);
    longest.emplace_back(std::isnan(of_claim) ? 0 : of_claim, c.name);
  }
  std::sort(longest.rbegin(), longest.rend());
  std::string names;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, longest.size()) && longest[i].first > 0.1 * left * threads_; ++i)
    names += fmt::format("{}{} {}", i == 0 ? "; most of it: " : ", ", longest[i].second,
                         duration(longest[i].first / threads_));
  print(fmt::format("about {}{} from here on {} thread{}{}\n", duration(left), sure ? "" : " (a first guess)", threads_,
                    threads_ == 1 ? "" : "s", names));
}

void progress::draw() {
  std::size_t done = 0, total = 0;
  std::string current;
  for (const claim_load& c : claims_) {
    const std::size_t of_claim = c.kept() + c.done();
    done += of_claim;
    total += c.total();
    if (current.empty() && of_claim < c.total()) current = fmt::format("{} {}/{}", c.name, of_claim, c.total());
  }
  if (total == 0 || current.empty()) return;
  // By time where it is known: replicates differ by orders of magnitude.
  const double left = seconds_left(claims_);
  double spent = 0;
  for (const claim_load& c : claims_) spent += c.seconds();
  const double share = std::isnan(left) || spent + left == 0 ? static_cast<double>(done) / static_cast<double>(total)
                                                             : spent / (spent + left);
  const int cells = 24, full = static_cast<int>(cells * share);
  std::fputs(fmt::format("\r\x1b[K[{}{}] {:3.0f} %  {}{}", std::string(static_cast<std::size_t>(full), '='),
                         std::string(static_cast<std::size_t>(cells - full), ' '), 100.0 * share, current,
                         std::isnan(left) ? "" : fmt::format("  about {} left", duration(left / threads_)))
                 .c_str(),
             stderr);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace rto::sim
