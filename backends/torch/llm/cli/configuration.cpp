#include "llm/cli/configuration.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <iterator>
#include <sstream>

#include "sim/io/error.hpp"
#include "sim/io/file.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

class unfolding {
 public:
  unfolding(const CLI::App& command, std::string file) : command_(command), file_(std::move(file)) {}

  std::vector<std::string> operator()(const toml::table& document) {
    add_table(document, "");
    return std::move(arguments_);
  }

 private:
  void add_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, value] : table) {
      std::string name = prefix + std::string(key.str());
      std::replace(name.begin(), name.end(), '_', '-');
      if (const toml::table* inner = value.as_table())
        add_table(*inner, name + "-");
      else
        add_option(name, value);
    }
  }

  void add_option(const std::string& name, const toml::node& value) {
    const CLI::Option* option = command_.get_option_no_throw("--" + name);
    if (option == nullptr || name == "config" || name == "help")
      fail(value, fmt::format("{} has no option --{}", command_.get_name(), name));
    if (const auto flag = value.value_exact<bool>()) {
      arguments_.push_back(fmt::format("--{}={}", name, *flag));
    } else if (const toml::array* list = value.as_array()) {
      if (option->get_items_expected_max() < 2) fail(value, fmt::format("{}: expected one value, found a list", name));
      for (const toml::node& item : *list) arguments_.push_back(fmt::format("--{}={}", name, text(item, name)));
    } else {
      arguments_.push_back(fmt::format("--{}={}", name, text(value, name)));
    }
  }

  std::string text(const toml::node& value, const std::string& name) {
    if (const auto words = value.value_exact<std::string>()) return *words;
    if (const auto whole = value.value_exact<std::int64_t>()) return fmt::format("{}", *whole);
    if (const auto number = value.value_exact<double>()) return fmt::format("{}", *number);
    fail(value, fmt::format("{}: expected a text, a number, true, false or a list of texts or numbers", name));
  }

  [[noreturn]] void fail(const toml::node& value, const std::string& message) const {
    throw user_error(fmt::format("{}: line {}: {}", file_, value.source().begin.line, message));
  }

  const CLI::App& command_;
  std::string file_;
  std::vector<std::string> arguments_;
};

toml::table parse(const std::string& file) {
  const std::string content = sim::read_file(file);
  try {
    return toml::parse(content, file);
  } catch (const toml::parse_error& e) {
    throw user_error(fmt::format("{}: line {}: {}", file, e.source().begin.line, e.description()));
  }
}

}  // namespace

std::vector<std::string> unfold_configuration(const CLI::App& command, std::vector<std::string> arguments) {
  std::vector<std::string> result;
  std::string file;
  const auto take = [&](const std::string& name) {
    if (!file.empty()) throw user_error(fmt::format("--config is given twice: {} and {}", file, name));
    if (name.empty()) throw user_error("--config: expected a file");
    file = name;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--config") {
      take(i + 1 < arguments.size() ? arguments[i + 1] : "");
      ++i;
    } else if (arguments[i].starts_with("--config=")) {
      take(arguments[i].substr(9));
    } else {
      result.push_back(std::move(arguments[i]));
    }
  }
  if (file.empty()) return result;
  std::vector<std::string> first = unfolding(command, file)(parse(file));
  // What the command line sets anew is taken out, so that an option of several values is replaced and not extended.
  const auto named = [](const std::string& argument) { return argument.substr(0, argument.find('=')); };
  std::erase_if(first, [&](const std::string& argument) {
    return std::any_of(result.begin(), result.end(), [&](const std::string& r) { return named(r) == named(argument); });
  });
  first.insert(first.end(), std::make_move_iterator(result.begin()), std::make_move_iterator(result.end()));
  return first;
}

}  // namespace rto::llm
