#include "sim/io/interrupt.hpp"

namespace rto::sim {
namespace {

std::atomic<bool> asked{false};
std::atomic<int> asking_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void on_signal(int signal) { interrupt(signal); }

}  // namespace

const std::atomic<bool>& interrupted() { return asked; }

void interrupt(int signal) {
  asking_signal = signal;
  asked = true;
}

int interrupting_signal() { return asking_signal; }

signal_guard::signal_guard() {
  asked = false;
  asking_signal = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &before_interrupt_);
  sigaction(SIGTERM, &action, &before_terminate_);
}

signal_guard::~signal_guard() {
  sigaction(SIGINT, &before_interrupt_, nullptr);
  sigaction(SIGTERM, &before_terminate_, nullptr);
}

}  // namespace rto::sim
