// Filters of a chat template. \source Jinja 3.1, "List of Builtin Filters"; tojson as transformers has it
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "llm/text/jinja_interpreter.hpp"
#include "llm/text/python_text.hpp"
#include "sim/data/utf8.hpp"

namespace rto::llm::jinja {
namespace {

using filter = value (*)(interpreter&, const value&, const arguments&);

const value& defined(const value& x) {
  if (x.is_undefined()) throw template_error(x.what());
  return x;
}

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

template <std::string (*Change)(std::string_view)>
value changed(interpreter& in, const value& x, const arguments& given) {
  bound_arguments("a filter without arguments", given, {});
  return in.text(Change(to_text(x)));
}

// Words begin after white space, hyphens and opening brackets; str.title breaks at every character that is no letter.
std::string title_of_words(std::string_view text) {
  std::string out;
  std::size_t begin = 0;
  const auto flush = [&](std::size_t end) {
    out += python::capitalize(text.substr(begin, end - begin));
    begin = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const char32_t c = python::next_code_point(text, at);
    if (!python::is_space(c) && c != '-' && c != '(' && c != '{' && c != '[' && c != '<') continue;
    flush(here);
    out += text.substr(here, at - here);
    begin = at;
  }
  flush(text.size());
  return out;
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

value to_integer(interpreter&, const value& x, const arguments& given) {
  const bound_arguments a("int", given, {"default", "base"});
  if (a.integer(1, 10) != 10) throw template_error("int: only base 10 is supported");
  const value otherwise = a[0] != nullptr ? *a[0] : value(0);
  double number = 0;
  if (defined(x).is_integer()) return x.integer();
  if (x.is(kind::number)) {
    number = x.number();
  } else if (x.is_text()) {
    const std::string spelt(python::strip(x.text()));
    const std::size_t digits = !spelt.empty() && (spelt[0] == '-' || spelt[0] == '+') ? 1 : 0;
    char* end = nullptr;
    errno = 0;
    if (spelt.size() > digits && spelt.find_first_not_of("0123456789", digits) == std::string::npos) {
      const std::int64_t whole = std::strtoll(spelt.c_str(), &end, 10);
      if (errno == ERANGE) throw template_error("an integer beyond 64 bits");
      return whole;
    }
    if (spelt.empty() || spelt.find_first_not_of("0123456789+-.eE") != std::string::npos) return otherwise;
    number = std::strtod(spelt.c_str(), &end);
    if (*end != '\0') return otherwise;
  } else {
    return otherwise;
  }
  if (!std::isfinite(number)) return otherwise;
  if (std::abs(number) >= 9.2e18) throw template_error("an integer beyond 64 bits");
  return static_cast<std::int64_t>(number);
}

value to_number(interpreter&, const value& x, const arguments& given) {
  const bound_arguments a("float", given, {"default"});
  const value otherwise = a[0] != nullptr ? *a[0] : value(0.0);
  if (defined(x).is_numeric()) return x.number();
  if (!x.is_text()) return otherwise;
  const std::string spelt(python::strip(x.text()));
  if (spelt.empty() || spelt.find_first_not_of("0123456789+-.eE") != std::string::npos) return otherwise;
  char* end = nullptr;
  const double number = std::strtod(spelt.c_str(), &end);
  return *end == '\0' ? value(number) : otherwise;
}

value rounded(interpreter&, const value& x, const arguments& given) {
  const bound_arguments a("round", given, {"precision", "method"});
  const std::int64_t digits = a.integer(0, 0);
  const std::string method(a.optional_text(1).value_or("common"));
  if (!defined(x).is_numeric()) throw template_error(fmt::format("round: expected a number, found {}", x.type_name()));
  if (digits < 0 || digits > 15) throw template_error("round: only 0 to 15 digits are supported");
  if (method == "common")  // the nearest decimal number, ties to even, as Python rounds
    return x.is_integer() ? value(x.integer())
                          : value(std::strtod(fmt::format("{:.{}f}", x.number(), digits).c_str(), nullptr));
  if (method != "ceil" && method != "floor") throw template_error("round: expected common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  return (method == "ceil" ? std::ceil(x.number() * scale) : std::floor(x.number() * scale)) / scale;
}

value to_json_text(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("tojson", given, {"ensure_ascii", "indent", "separators", "sort_keys"});
  json_style style;
  style.ascii = a.flag(0, false);
  style.sorted = a.flag(3, false);
  if (a[1] != nullptr && !a[1]->is_none()) {
    style.indented = true;
    style.between_items.assign(1, ',');
    if (a[1]->is_text())
      style.indent = a[1]->text();
    else
      style.indent.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(a.integer(1, 0), 0, 64)), ' ');
  }
  if (a[2] != nullptr && !a[2]->is_none()) {
    if (!a[2]->is_sequence() || a[2]->items().size() != 2 || !a[2]->items()[0].is_text() || !a[2]->items()[1].is_text())
      throw template_error("tojson: expected two texts as separators");
    style.between_items = a[2]->items()[0].text();
    style.after_key = a[2]->items()[1].text();
  }
  return in.text(to_json(x, style));
}

value indented(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("indent", given, {"width", "first", "blank"});
  std::string margin;
  if (a[0] != nullptr && a[0]->is_text())
    margin = a[0]->text();
  else
    margin.assign(static_cast<std::size_t>(std::clamp<std::int64_t>(a.integer(0, 4), 0, 1000)), ' ');
  const std::string text = to_text(x) + "\n";  // as Jinja: so that a line end at the end keeps its line
  std::string out = a.flag(1, false) ? margin : "";
  const std::vector<std::string> lines = python::split_lines(text);
  for (std::size_t k = 0; k < lines.size(); ++k) {
    if (k > 0) out += '\n' + (lines[k].empty() && !a.flag(2, false) ? "" : margin);
    out += lines[k];
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

value replaced(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("replace", given, {"old", "new", "count"});
  arguments texts;
  for (std::size_t k = 0; k < 2; ++k) texts.positional.emplace_back(to_text(a.required(k)));
  if (a[2] != nullptr && !a[2]->is_none()) texts.positional.push_back(*a[2]);
  return in.call(*method_of(in, to_text(x), "replace"), texts);
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

const std::unordered_map<std::string_view, filter>& filters() {
  static const std::unordered_map<std::string_view, filter> all = {
      {"abs",
       [](interpreter&, const value& x, const arguments&) {
         if (!defined(x).is_numeric())
           throw template_error(fmt::format("abs: expected a number, found {}", x.type_name()));
         if (x.is(kind::number)) return value(std::abs(x.number()));
         if (x.integer() == INT64_MIN) throw template_error("an integer beyond 64 bits");
         return value(std::abs(x.integer()));
       }},
      {"attr",  // what `.name` finds but for the keys of dictionaries
       [](interpreter& in, const value& x, const arguments& g) {
         const std::string& name = bound_arguments("attr", g, {"name"}).text(0);
         if (!defined(x).is_dictionary()) return in.attribute(x, name);
         return method_of(in, x, name).value_or(value::undefined(fmt::format("dict has no attribute '{}'", name)));
       }},
      {"capitalize", changed<python::capitalize>},
      {"count", length},
      {"dictsort", sorted_dictionary},
      {"first", end_item<true>},
      {"float", to_number},
      {"format",
       [](interpreter& in, const value& x, const arguments& g) {
         if (!g.named.empty()) throw template_error("format: values by name are not supported");
         return in.text(percent_format(to_text(x), value::list(g.positional, true)));
       }},
      {"indent", indented},
      {"int", to_integer},
      {"items", items_of},
      {"join", join},
      {"last", end_item<false>},
      {"length", length},
      {"list", [](interpreter& in, const value& x, const arguments&) { return in.list(in.iterate(x)); }},
      {"lower", changed<python::lower>},
      {"map", mapped},
      {"max", extreme<false>},
      {"min", extreme<true>},
      {"reject", selected<false, false>},
      {"rejectattr", selected<false, true>},
      {"replace", replaced},
      {"reverse", reversed},
      {"round", rounded},
      {"safe", [](interpreter& in, const value& x, const arguments&) { return in.text(to_text(x)); }},
      {"select", selected<true, false>},
      {"selectattr", selected<true, true>},
      {"sort", sorted},
      {"string", [](interpreter& in, const value& x, const arguments&) { return in.text(to_text(x)); }},
      {"sum", summed},
      {"title", changed<title_of_words>},
      {"tojson", to_json_text},
      {"trim",
       [](interpreter& in, const value& x, const arguments& g) {
         const bound_arguments a("trim", g, {"chars"});
         return in.text(std::string(python::strip(to_text(x), python::side::both, a.optional_text(0))));
       }},
      {"unique", unique},
      {"upper", changed<python::upper>},
  };
  return all;
}

}  // namespace

value apply_filter(interpreter& in, const std::string& name, const value& subject, const arguments& given) {
  if (name == "default" || name == "d") {
    const bound_arguments a("default", given, {"default_value", "boolean"});
    const bool takes = subject.is_undefined() || (a.flag(1, false) && !subject.truth());
    return !takes ? subject : a[0] != nullptr ? *a[0] : value("");
  }
  const auto at = filters().find(name);
  if (at == filters().end()) throw template_error(fmt::format("the filter '{}' is not supported", name));
  in.spend(subject.is_text() ? subject.text().size() : 1);
  return at->second(in, subject, given);
}

}  // namespace rto::llm::jinja
