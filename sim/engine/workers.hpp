#pragma once
// Threads that work side by side.
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace rto::sim {

/// The number of threads that `asked` stands for; 0: one per core that this process may use.
inline int number_of_threads(int asked) { return asked > 0 ? asked : tbb::info::default_concurrency(); }

/// Runs `work()` on so many threads at once; returns when all have returned.
template <class Work> void run_on_threads(int threads, const Work& work) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] {
    tbb::parallel_for(
        0, threads, [&](int) { work(); }, tbb::simple_partitioner());
  });
}

}  // namespace rto::sim
