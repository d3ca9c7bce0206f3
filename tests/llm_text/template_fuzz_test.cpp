// Templates that nobody wrote: whatever comes in, there is a text or one line of complaint, in little time.
#include <algorithm>
#include <filesystem>

#include "llm/text/chat_template.hpp"
#include "sim/engine/stream.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

struct counts {
  int rendered = 0, refused = 0;
};

void try_template(const std::string& source, const rto::sim::ordered_json& messages, counts& c) {
  chat_template_options options;
  options.add_generation_prompt = true;
  options.limits = {20000, std::size_t{1} << 22, std::size_t{1} << 18};
  try {
    const rendered_chat chat =
        chat_template(source, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}).render(messages, options);
    for (const auto& span : chat.generated) REQUIRE((span.begin <= span.end && span.end <= chat.text.size()));
    ++c.rendered;
  } catch (const rto::sim::user_error& e) {
    REQUIRE(std::string(e.what()).find("chat template: line ") != std::string::npos);
    REQUIRE(std::string(e.what()).find('\n') == std::string::npos);
    ++c.refused;
  }
}

}  // namespace

TEST_CASE("mutilated chat templates render or are refused with a line, and never more than that") {
  std::vector<std::string> sources;
  const std::filesystem::path folder = RTO_TEST_DATA "/llm/chat_templates";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".jinja") sources.push_back(rto::sim::read_file(entry.path()));
  }
  std::sort(sources.begin(), sources.end());
  const auto document = rto::sim::read_ordered_json(folder / "expected_expressions.json");
  for (const auto& c : document["cases"]) sources.push_back(c["template"].get<std::string>());
  const auto messages = rto::sim::parse_ordered_json(
      R"([{"role":"system","content":"s"},{"role":"user","content":"é"},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"user","content":[1,"x"]}])",
      "test");
  const std::vector<std::string> pieces = {"{%",
                                           "%}",
                                           "{{",
                                           "}}",
                                           "{#",
                                           "#}",
                                           "-",
                                           "'",
                                           "\"",
                                           "(",
                                           ")",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           "|",
                                           ".",
                                           ":",
                                           ",",
                                           "~",
                                           "*",
                                           "**",
                                           " if ",
                                           " else ",
                                           " for x in ",
                                           " in ",
                                           " is ",
                                           " not ",
                                           "{% endif %}",
                                           "{% endfor %}",
                                           "{% set a = ",
                                           "namespace(",
                                           "range(9)",
                                           "loop.",
                                           "messages",
                                           "\\",
                                           "\xff",
                                           "\xc3",
                                           "0",
                                           "1e9",
                                           "9223372036854775807",
                                           "\n",
                                           "{% raw %}"};
  rto::sim::stream random(2024);
  counts c;
  for (int k = 0; k < 6000; ++k) {
    std::string text = sources[random() % sources.size()];
    const int changes = 1 + static_cast<int>(random() % 4);
    for (int change = 0; change < changes && !text.empty(); ++change) {
      const std::size_t at = random() % text.size(), size = 1 + random() % 8;
      switch (random() % 4) {
        case 0:
          text.erase(at, size);
          break;
        case 1:
          text.insert(at, pieces[random() % pieces.size()]);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), size * 4));
          break;
        default:
          text.resize(at);
      }
    }
    INFO(text);
    try_template(text, messages, c);
  }
  CHECK(c.rendered > 500);
  CHECK(c.refused > 500);
}
