#include "llm/cli/compute_options.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "sim/io/error.hpp"

namespace rto::llm {

void compute_arguments::declare_compute(CLI::App& app, const std::string& group) {
  app.add_option("--device", device, "cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--threads", threads, "Of the processor; 0: as many as there are cores")
      ->check(CLI::NonNegativeNumber)
      ->group(group);
}

at::Device compute_arguments::prepare_device() const {
  if (threads > 0) at::set_num_threads(threads);
  if (device == "cpu") return at::kCPU;
  if (!at::hasCUDA())
    throw sim::user_error("--device: expected cpu, found cuda, which this machine or this build has not");
  return at::Device(at::kCUDA, 0);
}

}  // namespace rto::llm
