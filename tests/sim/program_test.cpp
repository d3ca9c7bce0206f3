// The program as a user meets it: its output, its one-line errors, its exit status.
#ifdef RTO_SIM_PROGRAM
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "sim/io/file.hpp"
#include "sim/io/json.hpp"
#include "support/catch.hpp"
#include "temporary_folder.hpp"

extern "C" char** environ;

namespace {

using namespace rto::sim;
using rto::test::ContainsSubstring;
using rto::test::temporary_folder;

struct finished {
  int status;
  std::string output, errors;
};

pid_t start(const std::vector<std::string>& words, const std::string& output, const std::string& errors) {
  std::vector<std::string> all = words;
  all.insert(all.begin(), RTO_SIM_PROGRAM);
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t child = -1;
  REQUIRE(posix_spawn(&child, RTO_SIM_PROGRAM, &actions, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

int wait_for(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

finished run(const std::vector<std::string>& words) {
  const temporary_folder folder;
  const std::string output = (folder / "out").string(), errors = (folder / "err").string();
  const int status = wait_for(start(words, output, errors));
  return {status, read_file(output), read_file(errors)};
}

// One line that names the program, status 2, nothing on standard output.
void check_refused(const std::vector<std::string>& words, const std::string& part) {
  const finished f = run(words);
  INFO("errors: " << f.errors);
  CHECK(f.status == 2);
  CHECK(f.output.empty());
  CHECK_THAT(f.errors, ContainsSubstring("rto-sim: ") && ContainsSubstring(part));
  CHECK(std::count(f.errors.begin(), f.errors.end(), '\n') == 1);
}

std::string without_seconds(std::string results) {
  for (std::size_t at = results.find("\"seconds\""); at != std::string::npos;
       at = results.find("\"seconds\"", at + 1)) {
    const std::size_t end = results.find('\n', at);
    results.erase(at + 9, end - at - 9);
  }
  return results;
}

std::size_t kept_lines(const std::filesystem::path& folder) {
  std::size_t lines = 0;
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "replicates", ignored)) return 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "replicates")) {
    if (!entry.is_regular_file()) continue;
    const std::string content = read_file(entry.path());
    lines += static_cast<std::size_t>(std::count(content.begin(), content.end(), '\n'));
  }
  return lines;
}

}  // namespace

TEST_CASE("bad input is one clear line and status 2") {
  const temporary_folder folder;
  const auto file = [&](const char* name, const char* content) {
    write_file(folder / name, content);
    return (folder / name).string();
  };
  check_refused({"explode"}, "unknown command \"explode\"; the commands are: list, show, reproduce, solve");
  check_refused({"show", "prop-9"}, "unknown claim \"prop-9\"; the claims are: figure-1");
  check_refused({"reproduce", "prop-9"}, "unknown claim");
  check_refused({"reproduce", "--quick", "--full"}, "at most one");
  check_refused({"reproduce", "--threads", "0"}, "--threads");
  check_refused({"reproduce", "--seed", "x"}, "--seed");
  check_refused({"reproduce", "--bogus"}, "--bogus");
  check_refused({"reproduce", "--figures", "png"}, "png");
  check_refused({"reproduce", "figure-1", "--set", "A"}, "expected KEY=VALUES");
  check_refused({"reproduce", "figure-1", "--set", "A=0"},
                "setting A of figure-1: expected an integer from 1 to 64, found \"0\"");
  check_refused({"reproduce", "figure-1", "--set", "figure-1.Z=1"}, "figure-1 has no setting \"Z\"; it has: A, H");
  check_refused({"reproduce", "figure-1", "--settings", (folder / "none").string()}, "none: cannot be read");
  check_refused({"reproduce", "figure-1", "--settings", file("bad.json", "{\"figure-1\": {\"A\": 2,}}")},
                "bad.json: line 1, column 22");
  check_refused({"reproduce", "figure-1", "--settings", file("type.json", "{\"figure-1\": {\"A\": \"x\"}}")},
                "type.json: figure-1.A: expected an integer");
  check_refused({"reproduce", "figure-1", "--data", (folder / "nowhere").string()}, "expected the data folder");
  check_refused({"reproduce", "figure-1", "--quick", "--out", file("file", "x")}, "file");
  check_refused({"reproduce", "figure-1", "--quick", "--out", "/proc/none"}, "/proc/none");
  check_refused({"solve", (folder / "none.json").string()}, "none.json: cannot be read: No such file");
  check_refused({"solve", file("a.json", "[]")}, "expected an object with \"format\"");
  check_refused({"solve", file("b.json", "{\"format\": \"rto-cases/2\", \"family\": \"gae\", \"cases\": []}")},
                "format: expected \"rto-cases/1\"");
  check_refused({"solve", file("c.json", "{\"format\": \"rto-cases/1\", \"family\": \"gae\"}")},
                "cases: expected a list");
  check_refused({"solve", file("d.json", "{\"format\": \"rto-cases/1\", \"family\": \"gae\", \"cases\": [{}]}")},
                "cases[0].id: expected a text");
  const std::string empty = file("e.json", "{\"format\": \"rto-cases/1\", \"family\": \"gae\", \"cases\": []}");
  check_refused({"solve", empty, "--device", "tpu"}, "--device");
  if (RTO_SIM_HAS_TENSORS == 0)
    for (const char* device : {"cpu", "cuda"})
      check_refused({"solve", empty, "--device", device}, "expected a program built with LibTorch");
}

