#include "sim/engine/setting.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdlib>
#include <stdexcept>

namespace rto::sim {
namespace {

setting make(std::string key, std::string doc, setting_type type, bool list, bounds range, json quick, json standard,
             json full) {
  setting s;
  s.key = std::move(key);
  s.doc = std::move(doc);
  s.type = type;
  s.list = list;
  s.range = range;
  s.quick = std::move(quick);
  s.standard = std::move(standard);
  s.full = std::move(full);
  return s;
}

json reals_json(const std::vector<double>& values) {
  json list = json::array();
  for (const double x : values) list.push_back(number(x));
  return list;
}

std::string place(const std::string& claim, const std::string& key) {
  return fmt::format("setting {} of {}", key, claim);
}

// The numbers of `1:5` (step 1) or `1:9:2`, both ends included. Empty when the text is not a range.
std::vector<double> range_values(const std::string& text, const std::string& where) {
  std::vector<double> parts;
  std::size_t start = 0;
  while (true) {
    const std::size_t colon = text.find(':', start);
    const std::string part = text.substr(start, colon == std::string::npos ? colon : colon - start);
    char* end = nullptr;
    const double x = std::strtod(part.c_str(), &end);
    if (part.empty() || *end != '\0' || !std::isfinite(x))
      throw user_error(fmt::format("{}: expected a range first:last or first:last:step, found \"{}\"", where, text));
    parts.push_back(x);
    if (colon == std::string::npos) break;
    start = colon + 1;
  }
  if (parts.size() > 3)
    throw user_error(fmt::format("{}: expected a range first:last or first:last:step, found \"{}\"", where, text));
  const double first = parts[0], last = parts[1], step = parts.size() == 3 ? parts[2] : 1.0;
  if (step == 0.0 || (last - first) / step < 0.0)
    throw user_error(
        fmt::format("{}: expected a range whose step leads from first to last, found \"{}\"", where, text));
  const double steps = std::floor((last - first) / step + 1e-9);
  if (steps >= 1e6) throw user_error(fmt::format("{}: expected at most a million values, found \"{}\"", where, text));
  std::vector<double> values;
  for (double i = 0; i <= steps; ++i) values.push_back(first + i * step);
  return values;
}

// One entry in the form it is stored in. `found` is how messages show it.
json checked_entry(const setting& s, const json& entry, const std::string& found, const std::string& where) {
  const auto refuse = [&] { throw user_error(fmt::format("{}: expected {}, found {}", where, accepts(s), found)); };
  switch (s.type) {
    case setting_type::flag:
      if (!entry.is_boolean()) refuse();
      return entry;
    case setting_type::text: {
      if (!entry.is_string()) refuse();
      bool known = s.choices.empty();
      for (const std::string& choice : s.choices) known = known || entry == choice;
      if (!known) refuse();
      return entry;
    }
    case setting_type::integer:
    case setting_type::real: {
      if (!is_number(entry)) refuse();
      const double x = to_number(entry, where);
      if (!(x >= s.range.minimum && x <= s.range.maximum)) refuse();  // NaN too
      if (s.type == setting_type::real) return number(x);
      if (std::nearbyint(x) != x || std::abs(x) > 9007199254740992.0) refuse();
      return static_cast<std::int64_t>(x);
    }
  }
  throw std::logic_error("rto::sim::settings: unknown type");
}

// A command-line word as the JSON entry it means for this type.
json entry_of_text(const setting& s, const std::string& word) {
  if (s.type == setting_type::text) return word;
  if (s.type == setting_type::flag) {
    if (word == "true" || word == "yes" || word == "1") return true;
    if (word == "false" || word == "no" || word == "0") return false;
    return word;
  }
  char* end = nullptr;
  const double x = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0') return nullptr;
  return number(x);
}

}  // namespace

setting integer(std::string key, std::string doc, per_level<std::int64_t> values, bounds range) {
  return make(std::move(key), std::move(doc), setting_type::integer, false, range, values.quick, values.standard,
              values.full);
}

setting real(std::string key, std::string doc, per_level<double> values, bounds range) {
  return make(std::move(key), std::move(doc), setting_type::real, false, range, number(values.quick),
              number(values.standard), number(values.full));
}

setting text(std::string key, std::string doc, std::string value, std::vector<std::string> choices) {
  setting s = make(std::move(key), std::move(doc), setting_type::text, false, {}, value, value, value);
  s.choices = std::move(choices);
  return s;
}

setting flag(std::string key, std::string doc, bool value) {
  return make(std::move(key), std::move(doc), setting_type::flag, false, {}, value, value, value);
}

setting integers(std::string key, std::string doc, per_level<std::vector<std::int64_t>> values, bounds range) {
  return make(std::move(key), std::move(doc), setting_type::integer, true, range, values.quick, values.standard,
              values.full);
}

setting reals(std::string key, std::string doc, per_level<std::vector<double>> values, bounds range) {
  return make(std::move(key), std::move(doc), setting_type::real, true, range, reals_json(values.quick),
              reals_json(values.standard), reals_json(values.full));
}

setting texts(std::string key, std::string doc, per_level<std::vector<std::string>> values,
              std::vector<std::string> choices) {
  setting s =
      make(std::move(key), std::move(doc), setting_type::text, true, {}, values.quick, values.standard, values.full);
  s.choices = std::move(choices);
  return s;
}

std::string accepts(const setting& s) {
  std::string entry;
  switch (s.type) {
    case setting_type::flag:
      return "true or false";
    case setting_type::text:
      entry = s.choices.empty()
                  ? (s.list ? "texts" : "a text")
                  : fmt::format("{} \"{}\"", s.list ? "some of" : "one of", fmt::join(s.choices, "\", \""));
      return s.list ? "a list of " + entry : entry;
    case setting_type::integer:
      entry = s.list ? "integers" : "an integer";
      break;
    case setting_type::real:
      entry = s.list ? "numbers" : "a number";
      break;
  }
  const bool low = std::isfinite(s.range.minimum), high = std::isfinite(s.range.maximum);
  if (low && high) entry += fmt::format(" from {} to {}", s.range.minimum, s.range.maximum);
  if (low && !high) entry += fmt::format(" >= {}", s.range.minimum);
  if (!low && high) entry += fmt::format(" <= {}", s.range.maximum);
  return s.list ? "a list of " + entry : entry;
}

settings::settings(std::string claim, const settings_schema& schema, level size)
    : claim_(std::move(claim)), schema_(&schema), size_(size) {
  for (const setting& s : schema) {
    values_.push_back(size == level::quick ? s.quick : size == level::full ? s.full : s.standard);
    // A default is held to the same rules as a user's value.
    if (!s.list) checked_entry(s, values_.back(), describe(values_.back()), place(claim_, s.key));
    if (s.list) {
      for (const json& entry : values_.back()) checked_entry(s, entry, describe(entry), place(claim_, s.key));
    }
  }
}

bool settings::has(const std::string& key) const {
  for (const setting& s : *schema_) {
    if (s.key == key) return true;
  }
  return false;
}

const setting& settings::find(const std::string& key) const {
  std::vector<std::string> known;
  for (const setting& s : *schema_) {
    if (s.key == key) return s;
    known.push_back(s.key);
  }
  throw user_error(
      fmt::format("{} has no setting \"{}\"; {}", claim_, key,
                  known.empty() ? std::string("it has none") : fmt::format("it has: {}", fmt::join(known, ", "))));
}

const json& settings::value(const std::string& key, setting_type type, bool list) const {
  for (std::size_t i = 0; i < schema_->size(); ++i) {
    const setting& s = (*schema_)[i];
    if (s.key == key && s.type == type && s.list == list) return values_[i];
  }
  throw std::logic_error(
      fmt::format("rto::sim::settings: {} has no setting \"{}\" of the type asked for", claim_, key));
}

std::int64_t settings::integer(const std::string& key) const {
  return value(key, setting_type::integer, false).get<std::int64_t>();
}
double settings::real(const std::string& key) const {
  return to_number(value(key, setting_type::real, false), place(claim_, key));
}
const std::string& settings::text(const std::string& key) const {
  return value(key, setting_type::text, false).get_ref<const std::string&>();
}
bool settings::flag(const std::string& key) const { return value(key, setting_type::flag, false).get<bool>(); }
std::vector<std::int64_t> settings::integers(const std::string& key) const {
  return value(key, setting_type::integer, true).get<std::vector<std::int64_t>>();
}
std::vector<double> settings::reals(const std::string& key) const {
  std::vector<double> list;
  for (const json& entry : value(key, setting_type::real, true)) list.push_back(to_number(entry, place(claim_, key)));
  return list;
}
std::vector<std::string> settings::texts(const std::string& key) const {
  return value(key, setting_type::text, true).get<std::vector<std::string>>();
}

void settings::set_text(const std::string& key, const std::string& text) {
  const setting& s = find(key);
  if (!s.list) {
    values_[static_cast<std::size_t>(&s - schema_->data())] =
        checked_entry(s, entry_of_text(s, text), "\"" + text + "\"", place(claim_, key));
    return;
  }
  json list = json::array();
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    list.push_back(text.substr(start, comma - start));
    start = comma + 1;
  }
  set_json(key, list, place(claim_, key));
}

