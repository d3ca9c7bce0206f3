#include "sim/report/drawing.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

extern "C" char** environ;

namespace rto::sim {
namespace {

// A file in memory: a script and a picture go through without touching a disk that may be full.
class memory_file {
 public:
  explicit memory_file(const char* name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {}
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  int descriptor() const { return descriptor_; }

  bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t wrote = ::write(descriptor_, text.data(), text.size());
      if (wrote <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return ::lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  std::string read() const {
    std::string text(static_cast<std::size_t>(std::max<off_t>(0, ::lseek(descriptor_, 0, SEEK_END))), '\0');
    ::lseek(descriptor_, 0, SEEK_SET);
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t got = ::read(descriptor_, text.data() + done, text.size() - done);
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
  }

 private:
  int descriptor_;
};

// What a program prints when it reads `input`; empty when it is not there or fails.
std::string run_filter(std::vector<std::string> words, const std::string& input_text) {
  const memory_file input("input"), output("output");
  if (input.descriptor() < 0 || output.descriptor() < 0 || !input.write(input_text)) return "";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.descriptor(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.descriptor(), STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int spawned = posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (spawned != 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return "";
  return output.read();
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// Gnuplot's file as one element: no prolog, ids of its own, width and height left to the page.
std::string as_element(std::string svg, const std::string& id) {
  const std::size_t start = svg.find("<svg");
  const std::size_t end = svg.rfind("</svg>");
  if (start == std::string::npos || end == std::string::npos) return "";
  svg = svg.substr(start, end + 6 - start);
  for (const auto& [open, close] : {std::pair("<title>", "</title>"), std::pair("<desc>", "</desc>")}) {
    const std::size_t from = svg.find(open), to = svg.find(close);  // a browser would show them under the pointer
    if (from != std::string::npos && to != std::string::npos)
      svg.erase(from, to + std::string_view(close).size() - from);
  }
  for (const auto& [open, close] : {std::pair("id=\"", "\""), std::pair("id='", "'")})
    replace_all(svg, std::string(" ") + open, std::string(" ") + open + id + "-");
  replace_all(svg, "href=\"#", "href=\"#" + id + "-");
  replace_all(svg, "href='#", "href='#" + id + "-");
  replace_all(svg, "url(#", "url(#" + id + "-");
  return svg;
}

}  // namespace

bool gnuplot_available() {
  static const bool available = !run_filter({"gnuplot", "--version"}, "").empty();
  return available;
}

std::string figure_svg(const figure& f) {
  if (!f.svg.empty()) return f.svg;
  if (f.panels.empty() || !gnuplot_available()) return "";
  return as_element(run_filter({"gnuplot"}, gnuplot_script(f)), f.id);
}

std::vector<std::string> panel_svgs(const figure& f) {
  std::vector<std::string> all;
  if (!f.svg.empty() || !gnuplot_available()) return all;
  for (std::size_t i = 0; i < f.panels.size(); ++i)
    all.push_back(as_element(run_filter({"gnuplot"}, gnuplot_script(f, i)), fmt::format("{}-{}", f.id, i + 1)));
  return all;
}

bool pdf_available() {
  static const bool available = !run_filter({"rsvg-convert", "--version"}, "").empty();
  return available;
}

std::string pdf_of(const std::string& svg) {
  return svg.empty() || !pdf_available() ? "" : run_filter({"rsvg-convert", "--format=pdf"}, svg);
}

}  // namespace rto::sim
