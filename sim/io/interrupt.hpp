#pragma once
// Ctrl-C and SIGTERM ask a run to stop; what is finished is kept.
#include <atomic>
#include <csignal>

namespace rto::sim {

/// Whether the run was asked to stop: by a signal while a `signal_guard` lives, or by `interrupt`.
const std::atomic<bool>& interrupted();
/// Asks the run to stop as `signal` would.
void interrupt(int signal);
/// The signal that asked; 0 without one.
int interrupting_signal();

/// While it lives, Ctrl-C asks the run to stop; a second Ctrl-C ends the program at once.
class signal_guard {
 public:
  signal_guard();
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;
  ~signal_guard();

 private:
  struct sigaction before_interrupt_ {};
  struct sigaction before_terminate_ {};
};

}  // namespace rto::sim
