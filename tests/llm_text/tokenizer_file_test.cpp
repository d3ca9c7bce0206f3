// Damaged and hostile tokenizer files: one line that names the file and the place, never anything else.
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
namespace sim = rto::sim;
namespace fs = std::filesystem;
using sim::json;

namespace {

const fs::path own = fs::path(RTO_TEST_DATA) / "llm/tokenizers";
const fs::path scratch = fs::temp_directory_path() / "rto_tokenizer_file_test.json";

// The complaint about a file of this content; empty when it loads (and then it encodes).
std::string complaint(const std::string& content) {
  std::ofstream(scratch) << content;
  std::string message;
  try {
    const tokenizer t = tokenizer::load(scratch);
    const token_ids ids = t.encode("Hello <|bos|> world\u4eba \u00e9 12", true);
    t.decode(ids, true);
  } catch (const sim::user_error& e) {
    message = e.what();
  }
  fs::remove(scratch);
  return message;
}

std::string changed(const std::string& base, const std::function<void(json&)>& change) {
  json document = sim::read_json(own / (base + ".json"));
  change(document);
  return complaint(document.dump());
}

void check_named(const std::string& message, const std::string& place) {
  INFO(message << " / " << place);
  CHECK(message.starts_with(scratch.string()));
  CHECK(message.find(place) != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
}

}  // namespace

TEST_CASE("a field of a tokenizer file that is wrong or not supported is named") {
  const std::vector<std::tuple<std::string, std::function<void(json&)>, std::string>> changes{
      {"neox", [](json& d) { d = json::array(); }, ": expected an object, found a list"},
      {"neox", [](json& d) { d.erase("model"); }, "model: the field is missing"},
      {"neox", [](json& d) { d["model"] = "BPE"; }, "model: expected an object"},
      {"neox", [](json& d) { d["model"]["type"] = "Unigram"; }, "model.type: the model \"Unigram\" is not supported"},
      {"neox", [](json& d) { d["model"]["dropout"] = 0.1; }, "model.dropout"},
      {"neox", [](json& d) { d["model"]["continuing_subword_prefix"] = "##"; }, "model.continuing_subword_prefix"},
      {"neox", [](json& d) { d["model"]["end_of_word_suffix"] = "</w>"; }, "model.end_of_word_suffix"},
      {"neox", [](json& d) { d["model"]["byte_fallback"] = true; }, "model.byte_fallback"},
      {"neox", [](json& d) { d["model"]["fuse_unk"] = 1; }, "model.fuse_unk: expected true or false"},
      {"neox", [](json& d) { d["model"]["unk_token"] = "<none>"; }, "model.unk_token: \"<none>\" is not in"},
      {"neox", [](json& d) { d["model"].erase("vocab"); }, "model.vocab: the field is missing"},
      {"neox", [](json& d) { d["model"]["vocab"] = json::array(); }, "model.vocab: expected an object"},
      {"neox",
       [](json& d) {
         d["model"]["vocab"] = json::object();
         d["model"]["merges"] = json::array();
       },
       "model.vocab: is empty"},
      {"neox", [](json& d) { d["model"]["vocab"]["a"] = "1"; },
       "model.vocab[\"a\"]: expected an id from 0 to 16777215"},
      {"neox", [](json& d) { d["model"]["vocab"]["a"] = -1; }, "found -1"},
      {"neox", [](json& d) { d["model"]["vocab"]["a"] = 1.5; }, "found 1.5"},
      {"neox", [](json& d) { d["model"]["vocab"]["a"] = 1ULL << 63; }, "model.vocab[\"a\"]"},
      {"neox", [](json& d) { d["model"]["vocab"]["a"] = 1 << 24; }, "model.vocab[\"a\"]"},
      {"neox", [](json& d) { d["model"]["vocab"]["new"] = 50; }, "the id 50 is that of"},
      {"neox", [](json& d) { d["model"]["merges"] = 3; }, "model.merges: expected a list"},
      {"neox", [](json& d) { d["model"]["merges"][7] = "onlyone"; }, "model.merges[7]: expected two tokens"},
      {"neox", [](json& d) { d["model"]["merges"][7] = "a b c"; }, "model.merges[7]"},
      {"neox",
       [](json& d) {
         d["model"]["merges"][7] = json::array({"a", 1});
       },
       "model.merges[7]"},
      {"neox",
       [](json& d) {
         d["model"]["merges"][7] = json::array({"a", "nothing"});
       },
       "model.merges[7]: the token \"nothing\" is not in the vocabulary"},
      {"neox",
       [](json& d) {
         d["model"]["merges"][7] = json::array({"z", "z"});
       },
       "\"zz\" is not in the vocabulary"},
      {"neox", [](json& d) { d["added_tokens"] = "no"; }, "added_tokens: expected a list"},
      {"neox", [](json& d) { d["added_tokens"][1].erase("content"); }, "added_tokens[1].content: the field is missing"},
      {"neox", [](json& d) { d["added_tokens"][1]["id"] = 3; },
       "added_tokens[1]: \"<|bos|>\" has the id 3, but 1 elsewhere"},
      {"neox", [](json& d) { d["added_tokens"][3]["id"] = 3; }, "the id 3 of"},
      {"neox", [](json& d) { d["added_tokens"][1]["id"] = 1LL << 40; }, "added_tokens[1].id"},
      {"neox", [](json& d) { d["added_tokens"][1]["lstrip"] = "yes"; },
       "added_tokens[1].lstrip: expected true or false"},
      {"neox",
       [](json& d) {
         d["normalizer"] = {{"type", "Lowercase"}};
       },
       "normalizer.type: the normalizer \"Lowercase\" is not supported"},
      {"neox",
       [](json& d) {
         d["normalizer"] = {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "Nmt"}}}}};
       },
       "normalizer.normalizers[1].type"},
      {"neox",
       [](json& d) {
         d["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
       },
       "pre_tokenizer.type: the pre-tokenizer \"BertPreTokenizer\""},
      {"llama3",
       [](json& d) { std::swap(d["pre_tokenizer"]["pretokenizers"][0], d["pre_tokenizer"]["pretokenizers"][1]); },
       "pre_tokenizer.pretokenizers[1].type: \"Split\" after ByteLevel"},
      {"llama3", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Sometimes"; },
       "behavior: \"Sometimes\""},
      {"llama3", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a"; },
       "pretokenizers[0].pattern.Regex: not a regular expression"},
      {"llama3", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\h+"; },
       "\\h is not supported in a pattern"},
      {"llama3", [](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a&&b]"; },
       "&& in a class"},
      {"llama3", [](json& d) { d["post_processor"]["type"] = "BertProcessing"; }, "post_processor.type"},
      {"llama3", [](json& d) { d["post_processor"]["single"][0]["SpecialToken"]["id"] = "x"; },
       "post_processor.special_tokens.x"},
      {"llama3", [](json& d) { d["post_processor"]["special_tokens"]["<|bos|>"]["ids"][0] = 999; },
       "no token has the id 999"},
      {"llama3", [](json& d) { d["post_processor"]["single"].erase(1); },
       "post_processor.single: expected the sequence A"},
      {"neox",
       [](json& d) {
         d["decoder"] = {{"type", "WordPiece"}};
       },
       "decoder.type: the decoder \"WordPiece\" is not supported"},
      {"sentencepiece", [](json& d) { std::swap(d["decoder"]["decoders"][0], d["decoder"]["decoders"][1]); },
       "decoder.decoders[1].type: \"Replace\" after ByteFallback"},
      {"sentencepiece", [](json& d) { d["decoder"]["decoders"][3]["start"] = -1; }, "decoder.decoders[3].start"},
      {"sentencepiece", [](json& d) { d["normalizer"]["normalizers"][1]["pattern"]["String"] = ""; },
       "normalizers[1].pattern.String: is empty"}};
  for (const auto& [base, change, place] : changes) check_named(changed(base, change), place);
  CHECK(changed("neox", [](json&) {}).empty());
}

