#include "sim/io/reader.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace rto::sim {
namespace {

// An integer also when it is written 3.0 or 1e3: JSON has one kind of number.
bool to_integer(const json& value, std::int64_t& out) {
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return false;
  if (value.is_number_integer()) {
    out = value.get<std::int64_t>();
    return true;
  }
  if (!value.is_number_float()) return false;
  const double x = value.get<double>();
  if (std::nearbyint(x) != x || std::abs(x) > 9007199254740992.0) return false;
  out = static_cast<std::int64_t>(x);
  return true;
}

std::string pattern_text(const std::vector<std::int64_t>& pattern) {
  std::string text = "[";
  for (const std::int64_t length : pattern) {
    if (text.size() > 1) text += ',';
    text += length == any_length ? "*" : std::to_string(length);
  }
  return text + "]";
}

}  // namespace

reader::reader(const json& object, std::string place) : object_(&object), place_(std::move(place)) {
  if (!object.is_object()) throw field_error(fmt::format("{}: expected an object, found {}", place_, describe(object)));
}

void reader::fail(const std::string& field, const std::string& message) const {
  throw field_error(fmt::format("{}: {}", place_of(field), message));
}

std::string reader::place_of(const std::string& field) const { return place_ + "." + field; }

bool reader::has(const std::string& field) const {
  const auto found = object_->find(field);
  return found != object_->end() && !found->is_null();
}

const json& reader::at(const std::string& field) const {
  const auto found = object_->find(field);
  if (found == object_->end()) fail(field, "the field is missing");
  return *found;
}

double reader::number(const std::string& field) const { return to_number(at(field), place_of(field)); }

double reader::number_or(const std::string& field, double otherwise) const {
  return has(field) ? number(field) : otherwise;
}

std::int64_t reader::integer(const std::string& field) const {
  std::int64_t value = 0;
  if (!to_integer(at(field), value)) fail(field, "expected an integer, found " + describe(at(field)));
  return value;
}

std::int64_t reader::integer_or(const std::string& field, std::int64_t otherwise) const {
  return has(field) ? integer(field) : otherwise;
}

std::size_t reader::size(const std::string& field) const {
  const std::int64_t value = integer(field);
  if (value < 0) fail(field, fmt::format("expected an integer >= 0, found {}", value));
  return static_cast<std::size_t>(value);
}

std::string reader::text(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_string()) fail(field, "expected a text, found " + describe(value));
  return value.get<std::string>();
}

bool reader::flag(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_boolean()) fail(field, "expected true or false, found " + describe(value));
  return value.get<bool>();
}

std::vector<double> reader::numbers(const std::string& field, std::int64_t length) const {
  const json& value = at(field);
  std::vector<double> list;
  if (value.is_object()) {
    list = array(field, {length}).data;
  } else {
    if (!value.is_array()) fail(field, "expected a list of numbers, found " + describe(value));
    list.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      list.push_back(to_number(value[i], fmt::format("{}[{}]", place_of(field), i)));
  }
  if (length != any_length && list.size() != static_cast<std::size_t>(length))
    fail(field, fmt::format("expected {} numbers, found {}", length, list.size()));
  return list;
}

std::vector<std::int64_t> reader::integers(const std::string& field, std::int64_t length) const {
  const json& value = at(field);
  if (value.is_object()) return integer_array(field, {length});
  if (!value.is_array()) fail(field, "expected a list of integers, found " + describe(value));
  if (length != any_length && value.size() != static_cast<std::size_t>(length))
    fail(field, fmt::format("expected {} integers, found {}", length, value.size()));
  std::vector<std::int64_t> list(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!to_integer(value[i], list[i]))
      fail(fmt::format("{}[{}]", field, i), "expected an integer, found " + describe(value[i]));
  }
  return list;
}

std::vector<std::string> reader::texts(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_array()) fail(field, "expected a list of texts, found " + describe(value));
  std::vector<std::string> list;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!value[i].is_string()) fail(fmt::format("{}[{}]", field, i), "expected a text, found " + describe(value[i]));
    list.push_back(value[i].get<std::string>());
  }
  return list;
}

ndarray reader::array(const std::string& field, const std::vector<std::int64_t>& pattern) const {
  const json& value = at(field);
  if (!value.is_object() || !value.contains("shape") || !value.contains("data"))
    fail(field, "expected an array {\"shape\": [..], \"data\": [..]}, found " + describe(value));
  const json &shape = value["shape"], &data = value["data"];
  if (!shape.is_array()) fail(field + ".shape", "expected a list of integers, found " + describe(shape));
  if (!data.is_array()) fail(field + ".data", "expected a list of numbers, found " + describe(data));

  ndarray array;
  bool fits = pattern.empty() || shape.size() == pattern.size();
  double size = 1;  // as a double: a product of huge lengths must not wrap round
  for (std::size_t i = 0; i < shape.size(); ++i) {
    std::int64_t length = 0;
    if (!to_integer(shape[i], length) || length < 0)
      fail(fmt::format("{}.shape[{}]", field, i), "expected an integer >= 0, found " + describe(shape[i]));
    array.shape.push_back(static_cast<std::size_t>(length));
    size *= static_cast<double>(length);
    if (fits && !pattern.empty()) fits = pattern[i] == any_length || pattern[i] == length;
  }
  if (!fits) fail(field, fmt::format("expected shape {}, found {}", pattern_text(pattern), shape_text(array.shape)));
  if (size != static_cast<double>(data.size()))
    fail(field, fmt::format("shape {} needs {} numbers, found {} in data", shape_text(array.shape), size, data.size()));

  array.data.reserve(data.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i].is_number()) {
      array.data.push_back(data[i].get<double>());
    } else {
      array.data.push_back(to_number(data[i], fmt::format("{}.data[{}]", place_of(field), i)));
    }
  }
  return array;
}

std::vector<std::int64_t> reader::integer_array(const std::string& field,
                                                const std::vector<std::int64_t>& pattern) const {
  const ndarray numbers = array(field, pattern);
  std::vector<std::int64_t> list(numbers.data.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!to_integer(json(numbers.data[i]), list[i]))
      fail(fmt::format("{}.data[{}]", field, i), fmt::format("expected an integer, found {}", numbers.data[i]));
  }
  return list;
}

reader reader::object(const std::string& field) const { return reader(at(field), place_of(field)); }

std::vector<reader> reader::objects(const std::string& field) const {
  const json& value = at(field);
  if (!value.is_array()) fail(field, "expected a list of objects, found " + describe(value));
  std::vector<reader> list;
  for (std::size_t i = 0; i < value.size(); ++i) list.emplace_back(value[i], fmt::format("{}[{}]", place_of(field), i));
  return list;
}

}  // namespace rto::sim
