#pragma once
// The program rto-llm. Its commands register themselves (sim::registered_command of sim/io/program.hpp), each in its
// own file of this folder.

namespace rto::llm {

/// The whole program. Every error is one line on standard error and status 2; never an exception.
int run_program(int argc, char** argv);

}  // namespace rto::llm
