// Runs the device code of a CUDA kernel on the CPU: every thread of a block a fiber, all of them in turn up to the next
// place where they wait for each other. Include it before the kernel. Good for kernels whose threads wait at the same
// places; warps may leave early as a whole.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#define __device__
#define __global__
#define __shared__ static

namespace rto::test {

struct cuda_index {
  unsigned x = 0;
};

class cuda_block {
 public:
  /// kernel() by every thread of every block.
  static void launch(unsigned blocks, unsigned threads, const std::function<void()>& kernel);
  /// The thread at hand waits for the others.
  static void wait();
  /// What a lane of the same warp passed; own where there is no such lane.
  template <class T> static T exchange(T own, unsigned from_lane);

 private:
  static constexpr std::size_t stack_size = 64 * 1024, slot_size = 16;
  struct fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool done = false;
  };
  static void enter();
  inline static ucontext_t scheduler_;
  inline static std::vector<fiber> fibers_;
  inline static std::vector<char> slots_;
  inline static const std::function<void()>* kernel_ = nullptr;
  inline static std::exception_ptr failure_;
};

}  // namespace rto::test

inline rto::test::cuda_index threadIdx, blockIdx;

inline void rto::test::cuda_block::enter() {
  try {
    (*kernel_)();
  } catch (...) {
    failure_ = std::current_exception();
  }
  fibers_[threadIdx.x].done = true;
}

inline void rto::test::cuda_block::launch(unsigned blocks, unsigned threads, const std::function<void()>& kernel) {
  kernel_ = &kernel;
  slots_.assign(threads * slot_size, 0);
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
    fibers_.clear();
    fibers_.resize(threads);
    for (fiber& f : fibers_) {
      f.stack = std::make_unique<char[]>(stack_size);
      getcontext(&f.context);
      f.context.uc_stack = {.ss_sp = f.stack.get(), .ss_flags = 0, .ss_size = stack_size};
      f.context.uc_link = &scheduler_;
      makecontext(&f.context, &cuda_block::enter, 0);
    }
    for (bool running = true; running;) {
      running = false;
      for (unsigned k = 0; k < threads; ++k) {
        if (fibers_[k].done) continue;
        threadIdx.x = k;
        swapcontext(&scheduler_, &fibers_[k].context);
        running = running || !fibers_[k].done;
      }
    }
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

inline void rto::test::cuda_block::wait() { swapcontext(&fibers_[threadIdx.x].context, &scheduler_); }

template <class T> T rto::test::cuda_block::exchange(T own, unsigned from_lane) {
  static_assert(sizeof(T) <= slot_size);
  const unsigned first = threadIdx.x / 32 * 32;
  std::memcpy(&slots_[threadIdx.x * slot_size], &own, sizeof(T));
  wait();
  if (from_lane < 32) std::memcpy(&own, &slots_[(first + from_lane) * slot_size], sizeof(T));
  wait();
  return own;
}

inline void __syncthreads() { rto::test::cuda_block::wait(); }
template <class T> T __shfl_down_sync(unsigned, T x, int reach) {
  return rto::test::cuda_block::exchange(x, threadIdx.x % 32 + static_cast<unsigned>(reach));
}
template <class T> T __shfl_sync(unsigned, T x, int lane) {
  return rto::test::cuda_block::exchange(x, static_cast<unsigned>(lane));
}

namespace rto::detail {
using std::exp;
using std::expm1;
using std::fabs;
using std::log;
}  // namespace rto::detail
