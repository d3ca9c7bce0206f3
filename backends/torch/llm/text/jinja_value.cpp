#include "llm/text/jinja_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rto::llm::jinja {
namespace {

[[noreturn]] void too_deep() {
  throw template_error(fmt::format("values are nested deeper than {} levels", deepest_value));
}

bool equal_items(const std::vector<value>& a, const std::vector<value>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

}  // namespace

const value* dictionary::find(const value& key) const {
  for (const auto& [k, v] : items) {
    if (equal(k, key)) return &v;
  }
  return nullptr;
}

const value* dictionary::find(std::string_view key) const {
  for (const auto& [k, v] : items) {
    if (k.is_text() && k.text() == key) return &v;
  }
  return nullptr;
}

value* name_space::find(std::string_view name) {
  for (auto& [k, v] : items) {
    if (k == name) return &v;
  }
  return nullptr;
}

value value::undefined(std::string what) {
  value v;
  v.held_ = undefined_t{std::make_shared<const std::string>(std::move(what))};
  return v;
}

value value::list(std::vector<value> items, bool tuple) {
  int depth = 1;
  for (const value& item : items) depth = std::max(depth, 1 + item.depth());
  if (depth > deepest_value) too_deep();
  value v;
  v.held_ = std::make_shared<const sequence>(sequence{std::move(items), tuple, depth});
  return v;
}

value value::dictionary(std::vector<std::pair<value, value>> items) {
  int depth = 1;
  for (const auto& [key, item] : items) depth = std::max({depth, 1 + item.depth(), 1 + key.depth()});
  if (depth > deepest_value) too_deep();
  value v;
  v.held_ = std::make_shared<const jinja::dictionary>(jinja::dictionary{std::move(items), depth});
  return v;
}

value value::from_json(const sim::ordered_json& document, int depth) {
  if (depth > deepest_value) too_deep();
  switch (document.type()) {
    case sim::ordered_json::value_t::boolean:
      return document.get<bool>();
    case sim::ordered_json::value_t::number_integer:
      return document.get<std::int64_t>();
    case sim::ordered_json::value_t::number_unsigned:
      if (document.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        throw template_error(fmt::format("an integer beyond 64 bits: {}", document.get<std::uint64_t>()));
      return document.get<std::int64_t>();
    case sim::ordered_json::value_t::number_float:
      return document.get<double>();
    case sim::ordered_json::value_t::string:
      return document.get<std::string>();
    case sim::ordered_json::value_t::array: {
      std::vector<value> items;
      items.reserve(document.size());
      for (const auto& item : document) items.push_back(from_json(item, depth + 1));
      return list(std::move(items));
    }
    case sim::ordered_json::value_t::object: {
      std::vector<std::pair<value, value>> items;
      items.reserve(document.size());
      for (const auto& [key, item] : document.items()) items.emplace_back(key, from_json(item, depth + 1));
      return dictionary(std::move(items));
    }
    default:
      return {};
  }
}

kind value::kind() const {
  constexpr jinja::kind kinds[] = {kind::undefined,  kind::none, kind::boolean, kind::integer,
                                   kind::number,     kind::text, kind::list,    kind::dictionary,
                                   kind::name_space, kind::loop, kind::function};
  const jinja::kind k = kinds[held_.index()];
  return k == kind::list && std::get<std::shared_ptr<const sequence>>(held_)->tuple ? kind::tuple : k;
}

std::int64_t value::integer() const {
  if (const bool* b = std::get_if<bool>(&held_)) return *b ? 1 : 0;
  return std::get<std::int64_t>(held_);
}

double value::number() const {
  if (const double* x = std::get_if<double>(&held_)) return *x;
  return static_cast<double>(integer());
}

bool value::truth() const {
  switch (kind()) {
    case kind::undefined:
    case kind::none:
      return false;
    case kind::boolean:
    case kind::integer:
      return integer() != 0;
    case kind::number:
      return number() != 0;
    case kind::text:
      return !text().empty();
    case kind::list:
    case kind::tuple:
      return !items().empty();
    case kind::dictionary:
      return !dict().items.empty();
    default:
      return true;
  }
}

int value::depth() const {
  if (is_sequence()) return std::get<std::shared_ptr<const sequence>>(held_)->depth;
  return is_dictionary() ? dict().depth : 0;
}

const char* value::type_name() const {
  constexpr const char* names[] = {"undefined", "none",  "bool", "int",       "float", "str",
                                   "list",      "tuple", "dict", "namespace", "loop",  "function"};
  return names[static_cast<std::size_t>(kind())];
}

bool equal(const value& a, const value& b) {
  if (a.is_numeric() && b.is_numeric()) {
    if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
    return a.number() == b.number();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case kind::undefined:
    case kind::none:
      return true;
    case kind::text:
      return a.text() == b.text();
    case kind::list:
    case kind::tuple:
      return equal_items(a.items(), b.items());
    case kind::dictionary:
      return a.dict().items.size() == b.dict().items.size() &&
             std::all_of(a.dict().items.begin(), a.dict().items.end(), [&](const auto& entry) {
               const value* other = b.dict().find(entry.first);
               return other != nullptr && equal(entry.second, *other);
             });
    case kind::name_space:
      return &a.space() == &b.space();
    case kind::loop:
      return &a.loop() == &b.loop();
    default:
      return &a.callee() == &b.callee();
  }
}

bool less(const value& a, const value& b) {
  if (a.is_numeric() && b.is_numeric()) {
    if (a.is_integer() && b.is_integer()) return a.integer() < b.integer();
    return a.number() < b.number();
  }
  if (a.is_text() && b.is_text()) return a.text() < b.text();  // bytes of UTF-8 sort as code points
  if (a.is_sequence() && a.kind() == b.kind()) {
    const auto& x = a.items();
    const auto& y = b.items();
    for (std::size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equal(x[i], y[i])) return less(x[i], y[i]);
    }
    return x.size() < y.size();
  }
  for (const value* v : {&a, &b}) {
    if (v->is_undefined()) throw template_error(v->what());
  }
  throw template_error(fmt::format("'<' has no meaning between {} and {}", a.type_name(), b.type_name()));
}

}  // namespace rto::llm::jinja
