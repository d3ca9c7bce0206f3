#include "llm/text/chat_template.hpp"

#include <cstdlib>
#include <filesystem>

#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
using rto::sim::ordered_json;

namespace {

const std::filesystem::path own_templates = RTO_TEST_DATA "/llm/chat_templates";

std::tm fixed_time() {  // generate.py's
  std::tm now{};
  now.tm_year = 2025 - 1900;
  now.tm_mon = 2;
  now.tm_mday = 9;
  now.tm_hour = 8;
  now.tm_min = 7;
  now.tm_sec = 6;
  now.tm_wday = 0;
  now.tm_yday = 67;
  return now;
}

std::vector<std::pair<std::string, std::string>> tokens_of(const ordered_json& document) {
  std::vector<std::pair<std::string, std::string>> tokens;
  for (const auto& [name, text] : document.items()) tokens.emplace_back(name, text.get<std::string>());
  return tokens;
}

struct outcome {
  std::string text, error;
  std::vector<std::pair<std::size_t, std::size_t>> generated;
};

outcome render(const std::string& source, const std::vector<std::pair<std::string, std::string>>& tokens,
               const ordered_json& messages, const chat_template_options& options) {
  outcome result;
  try {
    const rendered_chat chat = chat_template(source, tokens).render(messages, options);
    result.text = chat.text;
    for (const auto& span : chat.generated) result.generated.emplace_back(span.begin, span.end);
  } catch (const rto::sim::user_error& e) {
    result.error = e.what();
  }
  return result;
}

std::string complaint(const std::string& source, const chat_template_options& options = {}) {
  return render(source, {}, ordered_json::array(), options).error;
}

// Compares with what Python made of the same; \returns how many templates are refused as not supported.
int compare(const ordered_json& expected, const outcome& found) {
  if (expected.contains("error")) {
    CHECK(!found.error.empty());
    return 0;
  }
  if (found.error.find("not supported") != std::string::npos) return 1;
  CHECK(found.error == "");
  CHECK(found.text == expected["text"].get<std::string>());
  const auto spans = expected.value("generated", std::vector<std::pair<std::size_t, std::size_t>>{});
  CHECK(found.generated == spans);
  return 0;
}

int compare_folder(const std::filesystem::path& folder) {
  const ordered_json document = rto::sim::read_ordered_json(folder / "expected.json.gz");
  int refused = 0;
  for (const auto& c : document["cases"]) {
    ordered_json setting = document["settings"][c["setting"].get<std::size_t>()];
    chat_template_options options;
    options.add_generation_prompt = setting["add_generation_prompt"].get<bool>();
    options.tools = setting["tools"];
    options.now = fixed_time();
    setting.erase("add_generation_prompt");
    setting.erase("tools");
    options.variables = setting;
    const std::string name = c["template"].get<std::string>(), conversation = c["conversation"].get<std::string>();
    INFO(name << ", conversation " << conversation << ", setting " << c["setting"]);
    const outcome found = render(rto::sim::read_file(folder / (name + ".jinja")), tokens_of(document["tokens"]),
                                 document["conversations"][conversation], options);
    const int refusals = compare(c, found);
    if (refusals > 0) WARN(name << ": " << found.error);
    refused += refusals;
  }
  return refused;
}

}  // namespace

TEST_CASE("chat templates render as Jinja and transformers render them") { CHECK(compare_folder(own_templates) == 0); }

TEST_CASE("chat templates of another folder render as Jinja renders them") {
  const char* folder = std::getenv("RTO_CHAT_TEMPLATES");
  if (folder == nullptr) {
    std::puts("SKIPPED: chat templates of another folder: RTO_CHAT_TEMPLATES is not set");
    return;
  }
  CHECK(compare_folder(folder) == 0);
}

TEST_CASE("every construct of a template means what it means in Jinja, or is refused") {
  const ordered_json document = rto::sim::read_ordered_json(own_templates / "expected_expressions.json");
  chat_template_options options;
  options.now = fixed_time();
  options.variables = document["variables"];
  int refused = 0;
  for (const auto& c : document["cases"]) {
    ordered_json variables = document["variables"];
    const auto source = c["template"].get<std::string>();
    INFO(source << "\n" << c.dump());
    const outcome found = render(source, {}, ordered_json(), options);
    const int refusals = compare(c, found);
    if (refusals > 0) WARN(source << ": " << found.error);
    refused += refusals;
  }
  CHECK(refused == 0);
}

