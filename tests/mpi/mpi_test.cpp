// rto-sim on several processes of one machine, as mpirun starts them.
#if defined(RTO_SIM_PROGRAM) && defined(RTO_MPIRUN)
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"

namespace {

using rto::test::ContainsSubstring;
using rto::test::temporary_folder;

// Open MPI's own refusals: root, and more processes than cores. Others ignore them.
const std::string environment =
    "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
    "OMPI_MCA_hwloc_base_binding_policy=none ";

std::string on(int processes, const std::string& words) {
  return environment + RTO_MPIRUN " -n " + std::to_string(processes) + " " RTO_SIM_PROGRAM " " + words;
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct finished {
  int status;
  std::string output;  // and errors
};

finished run(const std::string& command) {
  const temporary_folder folder;
  const std::string file = (folder / "output").string();
  const int status = std::system((command + " >" + file + " 2>&1").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content(file)};
}

// results.json without what a clock says.
std::string results(const std::filesystem::path& folder) {
  std::istringstream lines(content(folder / "results.json"));
  std::string line, all;
  while (std::getline(lines, line)) {
    if (line.find("\"seconds\"") == std::string::npos) all += line + '\n';
  }
  return all;
}

std::size_t kept_lines(const std::filesystem::path& folder) {
  std::size_t lines = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "replicates", ignored)) {
    if (!entry.is_regular_file()) continue;
    const std::string text = content(entry.path());
    lines += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  return lines;
}

// Whether no program writes into a results folder.
bool is_free(const std::filesystem::path& folder) {
  const int lock = ::open((folder / ".lock").c_str(), O_RDWR | O_CLOEXEC);
  const bool free = lock >= 0 && ::flock(lock, LOCK_EX | LOCK_NB) == 0;
  if (lock >= 0) ::close(lock);
  return free;
}

// Starts a command of mpirun, sends mpirun a signal when some replicates are kept in `out`, and waits until it and the
// process that writes have ended.
void signal_after(std::size_t replicates, const std::string& out, const std::string& command, int signal) {
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", ("exec env " + command + " >" + out + ".log 2>&1").c_str(), nullptr);
    _exit(127);
  }
  REQUIRE(child > 0);
  const auto wait_until = [](const auto& condition) {
    for (int i = 0; i < 3000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  wait_until([&] { return kept_lines(out) >= replicates; });
  kill(child, signal);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  INFO(content(out + ".log"));
  CHECK(status != 0);
  wait_until([&] { return is_free(out); });
  CHECK(is_free(out));
}

const std::string claims = "reproduce --quick thm-4.2 algorithm-1 table-1 lem-A.2 rem-B.2 lem-C.1 ";

}  // namespace

TEST_CASE("four processes write the results that one writes, bit for bit") {
  const temporary_folder folder;
  const finished one = run(std::string(RTO_SIM_PROGRAM " ") + claims + "--out " + (folder / "one").string());
  INFO(one.output);
  REQUIRE(one.status == 0);
  const finished four = run(on(4, claims + "--threads 1 --out " + (folder / "four").string()));
  INFO(four.output);
  REQUIRE(four.status == 0);
  REQUIRE(results(folder / "one").size() > 1000);
  CHECK(results(folder / "one") == results(folder / "four"));
  // All that the four computed is kept, so that one has nothing left to compute.
  const finished again = run(std::string(RTO_SIM_PROGRAM " ") + claims + "--out " + (folder / "four").string());
  CHECK_THAT(again.output, !ContainsSubstring("s of computing"));
}

TEST_CASE("after a kill of all processes the run goes on, on any number of them") {
  const temporary_folder folder;
  const std::string out = (folder / "out").string();
  const std::string words = "reproduce lem-A.2 --set replicates=3000 --threads 1 --out " + out;
  signal_after(500, out, on(4, words), SIGKILL);
  const std::size_t kept = kept_lines(out);
  REQUIRE(kept >= 500);
  CHECK_FALSE(std::filesystem::exists(std::filesystem::path(out) / "results.json"));

  const finished rest = run(on(2, words));
  INFO(rest.output);
  CHECK(rest.status == 0);
  CHECK_THAT(rest.output, ContainsSubstring("kept from before"));
  const finished fresh =
      run(std::string(RTO_SIM_PROGRAM " reproduce lem-A.2 --set replicates=3000 --out ") + (folder / "fresh").string());
  CHECK(fresh.status == 0);
  CHECK(results(out) == results(folder / "fresh"));
}

TEST_CASE("Ctrl-C on mpirun stops all processes and keeps what is finished") {
  const temporary_folder folder;
  const std::string out = (folder / "out").string();
  signal_after(100, out, on(3, "reproduce lem-A.2 --set replicates=200000 --threads 1 --out " + out), SIGINT);
  CHECK(kept_lines(out) >= 100);
}

TEST_CASE("errors are said once, with the status of a single process") {
  const finished unknown = run(on(3, "reproduce prop-9"));
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.output, ContainsSubstring("rto-sim: unknown claim \"prop-9\""));
  CHECK(unknown.output.find("unknown claim") == unknown.output.rfind("unknown claim"));
  const finished listed = run(on(3, "list"));
  CHECK(listed.status == 0);
  CHECK(listed.output.find("prop-3.2") == listed.output.rfind("prop-3.2"));
}
#else
#include <iostream>

#include "support/catch.hpp"

TEST_CASE("four processes write the results that one writes") {
  std::cout << "SKIPPED: rto-sim on several processes: built without MPI (cmake --preset mpi)\n";
}
#endif
