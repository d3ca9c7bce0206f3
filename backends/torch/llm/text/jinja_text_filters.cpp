// Filters of texts and numbers. \source Jinja 3.1, "List of Builtin Filters"; tojson as transformers has it
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "llm/text/jinja_filters.hpp"
#include "llm/text/python_text.hpp"

namespace rto::llm::jinja {

const value& defined(const value& x) {
  if (x.is_undefined()) throw template_error(x.what());
  return x;
}

namespace {

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

value replaced(interpreter& in, const value& x, const arguments& given) {
  const bound_arguments a("replace", given, {"old", "new", "count"});
  arguments texts;
  for (std::size_t k = 0; k < 2; ++k) texts.positional.emplace_back(to_text(a.required(k)));
  if (a[2] != nullptr && !a[2]->is_none()) texts.positional.push_back(*a[2]);
  return in.call(*method_of(in, to_text(x), "replace"), texts);
}

}  // namespace

const filter_table& text_filters() {
  static const filter_table all = {
      {"abs",
       [](interpreter&, const value& x, const arguments&) {
         if (!defined(x).is_numeric())
           throw template_error(fmt::format("abs: expected a number, found {}", x.type_name()));
         if (x.is(kind::number)) return value(std::abs(x.number()));
         if (x.integer() == INT64_MIN) throw template_error("an integer beyond 64 bits");
         return value(std::abs(x.integer()));
       }},
      {"capitalize", changed<python::capitalize>},
      {"float", to_number},
      {"format",
       [](interpreter& in, const value& x, const arguments& g) {
         if (!g.named.empty()) throw template_error("format: values by name are not supported");
         return in.text(percent_format(to_text(x), value::list(g.positional, true)));
       }},
      {"indent", indented},
      {"int", to_integer},
      {"lower", changed<python::lower>},
      {"replace", replaced},
      {"round", rounded},
      {"safe", [](interpreter& in, const value& x, const arguments&) { return in.text(to_text(x)); }},
      {"string", [](interpreter& in, const value& x, const arguments&) { return in.text(to_text(x)); }},
      {"title", changed<title_of_words>},
      {"tojson", to_json_text},
      {"trim",
       [](interpreter& in, const value& x, const arguments& g) {
         const bound_arguments a("trim", g, {"chars"});
         return in.text(std::string(python::strip(to_text(x), python::side::both, a.optional_text(0))));
       }},
      {"upper", changed<python::upper>},
  };
  return all;
}

}  // namespace rto::llm::jinja
