#include "llm/cli/program.hpp"

#include <fmt/format.h>
#include <torch/version.h>

#include <rto/version.hpp>

#include "llm/cli/configuration.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {

int run_program(int argc, char** argv) {
  const sim::program_description program{
      "rto-llm",
      "Trains language models from preferences by Reinforced Token Optimization (arXiv 2404.18922): Hugging Face's\n"
      "checkpoints in, Hugging Face's checkpoints out. Options can come from a TOML file: --config FILE.",
      fmt::format("{}.{}.{} (LibTorch {})", RTO_VERSION_MAJOR, RTO_VERSION_MINOR, RTO_VERSION_PATCH, TORCH_VERSION)};
  return sim::report_errors(program, [&] { return sim::run_command(program, argc, argv, unfold_configuration); });
}

}  // namespace rto::llm
