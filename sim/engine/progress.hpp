#pragma once
// One line on a terminal while replicates run; without a terminal one line for each claim. Of a long run, how long it
// will take, as soon as that is known.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/engine/load.hpp"

namespace rto::sim {

class progress {
 public:
  /// \param threads for the time that is left  \param quiet prints nothing
  progress(std::vector<claim_load> claims, int threads, bool quiet);
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress();

  /// One more replicate of a claim's cell is done. Safe from several threads.
  void finished(std::size_t claim, std::size_t cell, double seconds);
  /// So many threads more work on it. Safe from several threads.
  void joined(int threads);
  /// Removes the line from the terminal.
  void clear();

 private:
  void draw();
  void announce(const claim_load& claim);
  void foretell();
  void print(const std::string& line);

  std::vector<claim_load> claims_;
  int threads_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  bool ended_ = false;
  enum class foretold { nothing, guess, surely } foretold_ = foretold::nothing;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread ticker_;
};

}  // namespace rto::sim
