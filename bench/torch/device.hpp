// What the benchmarks on tensors share: the device, random tensors, how a run is timed and how much memory it takes.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include <rto/torch/array.hpp>

namespace rto::bench {

/// RTO_BENCH_DEVICE, by default the CPU. (scripts/bench --torch --device sets it.)
inline at::Device device() {
  const char* const name = std::getenv("RTO_BENCH_DEVICE");
  return at::Device(name != nullptr && *name != '\0' ? name : "cpu");
}

inline at::TensorOptions entries(at::ScalarType type) { return at::TensorOptions(device()).dtype(type); }

/// Standard normal entries, the same in every run.
inline at::Tensor random_tensor(std::int64_t rows, std::int64_t cols, std::uint64_t seed,
                                at::ScalarType type = at::kFloat) {
  at::manual_seed(seed);
  return at::randn({rows, cols}, entries(type));
}

/// 1 on a prefix of each row, of a quarter of its length at least.
inline at::Tensor ragged_mask(std::int64_t rows, std::int64_t time) {
  at::manual_seed(99);
  const at::Tensor length = at::randint(time / 4, time + 1, {rows, 1}, entries(at::kLong));
  return (at::arange(time, entries(at::kLong)).unsqueeze(0) < length).to(at::kFloat);
}

/// Waits until all of `x` is computed.
inline void finish(const at::Tensor& x) {
  if (!x.device().is_cpu())
    (void)x.flatten().narrow(0, 0, 1).item<double>();  // its stream has done everything before
  else
    benchmark::DoNotOptimize(x.data_ptr());
}

/// The bytes that run() holds at once beside what was there.
template <class F> double peak_bytes(F&& run) {
  struct meter : c10::MemoryReportingInfoBase {
    std::int64_t now = 0, peak = 0;
    void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device) override {
      now += bytes;
      peak = std::max(peak, now);
    }
    bool memoryProfilingEnabled() const override { return true; }
  };
  const auto here = std::make_shared<meter>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, here);
  run();
  return static_cast<double>(here->peak);
}

/// Processor time on the CPU, time that passes on another device.
inline benchmark::internal::Benchmark* timed(benchmark::internal::Benchmark* b) {
  b->Unit(benchmark::kMillisecond);
  return device().is_cpu() ? b->MeasureProcessCPUTime() : b->UseRealTime();
}

}  // namespace rto::bench
