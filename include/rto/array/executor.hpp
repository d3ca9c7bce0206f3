// How an algorithm that can work in blocks lends its loop to the caller's threads: the library owns none.
#pragma once

#include <concepts>
#include <cstdint>

namespace rto {

/// A callable `executor(blocks, f)` that runs f(0) .. f(blocks - 1), in any order, each once, and returns when all
/// ended.
template <class E>
concept Executor = requires(const E& executor, std::int64_t blocks, void (*f)(std::int64_t)) {
  executor(blocks, f);
};

/// The default: one block after the other on the calling thread.
struct sequential_executor {
  template <std::invocable<std::int64_t> F> void operator()(std::int64_t blocks, F&& f) const {
    for (std::int64_t block = 0; block < blocks; ++block) f(block);
  }
};

}  // namespace rto
