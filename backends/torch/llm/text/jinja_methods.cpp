// Methods of texts, lists, dictionaries and of `loop`.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "llm/text/jinja_interpreter.hpp"
#include "llm/text/python_text.hpp"
#include "sim/data/utf8.hpp"

namespace rto::llm::jinja {
namespace {

using text_method = value (*)(interpreter&, const std::string&, const arguments&);

value text_list(interpreter& in, std::vector<std::string> parts) {
  std::vector<value> items;
  items.reserve(parts.size());
  for (std::string& part : parts) items.push_back(in.text(std::move(part)));
  return in.list(std::move(items));
}

template <python::side Where> value strip(interpreter& in, const std::string& s, const arguments& given) {
  const bound_arguments a("strip", given, {"chars"});
  return in.text(std::string(python::strip(s, Where, a.optional_text(0))));
}

std::optional<std::string_view> separator_of(const bound_arguments& a) {
  const auto separator = a.optional_text(0);
  if (separator && separator->empty()) throw template_error("split: the separator is empty");
  return separator;
}

value split(interpreter& in, const std::string& s, const arguments& given) {
  const bound_arguments a("split", given, {"sep", "maxsplit"});
  return text_list(in, python::split(s, separator_of(a), a.integer(1, -1)));
}

value split_from_right(interpreter& in, const std::string& s, const arguments& given) {
  const bound_arguments a("rsplit", given, {"sep", "maxsplit"});
  return text_list(in, python::split_from_right(s, separator_of(a), a.integer(1, -1)));
}

// startswith and endswith, of one text or of any of a tuple.
bool has_affix(const char* name, const std::string& s, const arguments& given, bool at_start) {
  const bound_arguments a(name, given, {"affix"});
  const auto fits = [&](const value& v) {
    if (!v.is_text()) throw template_error(fmt::format("{}: expected a text, found {}", name, v.type_name()));
    return at_start ? s.starts_with(v.text()) : s.ends_with(v.text());
  };
  const value& affix = a.required(0);
  if (!affix.is(kind::tuple)) return fits(affix);
  return std::any_of(affix.items().begin(), affix.items().end(), fits);
}

value replace(interpreter& in, const std::string& s, const arguments& given) {
  const bound_arguments a("replace", given, {"old", "new", "count"});
  const std::size_t times = python::count(s, a.text(0));
  in.check_length(times > s.size() + 1 ? times : s.size() + times * a.text(1).size());
  return in.text(python::replace(s, a.text(0), a.text(1), a.integer(2, -1)));
}

// str.format with {}, {0} and {name}, without conversions and format codes.
value format(interpreter& in, const std::string& s, const arguments& given) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < s.size(); ++at) {
    if (s[at] != '{' && s[at] != '}') {
      out += s[at];
    } else if (at + 1 < s.size() && s[at + 1] == s[at]) {
      out += s[at++];
    } else {
      const std::size_t end = s.find('}', at);
      if (s[at] == '}' || end == std::string::npos) throw template_error("format: a single brace");
      const std::string field = s.substr(at + 1, end - at - 1);
      at = end;
      const value* v = nullptr;
      if (field.find_first_of("!:.[{") != std::string::npos)
        throw template_error(fmt::format("format: the field {{{}}} is not supported", field));
      if (field.empty() || field.find_first_not_of("0123456789") == std::string::npos) {
        const std::size_t place = field.empty()      ? next++
                                  : field.size() > 4 ? given.positional.size()
                                                     : std::stoul(field);
        if (place < given.positional.size()) v = &given.positional[place];
      } else {
        for (const auto& [name, named] : given.named) v = name == field ? &named : v;
      }
      if (v == nullptr) throw template_error(fmt::format("format: there is no value for {{{}}}", field));
      out += to_text(*v);
      in.check_length(out.size());
    }
  }
  return in.text(std::move(out));
}

value join(interpreter& in, const std::string& s, const arguments& given) {
  const bound_arguments a("join", given, {"iterable"});
  std::string out;
  bool first = true;
  for (const value& item : in.iterate(a.required(0))) {
    if (!item.is_text()) throw template_error(fmt::format("join: expected texts, found {}", item.type_name()));
    if (!first) out += s;
    first = false;
    out += item.text();
    in.check_length(out.size());
  }
  return in.text(std::move(out));
}

