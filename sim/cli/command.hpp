#pragma once
// The program rto-sim, whose commands register themselves (sim/io/program.hpp).
#include "sim/io/program.hpp"

namespace rto::sim {

/// The whole program. Every error is one line on standard error and status 2; never an exception.
int run_program(int argc, char** argv);

}  // namespace rto::sim