TEST_CASE("a file that is nested or long beyond reason is refused, not followed") {
  std::string open, close;
  for (int depth = 0; depth < 20'000; ++depth) {
    open += R"({"type":"Sequence","normalizers":[)";
    close += "]}";
  }
  check_named(complaint(R"({"model":{},"normalizer":)" + open + close + "}"), "at most 8 sequences");
  check_named(changed("neox", [](json& d) { d["added_tokens"][3]["content"] = std::string(1'000'000, 'x'); }),
              "added_tokens[3].content: expected at most 4096 bytes");
}

TEST_CASE("ids of a tokenizer file may have gaps") {
  const auto gap = [](json& d) { d["model"]["vocab"]["a"] = 5000; };
  CHECK(changed("neox", gap).empty());
}

TEST_CASE("a file that is missing, empty, cut or no JSON is named") {
  CHECK_THROWS_AS(tokenizer::load("/nowhere/tokenizer.json"), sim::user_error);
  CHECK_THROWS_AS(tokenizer::load(own / ".."), sim::user_error);  // a folder without one
  check_named(complaint(""), "empty file");
  const std::string content = sim::read_file(own / "llama3.json");
  for (std::size_t size = 1; size + 2 < content.size(); size += 37)
    check_named(complaint(content.substr(0, size)), "line ");
  check_named(complaint(std::string(100'000, '[')), "");
}

TEST_CASE("a configuration beside the tokenizer that is wrong is named") {
  const fs::path folder = fs::temp_directory_path() / "rto_tokenizer_config_test";
  fs::create_directories(folder);
  fs::copy_file(own / "neox.json", folder / "tokenizer.json", fs::copy_options::overwrite_existing);
  for (const auto& [content, place] : std::vector<std::pair<std::string, std::string>>{
           {"[]", "expected an object"},
           {R"({"bos_token": "<nothing>"})", "bos_token: \"<nothing>\" is no token of the tokenizer"},
           {R"({"eos_token": 3})", "eos_token: expected an object"},
           {R"({"add_bos_token": "yes"})", "add_bos_token: expected true or false"},
           {R"({"chat_template": 3})", "chat_template: expected a text or a list"},
           {R"({"added_tokens_decoder": {"x": {}}})", "added_tokens_decoder[\"x\"]: expected an id"},
           {R"({"added_tokens_decoder": {"5": {"content": "<|new|>"}}})", "the id 5 of \"<|new|>\""}}) {
    std::ofstream(folder / "tokenizer_config.json") << content;
    try {
      tokenizer::load(folder);
      FAIL("no error for " << content);
    } catch (const sim::user_error& e) {
      INFO(e.what());
      CHECK(std::string(e.what()).starts_with((folder / "tokenizer_config.json").string()));
      CHECK(std::string(e.what()).find(place) != std::string::npos);
    }
  }
  fs::remove_all(folder);
}

TEST_CASE("whatever happens to a tokenizer file, it loads or it is refused in one line that names it") {
  std::mt19937 random(20240429);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::size_t refused = 0;
  for (const std::string base : {"llama3", "sentencepiece"}) {
    const std::string content = sim::read_file(own / (base + ".json"));
    const json document = sim::read_json(own / (base + ".json"));
    for (int trial = 0; trial < 300; ++trial) {
      std::string damaged = content;
      if (trial % 3 == 0) {  // some bytes
        for (std::size_t k = 0; k < 1 + below(3); ++k)
          damaged[below(damaged.size())] = static_cast<char>(random() & 0xFF);
      } else if (trial % 3 == 1) {  // a piece taken out or doubled
        const std::size_t at = below(damaged.size()), size = below(60);
        const std::string piece = damaged.substr(at, size);
        below(2) == 0 ? damaged.erase(at, size) : damaged.insert(at, piece);
      } else {  // a value of another type somewhere
        json d = document;
        json* at = &d;
        while (at->is_structured() && !at->empty() && (at == &d || below(4) != 0)) {
          auto child = at->begin();
          std::advance(child, static_cast<std::ptrdiff_t>(below(at->size())));
          at = &*child;
        }
        const json values[] = {
            nullptr, true, -1, 1e300, 3, "x", "", json::array(), json::object(), json::array({1, "a"})};
        *at = values[below(std::size(values))];
        damaged = d.dump();
      }
      const std::string message = complaint(damaged);
      if (message.empty()) continue;
      ++refused;
      check_named(message, "");
    }
  }
  CHECK(refused > 200);
}
