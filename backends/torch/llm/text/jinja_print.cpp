// Values as text: Python's str and repr, and json.dumps.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "llm/text/jinja_value.hpp"
#include "llm/text/python_text.hpp"

namespace rto::llm::jinja {
namespace {

std::string quoted(std::string_view text, bool ascii) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = python::next_code_point(text, at);
    if (c == '"' || c == '\\')
      out.append({'\\', static_cast<char>(c)});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\b')
      out += "\\b";
    else if (c == '\f')
      out += "\\f";
    else if (c < 0x20 || (ascii && c >= 0x7f && c < 0x10000)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (ascii && c >= 0x10000) {
      const auto rest = static_cast<unsigned>(c - 0x10000);
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    } else {
      out += text.substr(begin, at - begin);
    }
  }
  return out + '"';
}

std::string json_number(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "Infinity" : "-Infinity";
  return python::repr(x);
}

class json_writer {
 public:
  explicit json_writer(const json_style& style) : style_(style) {}

  void write(const value& x, int level) {
    switch (x.kind()) {
      case kind::none:
        out_ += "null";
        break;
      case kind::boolean:
        out_ += x.boolean() ? "true" : "false";
        break;
      case kind::integer:
        out_ += fmt::format("{}", x.integer());
        break;
      case kind::number:
        out_ += json_number(x.number());
        break;
      case kind::text:
        out_ += quoted(x.text(), style_.ascii);
        break;
      case kind::list:
      case kind::tuple:
        write_all('[', ']', level, x.items(), [&](const value& item) { write(item, level + 1); });
        break;
      case kind::dictionary: {
        auto items = x.dict().items;
        if (style_.sorted)
          std::stable_sort(items.begin(), items.end(),
                           [](const auto& a, const auto& b) { return less(a.first, b.first); });
        write_all('{', '}', level, items, [&](const auto& entry) {
          out_ += quoted(key(entry.first), style_.ascii) + style_.after_key;
          write(entry.second, level + 1);
        });
        break;
      }
      case kind::undefined:
        throw template_error("tojson: " + x.what());
      default:
        throw template_error(fmt::format("tojson: a {} is not JSON", x.type_name()));
    }
  }

  std::string take() { return std::move(out_); }

 private:
  template <class Items, class Write>
  void write_all(char open, char close, int level, const Items& items, const Write& write_item) {
    out_ += open;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += style_.between_items;
      first = false;
      if (style_.indented) new_line(level + 1);
      write_item(item);
    }
    if (style_.indented && !first) new_line(level);
    out_ += close;
  }

  void new_line(int level) {
    out_ += '\n';
    for (int k = 0; k < level; ++k) out_ += style_.indent;
  }

  static std::string key(const value& k) {
    switch (k.kind()) {
      case kind::text:
        return k.text();
      case kind::none:
        return "null";
      case kind::boolean:
        return k.boolean() ? "true" : "false";
      case kind::integer:
        return fmt::format("{}", k.integer());
      case kind::number:
        return json_number(k.number());
      default:
        throw template_error(fmt::format("tojson: a {} is no key of a JSON object", k.type_name()));
    }
  }

  json_style style_;
  std::string out_;
};

template <class Items, class Write> std::string joined(char open, char close, const Items& items, const Write& write) {
  std::string out(1, open);
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ", ";
    first = false;
    out += write(item);
  }
  return out + close;
}

}  // namespace

std::string to_text(const value& x) {
  if (x.is_text()) return x.text();
  return x.is_undefined() ? "" : to_repr(x);
}

std::string to_repr(const value& x) {
  switch (x.kind()) {
    case kind::undefined:
      return "Undefined";
    case kind::none:
      return "None";
    case kind::boolean:
      return x.boolean() ? "True" : "False";
    case kind::integer:
      return fmt::format("{}", x.integer());
    case kind::number:
      return python::repr(x.number());
    case kind::text:
      return python::repr(x.text());
    case kind::list:
      return joined('[', ']', x.items(), to_repr);
    case kind::tuple:
      if (x.items().size() == 1) return "(" + to_repr(x.items()[0]) + ",)";
      return joined('(', ')', x.items(), to_repr);
    case kind::dictionary:
      return joined('{', '}', x.dict().items,
                    [](const auto& entry) { return to_repr(entry.first) + ": " + to_repr(entry.second); });
    default:
      throw template_error(fmt::format("a {} has no text", x.type_name()));
  }
}

std::string to_json(const value& x, const json_style& style) {
  json_writer writer(style);
  writer.write(x, 0);
  return writer.take();
}

}  // namespace rto::llm::jinja
