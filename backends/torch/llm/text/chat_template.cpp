#include "llm/text/chat_template.hpp"

#include <fmt/format.h>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

[[noreturn]] void fail(const std::string& name, const std::string& message) {
  throw sim::user_error(
      fmt::format("{}{}chat template: {}", name, name.empty() ? "" : ": ", sim::printable(message, 400)));
}

}  // namespace

chat_template::chat_template(std::string source, std::vector<std::pair<std::string, std::string>> special_tokens,
                             std::string name)
    : source_(std::move(source)), name_(std::move(name)), special_tokens_(std::move(special_tokens)) {
  try {
    tree_ = std::make_shared<const jinja::syntax_tree>(jinja::parse(source_));
  } catch (const jinja::template_error& e) {
    fail(name_, e.what());
  }
}

rendered_chat chat_template::render(const sim::ordered_json& messages, const chat_template_options& options) const {
  try {
    std::vector<std::pair<std::string, jinja::value>> variables;
    const auto set = [&](const std::string& name, jinja::value v) {
      for (auto& [key, old] : variables) {
        if (key == name) {
          old = std::move(v);
          return;
        }
      }
      variables.emplace_back(name, std::move(v));
    };
    for (const auto& [name, text] : special_tokens_) set(name, text);
    set("messages", jinja::value::from_json(messages));
    set("tools", jinja::value::from_json(options.tools));
    set("documents", jinja::value::from_json(options.documents));
    set("add_generation_prompt", options.add_generation_prompt);
    if (options.variables.is_object()) {
      for (const auto& [name, v] : options.variables.items()) set(name, jinja::value::from_json(v));
    }
    return jinja::interpreter(*tree_, std::move(variables), options.now, options.limits).run();
  } catch (const jinja::template_error& e) {
    fail(name_, e.what());
  }
}

}  // namespace rto::llm