void settings::set_json(const std::string& key, const json& given, const std::string& where) {
  const setting& s = find(key);
  // What `show` prints for a setting may be given back as it is.
  const json& value = given.is_object() && given.contains("value") ? given["value"] : given;
  json& target = values_[static_cast<std::size_t>(&s - schema_->data())];
  if (!s.list) {
    target = checked_entry(s, value, describe(value), where);
    return;
  }
  json list = json::array();
  for (const json& entry : value.is_array() ? value : json::array({value})) {
    const bool is_text = entry.is_string() && s.type != setting_type::text;
    if (is_text && entry.get_ref<const std::string&>().find(':') != std::string::npos) {
      for (const double x : range_values(entry.get<std::string>(), where))
        list.push_back(checked_entry(s, number(x), fmt::format("{}", x), where));
    } else {
      list.push_back(
          checked_entry(s, is_text ? entry_of_text(s, entry.get<std::string>()) : entry, describe(entry), where));
    }
  }
  if (list.empty()) throw user_error(fmt::format("{}: expected {}, found an empty list", where, accepts(s)));
  target = std::move(list);
}

ordered_json settings::values() const {
  ordered_json object = ordered_json::object();
  for (std::size_t i = 0; i < schema_->size(); ++i) object[(*schema_)[i].key] = values_[i];
  return object;
}

}  // namespace rto::sim
