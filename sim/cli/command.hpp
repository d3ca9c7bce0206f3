#pragma once
// The commands of rto-sim. A command registers itself, so that each lives in its own folder.
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

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

/// The whole program. Every error is one line on standard error and status 2; never an exception.
int run_program(int argc, char** argv);

}  // namespace rto::sim
