#include "llm/cli/program.hpp"

int main(int argc, char** argv) { return rto::llm::run_program(argc, argv); }
