// Filters of lists and dictionaries, and how a filter is found. \source Jinja 3.1, "List of Builtin Filters"
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "llm/text/jinja_filters.hpp"
#include "llm/text/python_text.hpp"
#include "sim/data/utf8.hpp"

namespace rto::llm::jinja {
namespace {

// `a.b.0` of an item, as the attribute= of filters has it.
value attribute_of(interpreter& in, const value& item, const value& path) {
  if (path.is_integer()) return in.item(item, path);
  if (!path.is_text()) throw template_error("expected the name of an attribute");
  value v = item;
  for (const std::string& part : python::split(path.text(), ".")) {
    const bool number = !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
    v = in.item(v, number ? value(static_cast<std::int64_t>(std::stol(part))) : value(part));
  }
  return v;
}

value sort_key(interpreter& in, const value& item, const value* attribute, bool cased) {
  value key = attribute == nullptr || attribute->is_none() ? item : attribute_of(in, item, *attribute);
  return key.is_text() && !cased ? value(python::lower(key.text())) : key;
}

value length(interpreter&, const value& x, const arguments&) {
  if (x.is_undefined()) return 0;
  if (x.is_text()) return static_cast<std::int64_t>(sim::code_point_count(x.text()));
  if (x.is_sequence()) return static_cast<std::int64_t>(x.items().size());
  if (x.is_dictionary()) return static_cast<std::int64_t>(x.dict().items.size());
  throw template_error(fmt::format("length: {} has none", x.type_name()));
}

value join(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("join", given, {"d", "attribute"});
  const std::string between = a[0] != nullptr ? to_text(*a[0]) : "";
  std::string out;
  bool first = true;
  for (const value& item : in.iterate(x)) {
    if (!first) out += between;
    first = false;
    out += to_text(a[1] != nullptr && !a[1]->is_none() ? attribute_of(in, item, *a[1]) : item);
    in.check_length(out.size());
  }
  return in.text(std::move(out));
}

value sorted(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("sort", given, {"reverse", "case_sensitive", "attribute"});
  std::vector<std::pair<value, value>> keyed;
  for (value& item : in.iterate(x)) {
    value key = sort_key(in, item, a[2], a.flag(1, false));
    keyed.emplace_back(std::move(key), std::move(item));
  }
  const bool down = a.flag(0, false);
  in.spend(keyed.size() * 64);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& l, const auto& r) {
    return down ? less(r.first, l.first) : less(l.first, r.first);
  });
  std::vector<value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return in.list(std::move(items));
}

value sorted_dictionary(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("dictsort", given, {"case_sensitive", "by", "reverse"});
  if (!defined(x).is_dictionary())
    throw template_error(fmt::format("dictsort: expected a dict, found {}", x.type_name()));
  const std::string by(a.optional_text(1).value_or("key"));
  if (by != "key" && by != "value") throw template_error("dictsort: expected by 'key' or 'value'");
  arguments how;
  how.positional = {a.flag(2, false), a.flag(0, false), by == "key" ? 0 : 1};
  std::vector<value> pairs;
  for (const auto& [key, v] : x.dict().items) pairs.push_back(value::list({key, v}, true));
  return sorted(in, in.list(std::move(pairs)), how);
}

template <bool Least> value extreme(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("min and max", given, {"case_sensitive", "attribute"});
  std::optional<std::pair<value, value>> best;
  for (const value& item : in.iterate(x)) {
    value key = sort_key(in, item, a[1], a.flag(0, false));
    if (!best || (Least ? less(key, best->first) : less(best->first, key))) best.emplace(std::move(key), item);
  }
  return best ? best->second : value::undefined("there is no item");
}

value unique(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("unique", given, {"case_sensitive", "attribute"});
  std::vector<value> keys, items;
  for (const value& item : in.iterate(x)) {
    value key = sort_key(in, item, a[1], a.flag(0, false));
    in.spend(keys.size());
    if (std::any_of(keys.begin(), keys.end(), [&](const value& k) { return equal(k, key); })) continue;
    keys.push_back(std::move(key));
    items.push_back(item);
  }
  return in.list(std::move(items));
}

