#include <fmt/format.h>

#include <algorithm>

#include "llm/text/jinja_interpreter.hpp"

namespace rto::llm::jinja {

bound_arguments::bound_arguments(const std::string& function, const arguments& given,
                                 std::initializer_list<const char*> parameters)
    : function_(function), names_(parameters), values_(parameters.size(), nullptr) {
  if (given.positional.size() > names_.size())
    throw template_error(
        fmt::format("{}: expected at most {} arguments, found {}", function, names_.size(), given.positional.size()));
  for (std::size_t k = 0; k < given.positional.size(); ++k) values_[k] = &given.positional[k];
  for (const auto& [name, v] : given.named) {
    const auto at = std::find_if(names_.begin(), names_.end(), [&, &name = name](const char* n) { return name == n; });
    if (at == names_.end()) throw template_error(fmt::format("{} has no argument '{}'", function, name));
    const value*& place = values_[static_cast<std::size_t>(at - names_.begin())];
    if (place != nullptr) throw template_error(fmt::format("{}: the argument '{}' is given twice", function, name));
    place = &v;
  }
}

const value& bound_arguments::required(std::size_t k) const {
  if (values_[k] == nullptr) throw template_error(fmt::format("{}: expected the argument '{}'", function_, names_[k]));
  if (values_[k]->is_undefined()) throw template_error(values_[k]->what());
  return *values_[k];
}

const std::string& bound_arguments::text(std::size_t k) const {
  const value& v = required(k);
  if (!v.is_text())
    throw template_error(fmt::format("{}: '{}': expected a text, found {}", function_, names_[k], v.type_name()));
  return v.text();
}

std::optional<std::string_view> bound_arguments::optional_text(std::size_t k) const {
  if (values_[k] == nullptr || values_[k]->is_none()) return std::nullopt;
  return text(k);
}

std::int64_t bound_arguments::integer(std::size_t k, std::int64_t otherwise) const {
  if (values_[k] == nullptr) return otherwise;
  const value& v = required(k);
  if (!v.is_integer())
    throw template_error(fmt::format("{}: '{}': expected an int, found {}", function_, names_[k], v.type_name()));
  return v.integer();
}

bool bound_arguments::flag(std::size_t k, bool otherwise) const {
  return values_[k] == nullptr ? otherwise : values_[k]->truth();
}

}  // namespace rto::llm::jinja
