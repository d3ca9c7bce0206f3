// Log-probabilities of tokens from logits, fused, and by log_softmax and gather: time, and memory beside the logits.
// bench/peers/tensor_operations.py times the same in PyTorch.
#include <rto/loss/token_log_probability.hpp>

#include "bench/torch/device.hpp"

namespace {

using namespace rto;

constexpr std::int64_t vocabulary = 50304;

at::Tensor fused(const at::Tensor& logits, const at::Tensor& tokens) { return token_log_probability(logits, tokens); }
at::Tensor by_log_softmax(const at::Tensor& logits, const at::Tensor& tokens) {
  return at::log_softmax(logits, 1).gather(1, tokens);
}

void log_probability(benchmark::State& state, at::Tensor (*compute)(const at::Tensor&, const at::Tensor&),
                     at::ScalarType type, bool backward) {
  const std::int64_t rows = state.range(0);
  const at::Tensor logits = bench::random_tensor(rows, vocabulary, 1).to(type).requires_grad_(backward);
  const at::Tensor tokens = at::randint(vocabulary, {rows, 1}, bench::entries(at::kLong));
  const auto run = [&] {
    const at::Tensor log_p = compute(logits, tokens);
    if (backward) log_p.sum().backward();
    bench::finish(backward ? logits.grad() : log_p);
    logits.mutable_grad() = at::Tensor();
  };
  const auto size = static_cast<double>(logits.nbytes());
  state.counters["memory_of_logits"] = bench::peak_bytes(run) / size;
  for (auto _ : state) run();
  // What must be read and written at least: the logits, going back once more, and the gradient.
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size) * (backward ? 3 : 1));
}

[[maybe_unused]] const bool registered = [] {
  for (const bool backward : {false, true})
    for (const auto type : {at::kFloat, at::kBFloat16})
      for (const bool is_fused : {true, false}) {
        const std::string name = std::string(is_fused ? "token_log_probability" : "log_softmax_gather") + "/" +
                                 (type == at::kFloat ? "float" : "bfloat16") + (backward ? "/backward" : "/forward");
        bench::timed(benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
          log_probability(state, is_fused ? fused : by_log_softmax, type, backward);
        }))->Arg(8192);
      }
  return true;
}();

}  // namespace