// select, reject, selectattr, rejectattr: by a test of the item or of its attribute, by truth without one.
template <bool Keep, bool OfAttribute> value selected(interpreter& in, const value& x, const arguments& given) {
  arguments rest = given;
  const auto take = [&](const char* what) {
    if (rest.positional.empty()) throw template_error(fmt::format("select: expected {}", what));
    const value v = rest.positional.front();
    rest.positional.erase(rest.positional.begin());
    return v;
  };
  const value attribute = OfAttribute ? take("an attribute") : value();
  std::string test;
  if (!rest.positional.empty()) test = to_text(take("a test"));
  std::vector<value> items;
  for (const value& item : in.iterate(x)) {
    const value subject = OfAttribute ? attribute_of(in, item, attribute) : item;
    const bool holds = test.empty() ? subject.truth() : apply_test(in, test, subject, rest);
    if (holds == Keep) items.push_back(item);
  }
  return in.list(std::move(items));
}

value mapped(interpreter& in, const value& x, const arguments& given) {
  std::vector<value> items;
  if (given.positional.empty()) {
    const bound_arguments a("map", given, {"attribute", "default"});
    a.required(0);
    for (const value& item : in.iterate(x)) {
      value v = attribute_of(in, item, *a[0]);
      items.push_back(v.is_undefined() && a[1] != nullptr ? *a[1] : std::move(v));
    }
  } else {
    arguments rest = given;
    rest.positional.erase(rest.positional.begin());
    const std::string name = to_text(given.positional.front());
    for (const value& item : in.iterate(x)) items.push_back(apply_filter(in, name, item, rest));
  }
  return in.list(std::move(items));
}

value summed(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("sum", given, {"attribute", "start"});
  value total = a[1] != nullptr ? *a[1] : value(0);
  for (const value& item : in.iterate(x))
    total = in.add(total, a[0] != nullptr && !a[0]->is_none() ? attribute_of(in, item, *a[0]) : item);
  return total;
}

value reversed(interpreter& in, const value& x, const arguments&) {
  std::vector<value> items = in.iterate(defined(x));
  std::reverse(items.begin(), items.end());
  if (!x.is_text()) return in.list(std::move(items));
  std::string out;
  for (const value& item : items) out += item.text();
  return in.text(std::move(out));
}

value items_of(interpreter& in, const value& x, const arguments& given) {
  if (x.is_undefined()) return value::list({});
  if (!x.is_dictionary()) throw template_error(fmt::format("items: expected a dict, found {}", x.type_name()));
  return in.call(*method_of(in, x, "items"), given);
}

template <bool First> value end_item(interpreter& in, const value& x, const arguments&) {
  const std::vector<value> items = in.iterate(x);
  return items.empty() ? value::undefined("there is no item") : First ? items.front() : items.back();
}

}  // namespace

const filter_table& sequence_filters() {
  static const filter_table all = {
      {"attr",  // what `.name` finds but for the keys of dictionaries
       [](interpreter& in, const value& x, const arguments& g) {
         const std::string& name = bound_arguments("attr", g, {"name"}).text(0);
         if (!defined(x).is_dictionary()) return in.attribute(x, name);
         return method_of(in, x, name).value_or(value::undefined(fmt::format("dict has no attribute '{}'", name)));
       }},
      {"count", length},
      {"dictsort", sorted_dictionary},
      {"first", end_item<true>},
      {"items", items_of},
      {"join", join},
      {"last", end_item<false>},
      {"length", length},
      {"list", [](interpreter& in, const value& x, const arguments&) { return in.list(in.iterate(x)); }},
      {"map", mapped},
      {"max", extreme<false>},
      {"min", extreme<true>},
      {"reject", selected<false, false>},
      {"rejectattr", selected<false, true>},
      {"reverse", reversed},
      {"select", selected<true, false>},
      {"selectattr", selected<true, true>},
      {"sort", sorted},
      {"sum", summed},
      {"unique", unique},
  };
  return all;
}

value apply_filter(interpreter& in, const std::string& name, const value& subject, const arguments& given) {
  if (name == "default" || name == "d") {
    const bound_arguments a("default", given, {"default_value", "boolean"});
    const bool takes = subject.is_undefined() || (a.flag(1, false) && !subject.truth());
    return !takes ? subject : a[0] != nullptr ? *a[0] : value("");
  }
  filter found = nullptr;
  for (const filter_table* table : {&text_filters(), &sequence_filters()}) {
    if (const auto at = table->find(name); at != table->end()) found = at->second;
  }
  if (found == nullptr) throw template_error(fmt::format("the filter '{}' is not supported", name));
  in.spend(subject.is_text() ? subject.text().size() : 1);
  return found(in, subject, given);
}

}  // namespace rto::llm::jinja
