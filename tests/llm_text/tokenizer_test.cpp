#include "llm/text/tokenizer.hpp"

#include <cstdlib>
#include <iostream>

#include "sim/data/json_lines.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
namespace sim = rto::sim;

namespace {

std::filesystem::path shared() {
  const char* folder = std::getenv("RTO_SHARED");
  return folder == nullptr ? std::filesystem::path() : std::filesystem::path(folder);
}

const std::vector<std::pair<std::string, std::string>> files{{"gpt2", "gpt2/tokenizer.json"},
                                                             {"gpt-neox-20b", "gpt-neox-20b/20B_tokenizer.json"},
                                                             {"dolma2", "dolma2/allenai_dolma2.json"},
                                                             {"mistral-v1", "mistral-v1/tokenizer.json"},
                                                             {"tiny-bpe-4k", "tiny-bpe-4k/tokenizer.json"}};

}  // namespace

TEST_CASE("ids and texts are those of Hugging Face's tokenizers on the shared cases") {
  if (shared().empty()) {
    std::cout << "SKIPPED: RTO_SHARED is not set: the shared tokenizer cases\n";
    return;
  }
  for (const auto& [name, file] : files) {
    const tokenizer t = tokenizer::load(shared() / "data/tokenizers" / file);
    sim::json_lines_reader cases(shared() / "data/tokenizer-cases.jsonl");
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