TEST_CASE("what Jinja has and chat templates don't use is refused by name") {
  using rto::test::ContainsSubstring;
  for (const char* statement :
       {"block a", "print x", "with", "filter upper", "call f()", "do x", "extends 'a'", "import 'a'"})
    CHECK_THAT(
        complaint("\n{% " + std::string(statement) + " %}"),
        ContainsSubstring("line 2: the statement '" +
                          std::string(statement).substr(0, std::string(statement).find(' ')) + "' is not supported"));
  CHECK_THAT(complaint("{% for i in [1] recursive %}{% endfor %}"),
             ContainsSubstring("a recursive loop is not supported"));
  CHECK_THAT(complaint("{{ [1] | random }}"), ContainsSubstring("the filter 'random' is not supported"));
  CHECK_THAT(complaint("{{ cycler(1) }}"), ContainsSubstring("the function 'cycler' is not supported"));
  CHECK_THAT(complaint("{{ range(*[1]) }}"), ContainsSubstring("unpacked arguments (* and **) are not supported"));
  CHECK_THAT(complaint("{{ 1 is filter }}"), ContainsSubstring("the test 'filter' is not supported"));
  CHECK_THAT(complaint("{% macro f() %}{% macro g() %}{% endmacro %}{% endmacro %}"),
             ContainsSubstring("a macro inside"));
  CHECK_THAT(complaint("{% set a %}{% generation %}b{% endgeneration %}{% endset %}"),
             ContainsSubstring("a generation block inside"));
}

TEST_CASE("an error of a template names its line and what is wrong") {
  using rto::test::ContainsSubstring;
  CHECK_THAT(complaint("a\n{% include 'x' %}"), ContainsSubstring("line 2: the statement 'include' is not supported"));
  CHECK_THAT(complaint("a\n\n{{ x | urlize }}"), ContainsSubstring("line 3: the filter 'urlize' is not supported"));
  CHECK_THAT(complaint("{{ 'a'.zfill(3) }}"), ContainsSubstring("line 1: the method 'zfill' of str is not supported"));
  CHECK_THAT(complaint("{% for i in [1] %}\n{{ i.a.b }}\n{% endfor %}"), ContainsSubstring("line 2: int has no 'a'"));
  CHECK_THAT(complaint("{% if x %}\n"), ContainsSubstring("expected {% endif %} for the block of line 1"));
  CHECK_THAT(complaint("{{ raise_exception('no system role') }}"),
             ContainsSubstring("line 1: the template refuses: no system role"));
  CHECK_THAT(complaint("{{ \n\n x y }}"), ContainsSubstring("line 3: expected }}, found 'y'"));
  CHECK_THAT(complaint("\xff"), ContainsSubstring("expected UTF-8"));
  try {
    chat_template("{{", {}, "tokenizer_config.json");
    FAIL("accepted");
  } catch (const rto::sim::user_error& e) {
    CHECK_THAT(e.what(), ContainsSubstring("tokenizer_config.json: chat template: line 1"));
  }
}

TEST_CASE("a template that never ends, grows or nests without bound is an error") {
  using rto::test::ContainsSubstring;
  chat_template_options small;
  small.limits = {30000, std::size_t{1} << 20, std::size_t{1} << 16};
  CHECK_THAT(
      complaint(
          "{% for i in range(1000) %}{% for j in [1, 2, 3, 4, 5, 6, 7, 8, 9] %}{{ 1 + 1 }}{% endfor %}{% endfor %}",
          small),
      ContainsSubstring("too many steps"));
  CHECK_THAT(
      complaint("{% for i in range(1000) %}{% for j in range(1000) %}{{ 'a' * 1000 }}{% endfor %}{% endfor %}", small),
      ContainsSubstring("bytes"));
  CHECK_THAT(complaint("{{ 'a' * 100000000000 }}"), ContainsSubstring("bytes"));
  CHECK_THAT(complaint("{{ 9223372036854775807 * 'ab' }}"), ContainsSubstring("bytes"));
  CHECK_THAT(
      complaint("{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"),
      ContainsSubstring("bytes"));
  CHECK_THAT(
      complaint("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}"),
      ContainsSubstring("bytes"));
  CHECK_THAT(complaint("{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}"),
             ContainsSubstring("nested deeper"));
  CHECK_THAT(complaint("{{ ('a' * 60000).replace('a', 'b' * 60000) }}"), ContainsSubstring("bytes"));
  CHECK_THAT(complaint("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}"), ContainsSubstring("too deeply"));
  CHECK_THAT(complaint("{{ " + std::string(100000, '(') + std::string(100000, ')') + " }}"),
             ContainsSubstring("nested deeper"));
  std::string chain = "{{ 1";
  for (int k = 0; k < 100000; ++k) chain += "+1";
  CHECK_THAT(complaint(chain + " }}"), ContainsSubstring("nested deeper"));
  std::string ifs;
  for (int k = 0; k < 100000; ++k) ifs += "{% if 1 %}";
  CHECK_THAT(complaint(ifs), ContainsSubstring("nested deeper"));
  std::string minus = "{{ ";
  for (int k = 0; k < 100000; ++k) minus += "- not ";
  CHECK(complaint(minus + "1 }}") != "");
  CHECK(complaint("{% set ns = namespace() %}{% set ns.a = ns %}{% set ns.b = [ns] %}ok") == "");  // a cycle
}
