#pragma once
// One line on a terminal while replicates run; without a terminal one line for each claim.
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace rto::sim {

class progress {
 public:
  struct part {
    std::string name;
    std::size_t kept = 0, total = 0;  // replicates
    std::size_t done = 0;             // in this run
    double seconds = 0;               // of these
  };

  /// \param threads for the time that is left  \param quiet prints nothing
  progress(std::vector<part> parts, int threads, bool quiet);
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress();

  /// One more replicate of part `index` is done. Safe from several threads.
  void finished(std::size_t index, double seconds);
  /// Removes the line from the terminal.
  void clear();

 private:
  void draw();
  void announce(const part& p);
  double seconds_left() const;

  std::vector<part> parts_;
  int threads_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  bool ended_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread ticker_;
};

}  // namespace rto::sim
