// rto-llm inspect and generate as a user runs them.
#include <sys/wait.h>

#include <cstdio>
#include <fstream>

#include "fixtures.hpp"
#include "sim/io/file.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;
namespace fs = std::filesystem;

namespace {

struct finished {
  int status = 0;
  std::string output;  // with standard error
};

finished run(const std::string& words) {
  finished f;
  FILE* const pipe = ::popen((RTO_LLM_PROGRAM " " + words + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char chunk[4096];
  for (std::size_t n = 0; (n = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) f.output.append(chunk, n);
  const int state = ::pclose(pipe);
  f.status = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  return f;
}

const fs::path neox = fs::path(RTO_TEST_DATA) / "llm" / "models" / "neox";

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> all;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = text.find('\n', from);
    all.push_back(json::parse(text.substr(from, to - from)));
    from = to + 1;
  }
  return all;
}

}  // namespace

TEST_CASE("inspect says what a checkpoint is, and refuses one with NaN where asked to look") {
  const finished f = run("inspect --check --json " + neox.string());
  REQUIRE(f.status == 0);
  const json facts = json::parse(f.output.substr(0, f.output.rfind('}') + 1));
  CHECK(facts.at("architecture") == "GPTNeoXForCausalLM");
  CHECK(facts.at("parameters") == 43808);
  CHECK(facts.at("stored").at("F32").at("bytes") == 4 * 43808);
  const fs::path folder = fs::temp_directory_path() / "rto_inspect_test";
  fs::remove_all(folder);
  language_model m = language_model::load(neox);
  m.parameters()[5].tensor.view({-1})[7] = std::numeric_limits<float>::quiet_NaN();
  m.save(folder);
  CHECK(run("inspect " + folder.string()).status == 0);
  const finished bad = run("inspect --check " + folder.string());
  CHECK(bad.status == 2);
  CHECK_THAT(bad.output, Catch::Matchers::ContainsSubstring("expected finite numbers, found NaN at ["));
  CHECK(std::count(bad.output.begin(), bad.output.end(), '\n') == 1);
  fs::remove_all(folder);
}

TEST_CASE("generate writes the same answers on the terminal and into files, up to a stop string") {
  const fs::path folder = fs::temp_directory_path() / "rto_generate_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(folder / "in.jsonl") << R"({"id": 7, "prompt": "the cat"})"
                                     << "\n"
                                     << R"({"id": 8, "prompt": "a"})"
                                     << "\n";
  const std::string common =
      "generate " + neox.string() + " --max-new-tokens 40 --seed 3 --ignore-end --temperature 0.8 --top-k 40 ";
  REQUIRE(run(common + "--input " + (folder / "in.jsonl").string() + " --output " + (folder / "out.jsonl").string() +
              " --log-probabilities")
              .status == 0);
  const std::vector<json> answers = lines_of(rto::sim::read_file(folder / "out.jsonl"));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].at("id") == 7);
  CHECK(answers[1].at("tokens").size() == 40);
  CHECK(answers[1].at("log_probabilities").size() == 40);
  CHECK(answers[1].at("finish_reason") == "length");
  const std::string text = answers[0].at("text");
  const finished streamed = run(common + "--prompt 'the cat'");
  CHECK(streamed.status == 0);
  CHECK(streamed.output == text + "\n");
  // A stop string from the middle of the answer ends it there.
  std::size_t letter = text.size() / 2;
  while (letter < text.size() && (std::isalnum(static_cast<unsigned char>(text[letter])) == 0)) ++letter;
  REQUIRE(letter < text.size());
  const std::string stop(1, text[letter]);
  const std::vector<json> stopped =
      lines_of(run(common + "--prompt 'the cat' --stop " + stop + " --output /dev/stdout").output);
  CHECK(stopped.at(0).at("text") == text.substr(0, text.find(stop)));
  CHECK(stopped.at(0).at("finish_reason") == "stop");
  fs::remove_all(folder);
}

TEST_CASE("what generate cannot do is one line and status 2") {
  const auto says = [](const std::string& words, const std::string& what) {
    const finished f = run("generate " + words);
    CHECK(f.status == 2);
    CHECK_THAT(f.output, Catch::Matchers::ContainsSubstring(what));
    CHECK(std::count(f.output.begin(), f.output.end(), '\n') == 1);
  };
  says("/nowhere --prompt x", "/nowhere");
  says(neox.string() + " --prompt x --temperature=-1", "temperature must be at least 0");
  says(neox.string() + " --input /nowhere.jsonl", "/nowhere.jsonl");
  std::string longer;
  for (int i = 0; i < 300; ++i) longer += " zq";
  says(neox.string() + " --prompt '" + longer + "'", "expected a prompt below the model's context of 128 tokens");
  says((fs::path(RTO_TEST_DATA) / "llm_more" / "models" / "gpt2").string() + " --prompt x", "tokenizer.json");
}
