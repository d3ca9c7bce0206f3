// rto-llm inspect and generate as a user runs them.
#include <cstdio>
#include <fstream>

#include "fixtures.hpp"
#include "program.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;
namespace fs = std::filesystem;

namespace {

const fs::path neox = fs::path(RTO_TEST_DATA) / "llm" / "models" / "neox";

}  // namespace

TEST_CASE("inspect says what a checkpoint is, and refuses one with NaN where asked to look") {
  const ended f = run({"inspect", "--check", "--json", neox.string()});
  REQUIRE(f.status == 0);
  const json facts = json::parse(f.output.substr(0, f.output.rfind('}') + 1));
  CHECK(facts.at("architecture") == "GPTNeoXForCausalLM");
  CHECK(facts.at("parameters") == 43808);
  CHECK(facts.at("stored").at("F32").at("bytes") == 4 * 43808);
  const rto::test::temporary_folder folder;
  language_model m = language_model::load(neox);
  m.parameters()[5].tensor.view({-1})[7] = std::numeric_limits<float>::quiet_NaN();
  m.save(folder.path());
  CHECK(run({"inspect", folder.path().string()}).status == 0);
  check_refused({"inspect", "--check", folder.path().string()}, "expected finite numbers, found NaN at [");
}

TEST_CASE("generate writes the same answers on the terminal and into files, up to a stop string") {
  const rto::test::temporary_folder folder;
  std::ofstream(folder / "in.jsonl") << R"({"id": 7, "prompt": "the cat"})"
                                     << "\n"
                                     << R"({"id": 8, "prompt": "a"})"
                                     << "\n";
  const words common{"generate",      neox.string(), "--max-new-tokens", "40", "--seed", "3", "--ignore-end",
                     "--temperature", "0.8",         "--top-k",          "40"};
  REQUIRE(run(common + words{"--input", (folder / "in.jsonl").string(), "--output", (folder / "out.jsonl").string(),
                             "--log-probabilities"})
              .status == 0);
  const std::vector<json> answers = lines_of(rto::sim::read_file(folder / "out.jsonl"));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].at("id") == 7);
  CHECK(answers[1].at("tokens").size() == 40);
  CHECK(answers[1].at("log_probabilities").size() == 40);
  CHECK(answers[1].at("finish_reason") == "length");
  const ended compared = run(common + words{"--input", (folder / "in.jsonl").string(), "--output",
                                            (folder / "again.jsonl").string(), "--compare-scores"});
  double difference = 1;
  int tokens = 0;
  REQUIRE(std::sscanf(compared.output.c_str(),
                      "log-probabilities: sampling and training differ by at most %lf nats (%d tokens)", &difference,
                      &tokens) == 2);
  CHECK(tokens == 80);
  CHECK(difference <= 1e-5);
  const std::string text = answers[0].at("text");
  const ended streamed = run(common + words{"--prompt", "the cat"});
  CHECK(streamed.status == 0);
  CHECK(streamed.output == text + "\n");
  // A stop string from the middle of the answer ends it there.
  std::size_t letter = text.size() / 2;
  while (letter < text.size() && (std::isalnum(static_cast<unsigned char>(text[letter])) == 0)) ++letter;
  REQUIRE(letter < text.size());
  const std::string stop(1, text[letter]);
  const std::vector<json> stopped =
      lines_of(run(common + words{"--prompt", "the cat", "--stop", stop, "--output", "/dev/stdout"}).output);
  CHECK(stopped.at(0).at("text") == text.substr(0, text.find(stop)));
  CHECK(stopped.at(0).at("finish_reason") == "stop");
}

TEST_CASE("generate takes messages and the prompts of training data, and writes them as the model saw them") {
  const rto::test::temporary_folder folder;
  std::ofstream(folder / "chat.jsonl") << R"({"id": 1, "messages": [{"role": "user", "content": "hi"}]})"
                                       << "\n";
  std::ofstream(folder / "pairs.jsonl") << R"({"prompt": "a cat", "chosen": " x", "rejected": " y"})"
                                        << "\n"
                                        << R"({"prompt": "a cat", "chosen": " z", "rejected": " y"})"
                                        << "\n"
                                        << R"({"prompt": "a dog", "chosen": " x", "rejected": " y"})"
                                        << "\n";
  const words common{"generate", neox.string(), "--max-new-tokens", "12", "--seed", "5", "--output", "/dev/stdout"};
  const std::vector<json> chat =
      lines_of(run(common + words{"--chat", "--input", (folder / "chat.jsonl").string()}).output);
  REQUIRE(chat.size() == 1);
  CHECK(chat[0].at("id") == 1);
  CHECK(chat[0].at("prompt") == "\n\nHuman: hi\n\nAssistant:");  // a tokenizer without a template
  const std::vector<json> text = lines_of(run(common + words{"--prompt", "\n\nHuman: hi\n\nAssistant:"}).output);
  CHECK(text.at(0).at("tokens") == chat[0].at("tokens"));
  CHECK(lines_of(run(common + words{"--chat", "--prompt", "hi"}).output).at(0).at("tokens") == chat[0].at("tokens"));
  const std::vector<json> data = lines_of(run(common + words{"--data", (folder / "pairs.jsonl").string()}).output);
  REQUIRE(data.size() == 2);
  CHECK(data[0].at("prompt") == "a cat");
  CHECK(data[1].at("prompt") == "a dog");
}

TEST_CASE("the best of n is the candidate of the largest reward, and the first candidates are those of a smaller n") {
  const rto::test::temporary_folder folder;
  const std::string rm = with_tokenizer(fs::path(RTO_TEST_DATA) / "llm" / "models" / "neox_rm", neox, folder);
  const auto best_of = [&](const std::string& n) {
    const ended e = run({"generate", neox.string(), "--max-new-tokens", "8", "--seed", "5", "--output", "/dev/stdout",
                         "--prompt", "the cat", "--best-of", n, "--reward-model", rm});
    INFO(e.output);
    REQUIRE(e.status == 0);
    return lines_of(e.output).at(0);
  };
  const json four = best_of("4"), two = best_of("2");
  REQUIRE(four.at("candidates").size() == 4);
  double most = -1e9;
  for (const json& c : four.at("candidates")) most = std::max(most, c.at("reward").get<double>());
  CHECK(four.at("reward").get<double>() == most);
  for (const json& c : four.at("candidates"))
    if (c.at("reward").get<double>() == most) CHECK(c.at("text") == four.at("text"));
  for (std::size_t k = 0; k < 2; ++k) CHECK(two.at("candidates")[k].at("text") == four.at("candidates")[k].at("text"));
}

TEST_CASE("what generate cannot do is one line and status 2") {
  const auto says = [](const words& more, const std::string& what) { check_refused(words{"generate"} + more, what); };
  says({"/nowhere", "--prompt", "x"}, "/nowhere");
  says({neox.string(), "--best-of", "3", "--prompt", "x"}, "--best-of: expected --reward-model");
  says({neox.string(), "--max-length", "9", "--prompt", "x"}, "--max-length is for --data");
  says({neox.string(), "--prompt", "x", "--temperature=-1"}, "temperature must be at least 0");
  says({neox.string(), "--input", "/nowhere.jsonl"}, "/nowhere.jsonl");
  std::string longer;
  for (int i = 0; i < 300; ++i) longer += " zq";
  says({neox.string(), "--prompt", longer}, "expected a prompt below the model's context of 128 tokens");
  says({(fs::path(RTO_TEST_DATA) / "llm_more" / "models" / "gpt2").string(), "--prompt", "x"}, "tokenizer.json");
}
