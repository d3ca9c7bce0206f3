#pragma once
// rto-llm as a user runs it: started, watched, stopped, killed.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm::test::online {

using std::filesystem::path;

inline std::optional<path> tiny_model() {
  const char* shared = std::getenv("RTO_SHARED");
  if (shared != nullptr) return path(shared) / "llm" / "models" / "neox";
  std::cout << "SKIPPED: training by the program, as RTO_SHARED is not set\n";
  return std::nullopt;
}

// A program that runs beside the test; its output goes to a file.
class process {
 public:
  process(const std::vector<std::string>& arguments, path output) : output_(std::move(output)) {
    std::vector<std::string> words{RTO_LLM_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    id_ = ::fork();
    if (id_ == 0) {
      const int file = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(file, STDOUT_FILENO);
      ::dup2(file, STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  void signal(int number) const { ::kill(id_, number); }
  bool running() {
    if (!ended_ && ::waitpid(id_, &state_, WNOHANG) == id_) ended_ = true;
    return !ended_;
  }
  int wait() {
    if (!ended_) ::waitpid(id_, &state_, 0);
    ended_ = true;
    return WIFEXITED(state_) ? WEXITSTATUS(state_) : 128 + WTERMSIG(state_);
  }
  std::string output() const { return sim::read_file(output_); }

 private:
  path output_;
  pid_t id_ = 0;
  int state_ = 0;
  bool ended_ = false;
};

struct ended {
  int status = 0;
  std::string output;
};
inline ended run(const std::vector<std::string>& arguments, const path& folder) {
  process p(arguments, folder / "output.txt");
  const int status = p.wait();
  return {status, p.output()};
}

inline std::vector<sim::json> metrics(const path& folder) {
  std::vector<sim::json> rows;
  std::ifstream file(folder / "metrics.jsonl");
  for (std::string line; std::getline(file, line);)
    if (const sim::json row = sim::json::parse(line, nullptr, false); row.is_object()) rows.push_back(row);
  return rows;
}

// Waits until so many steps are done; false where the program ended before.
inline bool wait_for_step(process& p, const path& folder, std::size_t steps) {
  while (p.running()) {
    if (metrics(folder).size() >= steps) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

inline bool same_bytes(const path& one, const path& other) { return sim::read_file(one) == sim::read_file(other); }

using words = std::vector<std::string>;
inline words operator+(words one, const words& more) {
  one.insert(one.end(), more.begin(), more.end());
  return one;
}

}  // namespace rto::llm::test::online
