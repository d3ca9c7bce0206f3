#include "sim/cli/command.hpp"

int main(int argc, char** argv) { return rto::sim::run_program(argc, argv); }
