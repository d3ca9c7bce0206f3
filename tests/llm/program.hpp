#pragma once
// rto-llm as a user runs it: beside the test, its output in a file.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "llm/model/language_model.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"
#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"

namespace rto::llm::test {

using words = std::vector<std::string>;
inline words operator+(words one, const words& more) {
  one.insert(one.end(), more.begin(), more.end());
  return one;
}

class process {
 public:
  process(const words& arguments, std::filesystem::path output) : output_(std::move(output)) {
    words all = words{RTO_LLM_PROGRAM} + arguments;
    std::vector<char*> argv;
    for (std::string& word : all) argv.push_back(word.data());
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
  std::filesystem::path output_;
  pid_t id_ = 0;
  int state_ = 0;
  bool ended_ = false;
};

struct ended {
  int status = 0;
  std::string output;  // with standard error
};

/// Runs the program to its end.
inline ended run(const words& arguments) {
  const rto::test::temporary_folder folder;
  process p(arguments, folder / "output.txt");
  const int status = p.wait();
  return {status, p.output()};
}

/// Refused with one line that says `what`.
inline void check_refused(const words& arguments, const std::string& what) {
  const ended e = run(arguments);
  INFO(e.output);
  CHECK(e.status == 2);
  CHECK_THAT(e.output, Catch::Matchers::ContainsSubstring(what));
  CHECK(std::count(e.output.begin(), e.output.end(), '\n') == 1);
}

/// A copy of a test model with the tokenizer of another one beside it; the copies in tests/data have one among them.
inline std::string with_tokenizer(const std::filesystem::path& model, const std::filesystem::path& tokenizer,
                                  const rto::test::temporary_folder& folder) {
  const std::filesystem::path copy = folder / model.filename().string();
  language_model::load(model).save(copy);
  copy_companion_files(tokenizer, copy);
  return copy.string();
}

/// The objects of JSON lines.
inline std::vector<sim::json> lines_of(const std::string& text) {
  std::vector<sim::json> all;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = text.find('\n', from);
    all.push_back(sim::json::parse(text.substr(from, to - from)));
    from = to + 1;
  }
  return all;
}

}  // namespace rto::llm::test
