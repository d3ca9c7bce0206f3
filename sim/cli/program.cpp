// The program: one process, or one of several ranks.
#include <fmt/format.h>

#include <memory>

#include "sim/cli/command.hpp"
#include "sim/engine/claim.hpp"
#include "sim/engine/code.hpp"
#include "sim/engine/ranks.hpp"

namespace rto::sim {

int run_program(int argc, char** argv) {
  const program_description program{
      "rto-sim",
      "Reproduces the propositions, theorems and lemmas of Reinforced Token Optimization (arXiv 2404.18922),\n"
      "answers problem files, and fits preference models to data.",
      fmt::format("{} ({})", version(), commit())};
  return report_errors(program, [&] {
    const std::unique_ptr<transport> ranks = join_processes();
    if (ranks && ranks->rank() > 0) return serve(*ranks, find_claim);
    processes() = ranks && ranks->size() > 1 ? ranks.get() : nullptr;
    const int status = report_errors(program, [&] { return run_command(program, argc, argv); });
    if (ranks) dismiss(*ranks);
    return status;
  });
}

}  // namespace rto::sim
