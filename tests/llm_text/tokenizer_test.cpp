#include "llm/text/tokenizer.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "sim/data/json_lines.hpp"
#include "sim/io/file.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
namespace sim = rto::sim;
namespace fs = std::filesystem;

namespace {

const fs::path own = fs::path(RTO_TEST_DATA) / "llm/tokenizers";

fs::path shared() {
  const char* folder = std::getenv("RTO_SHARED");
  if (folder == nullptr) std::cout << "SKIPPED: RTO_SHARED is not set: the shared tokenizers\n";
  return folder == nullptr ? fs::path() : fs::path(folder);
}

const std::vector<std::pair<std::string, std::string>> files{{"gpt2", "gpt2/tokenizer.json"},
                                                             {"gpt-neox-20b", "gpt-neox-20b/20B_tokenizer.json"},
                                                             {"dolma2", "dolma2/allenai_dolma2.json"},
                                                             {"mistral-v1", "mistral-v1/tokenizer.json"},
                                                             {"tiny-bpe-4k", "tiny-bpe-4k/tokenizer.json"}};

std::string streamed(const tokenizer& t, const token_ids& ids, bool skip_special_tokens) {
  text_stream stream(t, skip_special_tokens);
  std::string text;
  for (const token_id id : ids) text += stream.add(id);
  return text + stream.finish();
}

void check_decode(const tokenizer& t, const token_ids& ids, const std::string& all, const std::string& plain) {
  CHECK(t.decode(ids) == all);
  CHECK(t.decode(ids, true) == plain);
  CHECK(streamed(t, ids, false) == all);
  CHECK(streamed(t, ids, true) == plain);
}

// A folder of its own, gone at the end.
struct folder {
  fs::path path = fs::temp_directory_path() / "rto_tokenizer_test";
  folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& content) const { std::ofstream(path / name) << content; }
};

}  // namespace

TEST_CASE("ids and texts are those of Hugging Face's tokenizers on the shared cases") {
  const fs::path data = shared();
  if (data.empty()) return;
  for (const auto& [name, file] : files) {
    const tokenizer t = tokenizer::load(data / "data/tokenizers" / file);
    sim::json_lines_reader cases(data / "data/tokenizer-cases.jsonl");
    sim::json c;
    std::size_t count = 0;
    while (cases.next(c)) {
      INFO(name << " " << c["id"]);
      const std::string text = c["text"];
      const token_ids expected = c["ids"][name];
      CHECK(t.encode(text) == expected);
      const auto& different = c["decoded_if_different"];
      CHECK(t.decode(expected) == (different.contains(name) ? different[name].get<std::string>() : text));
      ++count;
    }
    CHECK(count >= 60);
  }
}

TEST_CASE("ids are those of llama.cpp's cases") {
  const fs::path data = shared();
  if (data.empty()) return;
  const std::vector<std::pair<std::string, std::string>> cases{
      {"gpt-2", files[0].second}, {"mpt", files[1].second}, {"dbrx", files[2].second}};
  for (const auto& [name, file] : cases) {
    const tokenizer t = tokenizer::load(data / "data/tokenizers" / file);
    const fs::path stem = data / "data/tokenizers/llama.cpp-cases" / ("ggml-vocab-" + name + ".gguf");
    const std::string texts = sim::read_file(stem.string() + ".inp"), mark = "\n__ggml_vocab_test__\n";
    std::istringstream lines(sim::read_file(stem.string() + ".out"));
    std::size_t count = 0;
    for (std::size_t at = 0; at < texts.size(); ++count) {
      const std::size_t end = std::min(texts.find(mark, at), texts.size());
      std::string line;
      std::getline(lines, line);
      std::istringstream words(line);
      token_ids expected;
      for (token_id id = 0; words >> id;) expected.push_back(id);
      INFO(name << ", text " << count);
      CHECK(t.encode(texts.substr(at, end - at)) == expected);
      at = end + mark.size();
    }
    CHECK(count >= 43);
  }
}

TEST_CASE("ids and texts are those of transformers on small tokenizers, with special tokens and without") {
  for (const std::string name : {"neox", "llama3"}) {
    const tokenizer t = tokenizer::load(own / (name + ".json"));
    const sim::json expected = sim::read_json(own / (name + ".expected.json"));
    CHECK(t.vocabulary_size() == expected["vocab_size"].get<std::int64_t>());
    for (const auto& c : expected["encode"]) {
      INFO(name << " " << c.dump());
      const std::string text = c["text"];
      CHECK(t.encode(text, true) == c["ids"].get<token_ids>());
      CHECK(t.encode(text) == c["ids_no_special"].get<token_ids>());
      CHECK(t.decode(c["ids_no_special"].get<token_ids>()) == c["decoded"]);
      CHECK(t.decode(c["ids"].get<token_ids>(), true) == c["decoded_skip_special"]);
    }
    for (const auto& c : expected["decode"]) {
      INFO(name << " " << c.dump());
      CHECK(t.decode(c["ids"].get<token_ids>()) == c["decoded"]);
    }
  }
}