template <std::string (*Change)(std::string_view)>
value changed(interpreter& in, const std::string& s, const arguments& given) {
  bound_arguments("a method without arguments", given, {});
  return in.text(Change(s));
}

template <bool FromRight, bool Required> value find(interpreter&, const std::string& s, const arguments& given) {
  const bound_arguments a("find", given, {"sub"});
  const std::int64_t at = python::find(s, a.text(0), FromRight);
  if (Required && at < 0) throw template_error("index: the text is not there");
  return at;
}

const std::unordered_map<std::string_view, text_method>& text_methods() {
  static const std::unordered_map<std::string_view, text_method> methods = {
      {"strip", strip<python::side::both>},
      {"lstrip", strip<python::side::left>},
      {"rstrip", strip<python::side::right>},
      {"split", split},
      {"rsplit", split_from_right},
      {"splitlines",
       [](interpreter& in, const std::string& s, const arguments& given) {
         const bound_arguments a("splitlines", given, {"keepends"});
         return text_list(in, python::split_lines(s, a.flag(0, false)));
       }},
      {"startswith", [](interpreter&, const std::string& s,
                        const arguments& g) { return value(has_affix("startswith", s, g, true)); }},
      {"endswith", [](interpreter&, const std::string& s,
                      const arguments& g) { return value(has_affix("endswith", s, g, false)); }},
      {"replace", replace},
      {"format", format},
      {"join", join},
      {"upper", changed<python::upper>},
      {"lower", changed<python::lower>},
      {"title", changed<python::title>},
      {"capitalize", changed<python::capitalize>},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count",
       [](interpreter&, const std::string& s, const arguments& g) {
         return value(static_cast<std::int64_t>(python::count(s, bound_arguments("count", g, {"sub"}).text(0))));
       }},
      {"removeprefix",
       [](interpreter& in, const std::string& s, const arguments& g) {
         const std::string& prefix = bound_arguments("removeprefix", g, {"prefix"}).text(0);
         return in.text(s.starts_with(prefix) ? s.substr(prefix.size()) : s);
       }},
      {"removesuffix",
       [](interpreter& in, const std::string& s, const arguments& g) {
         const std::string& suffix = bound_arguments("removesuffix", g, {"suffix"}).text(0);
         return in.text(s.ends_with(suffix) ? s.substr(0, s.size() - suffix.size()) : s);
       }},
      {"isdigit", [](interpreter&, const std::string& s, const arguments&) { return value(python::is_digits(s)); }},
      {"isalpha",
       [](interpreter&, const std::string& s, const arguments&) { return value(python::all_of_category(s, "L")); }},
      {"isspace", [](interpreter&, const std::string& s,
                     const arguments&) { return value(!s.empty() && python::strip(s).empty()); }},
      {"isupper",
       [](interpreter&, const std::string& s, const arguments&) { return value(python::is_cased(s, true)); }},
      {"islower",
       [](interpreter&, const std::string& s, const arguments&) { return value(python::is_cased(s, false)); }},
  };
  return methods;
}

// What Python has and this has not: an error instead of `undefined`.
bool known_to_python(const value& object, std::string_view name) {
  static const std::unordered_set<std::string_view> of_text = {
      "casefold",  "center",       "encode",     "expandtabs",  "format_map", "isalnum", "isascii",
      "isdecimal", "isidentifier", "isnumeric",  "isprintable", "istitle",    "ljust",   "maketrans",
      "partition", "rjust",        "rpartition", "swapcase",    "translate",  "zfill"};
  static const std::unordered_set<std::string_view> of_list = {"append", "clear",  "extend",  "insert",
                                                               "pop",    "remove", "reverse", "sort"};
  static const std::unordered_set<std::string_view> of_dict = {"clear",   "fromkeys",   "pop",
                                                               "popitem", "setdefault", "update"};
  return object.is_text()        ? of_text.count(name) > 0
         : object.is(kind::list) ? of_list.count(name) > 0
                                 : object.is_dictionary() && of_dict.count(name) > 0;
}

value dictionary_list(interpreter& in, const dictionary& d, bool keys, bool values) {
  std::vector<value> items;
  items.reserve(d.items.size());
  for (const auto& [key, v] : d.items) items.push_back(keys && values ? value::list({key, v}, true) : keys ? key : v);
  in.spend(2 * d.items.size() * sizeof(value));
  return in.list(std::move(items));
}

