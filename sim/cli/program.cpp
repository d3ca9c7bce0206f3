// The program: commands by registration, errors on one line, exit status.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <vector>

#include "sim/cli/command.hpp"
#include "sim/engine/claim.hpp"
#include "sim/engine/code.hpp"
#include "sim/engine/ranks.hpp"
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

int complain(std::string message) {
  // One line whatever the message holds.
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  std::fflush(stdout);
  std::fputs(("rto-sim: " + message + "\n").c_str(), stderr);
  return 2;
}

// What was printed must have arrived: `rto-sim list > /dev/full` is an error.
int flushed(int status) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return complain("standard output: cannot be written: no space left or closed");
  return status;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "Reproduces the propositions, theorems and lemmas of Reinforced Token Optimization (arXiv 2404.18922),\n"
      "answers problem files, and fits preference models to data.",
      "rto-sim"};
  app.set_version_flag("--version", fmt::format("rto-sim {} ({})", version(), commit()));
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
      return complain(fmt::format("unknown command \"{}\"; the commands are: {}", argv[1], fmt::join(names, ", ")));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return flushed(app.exit(e));
  } catch (const CLI::ParseError& e) {
    return complain(fmt::format("{} (rto-sim --help lists what there is)", e.what()));
  }
  return flushed(chosen());
}

// What goes wrong is one line and status 2.
template <class Program> int reported(const Program& program) {
  try {
    return program();
  } catch (const std::bad_alloc&) {
    return complain("out of memory");
  } catch (const std::exception& e) {
    return complain(e.what());
  }
}

}  // namespace

registered_command::registered_command(std::string name, std::string doc,
                                       std::function<std::function<int()>(CLI::App&)> set_up, int position) {
  commands().push_back({std::move(name), std::move(doc), std::move(set_up), position});
}

int run_program(int argc, char** argv) {
  return reported([&] {
    const std::unique_ptr<transport> ranks = join_processes();
    if (ranks && ranks->rank() > 0) return serve(*ranks, find_claim);
    processes() = ranks && ranks->size() > 1 ? ranks.get() : nullptr;
    const int status = reported([&] { return parse_and_run(argc, argv); });
    if (ranks) dismiss(*ranks);
    return status;
  });
}

}  // namespace rto::sim
