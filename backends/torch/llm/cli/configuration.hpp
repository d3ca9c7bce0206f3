#pragma once
// Options of a command from a TOML file: the same names, the same checks, one declaration.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace rto::llm {

/// Replaces `--config FILE` among `arguments` by the options that the file sets; those of the command line come after
/// them and win. A key `learning_rate` is the option --learning-rate; a key of a table, `[dpo] beta`, is --dpo-beta; a
/// list gives the option several values; true and false switch a flag.
/// \throws sim::user_error `run.toml: line 3: ...` for what is not TOML, a key that is no option of the command, a
/// value
///   of a kind that no option takes
std::vector<std::string> unfold_configuration(const CLI::App& command, std::vector<std::string> arguments);

}  // namespace rto::llm