std::optional<value> dictionary_method(const value& object, const std::string& name) {
  if (name == "items" || name == "keys" || name == "values")
    return function{name, [object, name](interpreter& in, const arguments& given) {
                      bound_arguments(name, given, {});
                      return dictionary_list(in, object.dict(), name != "values", name != "keys");
                    }};
  if (name == "copy") return function{name, [object](interpreter&, const arguments&) { return object; }};
  if (name == "get")
    return function{name, [object](interpreter&, const arguments& given) {
                      const bound_arguments a("get", given, {"key", "default"});
                      const value* found = object.dict().find(a.required(0));
                      return found != nullptr ? *found : a[1] != nullptr ? *a[1] : value();
                    }};
  return std::nullopt;
}

std::optional<value> list_method(const value& object, const std::string& name) {
  if (name == "copy") return function{name, [object](interpreter&, const arguments&) { return object; }};
  if (name != "index" && name != "count") return std::nullopt;
  return function{name, [object, name](interpreter&, const arguments& given) {
                    const bound_arguments a(name, given, {"value"});
                    const value& wanted = a.required(0);
                    const auto& items = object.items();
                    const auto is_it = [&](const value& v) { return equal(v, wanted); };
                    if (name == "count")
                      return value(static_cast<std::int64_t>(std::count_if(items.begin(), items.end(), is_it)));
                    const auto at = std::find_if(items.begin(), items.end(), is_it);
                    if (at == items.end()) throw template_error("index: the value is not in the list");
                    return value(static_cast<std::int64_t>(at - items.begin()));
                  }};
}

std::optional<value> loop_attribute(const value& object, const std::string& name) {
  loop_state& loop = object.loop();
  if (loop.items == nullptr) throw template_error("'loop' is used outside its loop");
  const auto index = static_cast<std::int64_t>(loop.index), length = static_cast<std::int64_t>(loop.items->size());
  if (name == "index") return index + 1;
  if (name == "index0") return index;
  if (name == "revindex") return length - index;
  if (name == "revindex0") return length - index - 1;
  if (name == "first") return index == 0;
  if (name == "last") return index + 1 == length;
  if (name == "length") return length;
  if (name == "depth") return 1;  // of recursion, which is not supported
  if (name == "depth0") return 0;
  if (name == "previtem")
    return index == 0 ? value::undefined("there is no previous item") : (*loop.items)[loop.index - 1];
  if (name == "nextitem")
    return index + 1 == length ? value::undefined("there is no next item") : (*loop.items)[loop.index + 1];
  if (name == "cycle")
    return function{name, [index](interpreter&, const arguments& given) {
                      if (given.positional.empty()) throw template_error("loop.cycle: expected values");
                      return given.positional[static_cast<std::size_t>(index) % given.positional.size()];
                    }};
  if (name == "changed")
    return function{name, [object](interpreter&, const arguments& given) {
                      loop_state& state = object.loop();
                      const bool same =
                          state.changed_once && std::equal(given.positional.begin(), given.positional.end(),
                                                           state.last_changed.begin(), state.last_changed.end(), equal);
                      state.changed_once = true;
                      state.last_changed = given.positional;
                      return value(!same);
                    }};
  return std::nullopt;
}

}  // namespace

std::optional<value> method_of(interpreter&, const value& object, const std::string& name) {
  std::optional<value> method;
  if (object.is_text()) {
    const auto at = text_methods().find(name);
    if (at != text_methods().end())
      return function{name, [object, call = at->second](interpreter& in, const arguments& given) {
                        in.spend(object.text().size());
                        return call(in, object.text(), given);
                      }};
  } else if (object.is_dictionary()) {
    method = dictionary_method(object, name);
  } else if (object.is_sequence()) {
    method = list_method(object, name);
  } else if (object.is(kind::loop)) {
    method = loop_attribute(object, name);
  }
  if (!method && known_to_python(object, name))
    throw template_error(fmt::format("the method '{}' of {} is not supported{}", name, object.type_name(),
                                     object.is_text() ? "" : ": it changes its object"));
  return method;
}

}  // namespace rto::llm::jinja