TEST_CASE("list names the claims, show prints JSON that --settings takes back") {
  const finished list = run({"list"});
  CHECK(list.status == 0);
  CHECK_THAT(list.output, ContainsSubstring("figure-1"));
  const finished show = run({"show", "figure-1"});
  REQUIRE(show.status == 0);
  json shown = json::parse(show.output);
  CHECK(shown["settings"]["A"]["doc"].is_string());
  shown["settings"]["A"]["value"] = 2;
  shown["settings"]["replicates"]["value"] = 3;
  const temporary_folder folder;
  write_file(folder / "s.json", shown.dump());
  const finished run_it = run({"reproduce", "figure-1", "--quick", "--settings", (folder / "s.json").string(), "--out",
                               (folder / "o").string()});
  INFO(run_it.errors);
  CHECK(run_it.status == 0);
  const json results = read_json(folder / "o" / "results.json");
  CHECK(results["claims"][0]["settings"]["A"] == 2);
  CHECK(results["claims"][0]["settings"]["replicates"] == 3);
}

TEST_CASE("reproduce ends with the table and the path of the report, the same for any number of threads") {
  const temporary_folder folder;
  const std::string one = (folder / "one").string(), three = (folder / "three").string();
  const finished f = run({"reproduce", "figure-1", "--quick", "--threads", "1", "--out", one});
  REQUIRE(f.status == 0);
  CHECK_THAT(f.output, ContainsSubstring("predicted") && ContainsSubstring("branches-meet") &&
                           ContainsSubstring("holds") && ContainsSubstring("report: " + one + "/report.html"));
  REQUIRE(run({"reproduce", "figure-1", "--quick", "--threads", "3", "--out", three}).status == 0);
  CHECK(without_seconds(read_file(one + "/results.json")) == without_seconds(read_file(three + "/results.json")));
  CHECK(read_file(one + "/figure-1.svg") == read_file(three + "/figure-1.svg"));
  const std::string page = read_file(one + "/report.html");
  CHECK_THAT(page, ContainsSubstring("<svg") && ContainsSubstring("branches-meet") && ContainsSubstring("</html>"));
  // Self-contained: nothing is fetched.
  CHECK(page.find("<script src") == std::string::npos);
  CHECK(page.find("<link") == std::string::npos);
  CHECK(page.find("src=\"http") == std::string::npos);
}

TEST_CASE("one replicate computed alone is the one that the whole run kept") {
  const temporary_folder folder;
  const std::string out = (folder / "o").string();
  REQUIRE(run({"reproduce", "figure-1", "--quick", "--out", out}).status == 0);
  std::string kept;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "o")) {
    if (entry.path().extension() == ".jsonl") kept = read_file(entry.path());
  }
  const finished alone = run({"reproduce", "figure-1", "--quick", "--only", "3"});
  REQUIRE(alone.status == 0);
  std::istringstream lines(alone.output);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const json one = json::parse(line);
    CHECK(one["replicate"] == 3);
    CHECK_THAT(kept, ContainsSubstring("\"outcome\":" + one["outcome"].dump()));
  }
  CHECK(count == 2);  // cells of the quick run
}

TEST_CASE("a run that is killed goes on where it was, one that is interrupted says how") {
  const temporary_folder folder;
  const std::string out = (folder / "o").string();
  const std::vector<std::string> words = {"reproduce", "figure-1", "--set", "replicates=200000", "--out", out};
  const auto wait_for_lines = [&](std::size_t lines) {
    for (int i = 0; i < 600 && kept_lines(out) < lines; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    REQUIRE(kept_lines(out) >= lines);
  };
  pid_t child = start(words, (folder / "out").string(), (folder / "err").string());
  wait_for_lines(20);
  kill(child, SIGKILL);
  CHECK(wait_for(child) == -SIGKILL);
  const std::size_t before = kept_lines(out);
  CHECK_FALSE(std::filesystem::exists(folder / "o" / "results.json"));

  child = start(words, (folder / "out").string(), (folder / "err").string());
  wait_for_lines(before + 20);
  kill(child, SIGINT);
  CHECK(wait_for(child) == 130);
  CHECK_THAT(read_file(folder / "err"),
             ContainsSubstring("replicates are kept in " + out + "; the same command goes on from there"));

  // The replicates of a smaller run are among those that are kept.
  const finished rest = run({"reproduce", "figure-1", "--set", "replicates=10", "--out", out});
  CHECK(rest.status == 0);
  CHECK_THAT(rest.errors, ContainsSubstring("kept from before"));
}

TEST_CASE("output that cannot be written is an error") {
  const temporary_folder folder;
  CHECK(wait_for(start({"list"}, "/dev/full", (folder / "err").string())) == 2);
  CHECK_THAT(read_file(folder / "err"), ContainsSubstring("standard output: cannot be written"));
}

TEST_CASE("an unknown family is answered not_implemented with status 2, and the file is still written whole") {
  const temporary_folder folder;
  write_file(folder / "in.json",
             R"({"format": "rto-cases/1", "family": "alchemy", "cases": [{"id": "alchemy/0", "input": {}}]})");
  const finished f = run({"solve", (folder / "in.json").string(), "--out", (folder / "out.json").string()});
  CHECK(f.status == 2);
  const json answered = read_json(folder / "out.json");
  CHECK(answered["cases"][0]["result"]["status"] == "not_implemented");
  CHECK(answered["cases"][0]["id"] == "alchemy/0");
}
#endif
