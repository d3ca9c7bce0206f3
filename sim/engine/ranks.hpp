#pragma once
// A run on several processes: rank 0 plans, keeps and reports as a run on one does, and hands replicates out; the other
// ranks compute them. A replicate's outcome depends on its stream alone, so results do not depend on who computed it.
#include <functional>
#include <optional>
#include <string>

#include "sim/engine/claim.hpp"
#include "sim/engine/replicate.hpp"
#include "sim/engine/transport.hpp"

namespace rto::sim {

/// A replicate for another process.
struct remote_task {
  std::size_t id = 0;  // of the caller
  std::string claim{};
  json point{};
  std::int64_t replicate = 0;
};

/// What rank 0 hands out and gets back. Called from the thread that is in `hand_out`.
struct remote_work {
  std::function<std::optional<remote_task>()> next{};          // none: no task is left, or the run is to end
  std::function<void(std::size_t id, kept_replicate)> done{};  // may throw: the run fails with it
  std::function<void(std::exception_ptr)> failed{};            // of any rank; `next` gives nothing from then on
  std::function<bool()> ending{};                              // the run was interrupted or has failed
  std::function<void(int threads)> joined{};                   // a rank that is ready, with its threads
};

/// On rank 0: hands tasks to the other ranks, a few more at a time than they have threads, until none is left and all
/// came back. \param threads of every rank; 0: one per core
void hand_out(transport& ranks, int threads, const replicate_setting& setting, const remote_work& work);

/// On rank 0, at the end of the program: the other ranks return from `serve`.
void dismiss(transport& ranks);

/// On the other ranks: computes what rank 0 asks for until it is dismissed. \returns the exit status
int serve(transport& ranks, const std::function<const claim&(const std::string&)>& find);

/// The processes this program was started as; null when it is alone. Set by the program's main.
transport*& processes();

}  // namespace rto::sim