TEST_CASE("every kind of step gives what Hugging Face's tokenizers give") {
  const folder here;
  const sim::json list = sim::read_json(own / "variants.json")["variants"];
  CHECK(list.size() > 50);
  for (const auto& variant : list) {
    sim::json document = sim::read_json(own / (variant["base"].get<std::string>() + ".json"));
    document.update(variant["changes"]);
    here.write("tokenizer.json", document.dump());
    const tokenizer t = tokenizer::load(here.path / "tokenizer.json");
    for (const auto& c : variant["cases"]) {
      INFO(variant["name"] << " " << c.dump(-1, ' ', true));
      const std::string text = c["text"];
      CHECK(t.encode(text) == c["ids"].get<token_ids>());
      CHECK(t.encode(text, true) == c["ids_with_special"].get<token_ids>());
      check_decode(t, c["decode"], c["decoded"], c["decoded_without_special"]);
    }
  }
}

TEST_CASE("a stream of ids gives text in whole characters, as soon as they are certain") {
  const tokenizer t = tokenizer::load(own / "neox.json");
  const token_ids ids = t.encode("a\u20ac");
  REQUIRE(ids.size() == 4);  // the euro sign is three bytes, each a token
  text_stream stream(t);
  CHECK(stream.add(ids[0]) == "a");
  CHECK(stream.add(ids[1]).empty());
  CHECK(stream.add(ids[2]).empty());
  CHECK(stream.add(ids[3]) == "\u20ac");
  CHECK(stream.finish().empty());
  CHECK(stream.add(ids[1]).empty());
  CHECK(stream.finish() == "\uFFFD");
}

TEST_CASE("ids without a token give no text, and have no name") {
  const tokenizer t = tokenizer::load(own / "neox.json");
  const token_ids ids{-1, t.encode("a")[0], t.vocabulary_size(), 1'000'000'000'000};
  CHECK(t.decode(ids) == "a");
  CHECK_FALSE(t.has_token(t.vocabulary_size()));
  CHECK_FALSE(t.is_special(-1));
  CHECK_THROWS_AS(t.token(-1), std::out_of_range);
}

TEST_CASE("text that is not UTF-8 is refused, naming the byte") {
  const tokenizer t = tokenizer::load(own / "neox.json");
  for (const std::string text : {"ab\xff", "ab\xc3", "ab\xed\xa0\x80", "ab\xc0\xaf"}) {
    try {
      t.encode(text);
      FAIL("no error");
    } catch (const sim::user_error& e) {
      CHECK(std::string(e.what()).find("not UTF-8 at byte 2") != std::string::npos);
    }
  }
}

TEST_CASE("a long run of one character takes time in proportion to its length") {
  // 0.5 MB each: what is quadratic anywhere would take minutes to hours.
  for (const std::string name : {"neox", "llama3", "sentencepiece"}) {
    const tokenizer t = tokenizer::load(own / (name + ".json"));
    for (const std::string unit : {" ", "e", "\n", "\u0301\u0316", "\u4eba", "the", "<|im", "1", "\u2581", " \r\n"}) {
      std::string text = "x";
      while (text.size() < 500'000) text += unit;
      const token_ids ids = t.encode(text);
      CHECK(ids.size() > text.size() / 40);
    }
  }
}

TEST_CASE("roles, template and files come from a model's folder and go into a checkpoint's") {
  const folder here;
  here.write("tokenizer.json", sim::read_file(own / "llama3.json"));
  const tokenizer bare = tokenizer::load(here.path);
  CHECK(bare.bos() == 1);
  CHECK(bare.eos() == 2);
  CHECK(bare.pad() == 0);
  CHECK_FALSE(bare.unk().has_value());
  CHECK(bare.encode("a", true).front() == 1);
  CHECK(bare.chat_template().empty());
  CHECK(bare.id_of("<|im_end|>") == 375);
  CHECK(bare.token(375) == "<|im_end|>");
  CHECK(bare.is_special(375));

  here.write("tokenizer_config.json",
             R"({"eos_token": {"content": "<|im_end|>"}, "pad_token": null, "add_bos_token": false,
                 "added_tokens_decoder": {"376": {"content": "<|tool|>", "special": true}},
                 "chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]})");
  here.write("special_tokens_map.json", R"({"bos_token": "<|bos|>", "eos_token": "<|eos|>"})");
  const tokenizer t = tokenizer::load(here.path);
  CHECK(t.bos() == 1);
  CHECK(t.eos() == 375);
  CHECK_FALSE(t.pad().has_value());
  CHECK(t.encode("a", true) == t.encode("a"));
  CHECK(t.encode("<|tool|>") == token_ids{376});
  CHECK(t.vocabulary_size() == 377);
  CHECK(t.chat_template() == "d");

  here.write("chat_template.jinja", "{{ messages }}");
  const tokenizer again = tokenizer::load(here.path);
  CHECK(again.chat_template() == "{{ messages }}");
  again.save(here.path / "checkpoint");
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"})
    CHECK(sim::read_file(here.path / "checkpoint" / name) == sim::read_file(here.path / name));
  CHECK(tokenizer::load(here.path / "checkpoint").encode("a <|tool|>") == again.encode("a <|tool|>"));
}
