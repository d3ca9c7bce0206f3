#pragma once
// A program of several commands: each registers itself, so that it lives in its own folder; errors are one line.
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace rto::sim {

/// Adds a command at start-up. `set_up` declares options on the command's own CLI::App (use `app.add_option(...)`),
/// keeping their targets alive in the returned function (capture a shared_ptr), which runs the command and returns the
/// exit status. It may throw user_error (status 2).
///
///     const registered_command fit{"fit", "Fit a Bradley-Terry or linear-reward model to data", [](CLI::App& app) {
///         auto options = std::make_shared<fit_options>();
///         app.add_option("DATA", options->data, "...")->required();
///         return [options] { return run_fit(*options); };
///     }};
struct registered_command {
  registered_command(std::string name, std::string doc, std::function<std::function<int()>(CLI::App&)> set_up,
                     int position = 100);
};

struct program_description {
  std::string name, purpose, version;
};

/// What a command's arguments become before they are parsed: a file of options may be unfolded here.
using argument_expansion = std::function<std::vector<std::string>(const CLI::App& command, std::vector<std::string>)>;

/// Parses the command line and runs the command it names. Standard output that cannot be written is an error.
/// \returns the command's exit status, 2 for a command line that is wrong. \throws what the command throws
int run_command(const program_description& program, int argc, char** argv, const argument_expansion& expand = {});

/// Runs `body` (any callable that returns a status): what it throws is one line on standard error and status 2.
int report_errors(const program_description& program, const std::function<int()>& body);

}  // namespace rto::sim
