#include "llm/data/record_fields.hpp"

#include <fmt/format.h>

#include <cmath>

#include "sim/data/utf8.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {

using sim::describe;

void record_fields::fail(const std::string& field, const std::string& message) const {
  throw sim::user_error(fmt::format("{}: field \"{}\": {}", place_, sim::printable(field), message));
}

std::string record_fields::names() const {
  std::string names;
  for (const auto& [key, v] : object_.items()) names += (names.empty() ? "" : ", ") + sim::printable(key);
  return names.empty() ? "none" : sim::printable(names, 200);
}

const sim::ordered_json& record_fields::at(const std::string& field) const {
  const auto found = object_.find(field);
  if (found == object_.end()) fail(field, fmt::format("expected it, found no such field (there are: {})", names()));
  return *found;
}

const std::string& record_fields::text(const std::string& field) const {
  const sim::ordered_json& v = at(field);
  if (!v.is_string()) fail(field, fmt::format("expected a text, found {}", describe(v)));
  return v.get_ref<const std::string&>();
}

passage record_fields::text_or_messages(const std::string& field) const {
  const sim::ordered_json& v = at(field);
  if (v.is_string()) return v.get<std::string>();
  if (!v.is_array()) fail(field, fmt::format("expected a text or a list of messages, found {}", describe(v)));
  check_messages(*this, field, v);
  return passage(std::in_place_type<message_list>, v);
}

bool record_fields::flag(const std::string& field) const {
  const sim::ordered_json& v = at(field);
  if (!v.is_boolean()) fail(field, fmt::format("expected true or false, found {}", describe(v)));
  return v.get<bool>();
}

std::int64_t record_fields::integer(const std::string& field, std::int64_t from, std::int64_t to) const {
  const sim::ordered_json& v = at(field);
  const std::int64_t i = v.is_number_integer() ? v.get<std::int64_t>() : from - 1;
  if (i < from || i > to)
    fail(field, fmt::format("expected an integer from {} to {}, found {}", from, to, describe(v)));
  return i;
}

std::optional<double> record_fields::finite_number(const std::string& field) const {
  const auto found = object_.find(field);
  if (found == object_.end() || found->is_null()) return std::nullopt;
  if (!found->is_number() || !std::isfinite(found->get<double>()))
    fail(field, fmt::format("expected a finite number, found {}", describe(*found)));
  return found->get<double>();
}

record_fields record_fields::object(const std::string& field) const {
  const sim::ordered_json& v = at(field);
  if (!v.is_object()) fail(field, fmt::format("expected an object, found {}", describe(v)));
  return {v, fmt::format("{}: {}", place_, field)};
}

const sim::ordered_json& record_fields::list(const std::string& field, std::size_t size) const {
  const sim::ordered_json& v = at(field);
  if (!v.is_array() || v.size() != size) fail(field, fmt::format("expected a list of {}, found {}", size, describe(v)));
  return v;
}

void check_messages(const record_fields& fields, const std::string& field, const message_list& list) {
  if (list.empty()) fields.fail(field, "expected messages, found an empty list");
  for (std::size_t k = 0; k < list.size(); ++k) {
    const auto wrong = [&](const std::string& what, const sim::ordered_json& found) {
      fields.fail(field, fmt::format("message {}: expected {}, found {}", k + 1, what, describe(found)));
    };
    const sim::ordered_json& m = list[k];
    if (!m.is_object()) wrong("an object with role and content", m);
    const auto role = m.find("role");
    if (role == m.end()) wrong("a field \"role\"", m);
    if (!role->is_string()) wrong("a text as role", *role);
    const auto content = m.find("content");
    if (content == m.end() ? !m.contains("tool_calls")
                           : !content->is_string() && !content->is_null() && !content->is_array())
      wrong("a text as content", content == m.end() ? m : *content);
  }
}

}  // namespace rto::llm
