#include "sim/io/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <utility>

#include "sim/io/error.hpp"

namespace rto::sim {
namespace {

struct command {
  std::string name, doc;
  std::function<std::function<int()>(CLI::App&)> set_up;
  int position;
};

std::vector<command>& commands() {
  static std::vector<command> all;
  return all;
}

int complain(const program_description& program, std::string message) {
  // One line whatever the message holds.
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  std::fflush(stdout);
  std::fputs((program.name + ": " + message + "\n").c_str(), stderr);
  return 2;
}

// What was printed must have arrived: `rto-sim list > /dev/full` is an error.
int flushed(const program_description& program, int status) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return complain(program, "standard output: cannot be written: no space left or closed");
  return status;
}

}  // namespace

registered_command::registered_command(std::string name, std::string doc,
                                       std::function<std::function<int()>(CLI::App&)> set_up, int position) {
  commands().push_back({std::move(name), std::move(doc), std::move(set_up), position});
}

int run_command(const program_description& program, int argc, char** argv, const argument_expansion& expand) {
  CLI::App app{program.purpose, program.name};
  app.set_version_flag("--version", program.name + " " + program.version);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);

  std::function<int()> chosen;
  std::vector<command>& all = commands();
  std::sort(all.begin(), all.end(), [](const command& a, const command& b) {
    return std::pair(a.position, a.name) < std::pair(b.position, b.name);
  });
  for (const command& c : all) {
    CLI::App* sub = app.add_subcommand(c.name, c.doc);
    const std::function<int()> run = c.set_up(*sub);
    sub->callback([&chosen, run] { chosen = run; });
  }
  // CLI11 would only say that a command is required.
  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const command& c : all) names.push_back(c.name);
    if (std::find(names.begin(), names.end(), argv[1]) == names.end())
      return complain(program,
                      fmt::format("unknown command \"{}\"; the commands are: {}", argv[1], fmt::join(names, ", ")));
  }
  try {
    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    if (expand && !arguments.empty() && arguments[0][0] != '-') {
      const std::vector<std::string> expanded =
          expand(*app.get_subcommand(arguments[0]), {arguments.begin() + 1, arguments.end()});
      arguments.resize(1);
      arguments.insert(arguments.end(), expanded.begin(), expanded.end());
    }
    std::reverse(arguments.begin(), arguments.end());  // the order in which CLI11 takes a vector
    app.parse(std::move(arguments));
  } catch (const CLI::Success& e) {  // --help, --version
    return flushed(program, app.exit(e));
  } catch (const CLI::ParseError& e) {
    return complain(program, fmt::format("{} ({} --help lists what there is)", e.what(), program.name));
  }
  return flushed(program, chosen());
}

int report_errors(const program_description& program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return complain(program, "out of memory");
  } catch (const std::exception& e) {
    return complain(program, e.what());
  }
}

}  // namespace rto::sim
