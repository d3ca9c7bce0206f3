#include "llm/checkpoint/config_fields.hpp"

#include <fmt/format.h>

#include <cmath>

#include "sim/io/error.hpp"

namespace rto::llm {

using sim::ordered_json;

config_fields::config_fields(const ordered_json& object, std::string file, std::string place)
    : object_(&object), file_(std::move(file)), place_(std::move(place)) {
  if (!object.is_object())
    throw sim::user_error(
        fmt::format("{}: {}expected an object, found {}", file_, place_, sim::describe(sim::json(object))));
}

bool config_fields::has(const std::string& field) const {
  const auto found = object_->find(field);
  return found != object_->end() && !found->is_null();
}

const ordered_json& config_fields::at(const std::string& field) const {
  const auto found = object_->find(field);
  if (found == object_->end()) fail(field, "expected this field, found none");
  return *found;
}

void config_fields::fail(const std::string& field, const std::string& message) const {
  throw sim::user_error(fmt::format("{}: {}{}: {}", file_, place_, field, message));
}

void config_fields::expected(const std::string& field, const std::string& what, const ordered_json& found) const {
  fail(field, fmt::format("expected {}, found {}", what, sim::describe(sim::json(found))));
}

std::string config_fields::text(const std::string& field) const {
  const ordered_json& value = at(field);
  if (!value.is_string()) expected(field, "a text", value);
  return value.get<std::string>();
}

std::vector<std::string> config_fields::texts(const std::string& field) const {
  const ordered_json& value = at(field);
  if (!value.is_array()) expected(field, "a list of texts", value);
  std::vector<std::string> result;
  for (const ordered_json& item : value) {
    if (!item.is_string()) expected(field, "a list of texts", item);
    result.push_back(item.get<std::string>());
  }
  return result;
}

std::string config_fields::one_text(const std::string& field) const {
  const std::vector<std::string> all = texts(field);
  if (all.size() != 1) expected(field, "a list of one text", at(field));
  return all.front();
}

bool config_fields::flag_or(const std::string& field, bool otherwise) const {
  if (!has(field)) return otherwise;
  const ordered_json& value = at(field);
  if (!value.is_boolean()) expected(field, "true or false", value);
  return value.get<bool>();
}

double config_fields::number(const std::string& field, double least, double most) const {
  const ordered_json& value = at(field);
  const double x = value.is_number() ? value.get<double>() : std::nan("");
  if (!(x >= least && x <= most)) expected(field, fmt::format("a number in [{}, {}]", least, most), value);
  return x;
}

double config_fields::number_or(const std::string& field, double otherwise, double least, double most) const {
  return has(field) ? number(field, least, most) : otherwise;
}

std::int64_t config_fields::integer(const std::string& field, std::int64_t least, std::int64_t most) const {
  const ordered_json& value = at(field);
  const auto wrong = [&] { expected(field, fmt::format("a whole number in [{}, {}]", least, most), value); };
  if (!value.is_number()) wrong();
  const double x = value.get<double>();  // 1e300 and 4.0 are numbers of JSON too
  if (!(x >= static_cast<double>(least) && x <= static_cast<double>(most)) || x != std::floor(x)) wrong();
  return static_cast<std::int64_t>(x);
}

std::int64_t config_fields::integer_or(const std::string& field, std::int64_t otherwise, std::int64_t least,
                                       std::int64_t most) const {
  return has(field) ? integer(field, least, most) : otherwise;
}

std::vector<std::int64_t> config_fields::integers(const std::string& field, std::int64_t least,
                                                  std::int64_t most) const {
  const ordered_json& value = at(field);
  if (!value.is_array()) return {integer(field, least, most)};
  std::vector<std::int64_t> result;
  for (const ordered_json& item : value) {
    if (!item.is_number_integer() || item.get<double>() < static_cast<double>(least) ||
        item.get<double>() > static_cast<double>(most))
      expected(field, fmt::format("whole numbers in [{}, {}]", least, most), item);
    result.push_back(item.get<std::int64_t>());
  }
  return result;
}

std::int64_t config_fields::size_of(const std::string& field) const {
  const ordered_json& value = at(field);
  if (!(value.is_object() || value.is_array()) || value.empty())
    expected(field, "an object of at least one member", value);
  return static_cast<std::int64_t>(value.size());
}

std::optional<config_fields> config_fields::object(const std::string& field) const {
  if (!has(field)) return std::nullopt;
  const ordered_json& value = at(field);
  if (!value.is_object()) expected(field, "an object", value);
  return config_fields(value, file_, place_ + field + ".");
}

}  // namespace rto::llm
