// `--device cpu|cuda`: which tensors, and whether they can be had.
#include <new>
#include <string>
#include <utility>

#include "backends/torch/solve/tensor_families.hpp"
#include "sim/io/error.hpp"

namespace rto::sim {
namespace {

void require_device(const std::string& device) {
  if (device == "cpu") return;
  if (device != "cuda") throw user_error("--device: expected cpu or cuda, found " + device);
  if (!at::hasCUDA())
    throw user_error(
        "--device cuda: expected a program linked with the CUDA half of LibTorch, this one has the CPU half alone "
        "(CMake's RTO_TORCH_CUDA=ON; scripts/setup_torch --cuda fetches what it needs)");
  if (at::getNumGPUs() == 0) throw user_error("--device cuda: expected a GPU, none is visible");
}

family_table open(const std::string& device) {
  require_device(device);
  const at::Tensor like = at::empty({0, 0}, at::TensorOptions().dtype(at::kDouble).device(device));
  family_table all = planning_families(like);
  all.merge(estimation_families(like));
  all.merge(token_families(like));
  for (auto& [name, solve] : all)
    solve = [solve = std::move(solve)](const problem& p) {
      try {
        return solve(p);
      } catch (const c10::OutOfMemoryError&) {
        throw std::bad_alloc();
      }
    };
  return all;
}

const registered_back_end tensors{open};

}  // namespace
}  // namespace rto::sim
