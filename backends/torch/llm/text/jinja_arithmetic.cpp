// Operators of a chat template's expressions, with Python's rules.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "llm/text/jinja_interpreter.hpp"

namespace rto::llm::jinja {
namespace {

[[noreturn]] void no_meaning(std::string_view sign, const value& a, const value& b) {
  for (const value* v : {&a, &b}) {
    if (v->is_undefined()) throw template_error(v->what());
  }
  throw template_error(fmt::format("'{}' has no meaning between {} and {}", sign, a.type_name(), b.type_name()));
}

[[noreturn]] void beyond() { throw template_error("an integer beyond 64 bits"); }

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  if (b == -1) {
    if (a == INT64_MIN) beyond();
    return -a;
  }
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

}  // namespace

value interpreter::unary(const std::string& sign, const value& x) {
  if (sign == "not") return !x.truth();
  if (x.is_undefined()) throw template_error(x.what());
  if (!x.is_numeric()) throw template_error(fmt::format("'{}' has no meaning before {}", sign, x.type_name()));
  if (x.is(kind::number)) return sign == "-" ? -x.number() : x.number();
  std::int64_t result = x.integer();
  if (sign == "-" && __builtin_sub_overflow(std::int64_t{0}, x.integer(), &result)) beyond();
  return result;
}

value interpreter::add(const value& a, const value& b) {
  if (a.is_integer() && b.is_integer()) {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(a.integer(), b.integer(), &sum)) beyond();
    return sum;
  }
  if (a.is_numeric() && b.is_numeric()) return a.number() + b.number();
  if (a.is_text() && b.is_text()) {
    check_length(a.text().size() + b.text().size());
    return text(a.text() + b.text());
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    spend((a.items().size() + b.items().size()) * sizeof(value));
    std::vector<value> items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return value::list(std::move(items), a.is(kind::tuple));
  }
  no_meaning("+", a, b);
}

value interpreter::arithmetic(const std::string& sign, const value& a, const value& b) {
  if (sign == "%" && a.is_text()) return text(percent_format(a.text(), b));
  if (sign == "*" && (a.is_text() || a.is_sequence() || b.is_text() || b.is_sequence())) {
    const bool first = a.is_text() || a.is_sequence();
    const value& object = first ? a : b;
    const value& times = first ? b : a;
    if (!times.is_integer()) no_meaning(sign, a, b);
    const auto n = static_cast<std::size_t>(std::max<std::int64_t>(0, times.integer()));
    const std::size_t size = object.is_text() ? object.text().size() : object.items().size() * sizeof(value);
    if (size == 0 || n == 0) return object.is_text() ? value("") : value::list({}, object.is(kind::tuple));
    check_length(n > limits_.longest ? n : n * size);
    spend(n * size);
    std::string content;
    std::vector<value> items;
    for (std::size_t k = 0; k < n; ++k) {
      if (object.is_text())
        content += object.text();
      else
        items.insert(items.end(), object.items().begin(), object.items().end());
    }
    return object.is_text() ? text(std::move(content)) : value::list(std::move(items), object.is(kind::tuple));
  }
  if (!a.is_numeric() || !b.is_numeric()) no_meaning(sign, a, b);
  if (sign == "**") return power(a, b);
  if (sign == "/" || sign == "//" || sign == "%") {
    if (b.number() == 0) throw template_error("a division by zero");
    if (sign == "/") return a.number() / b.number();
    if (a.is_integer() && b.is_integer()) {
      const std::int64_t quotient = sign == "%" && b.integer() == -1 ? 0 : floor_divide(a.integer(), b.integer());
      if (sign == "//") return quotient;
      return b.integer() == -1 ? value(0) : value(a.integer() - quotient * b.integer());
    }
    double rest = std::fmod(a.number(), b.number());
    if (rest != 0 && (rest < 0) != (b.number() < 0)) rest += b.number();
    return sign == "%" ? rest : std::round((a.number() - rest) / b.number());
  }
  if (a.is_integer() && b.is_integer()) {
    std::int64_t result = 0;
    const bool over = sign == "-" ? __builtin_sub_overflow(a.integer(), b.integer(), &result)
                                  : __builtin_mul_overflow(a.integer(), b.integer(), &result);
    if (over) beyond();
    return result;
  }
  return sign == "-" ? a.number() - b.number() : a.number() * b.number();
}

value power(const value& a, const value& b) {
  if (!a.is_integer() || !b.is_integer() || b.integer() < 0) {
    if (a.number() == 0 && b.number() < 0) throw template_error("a division by zero");
    const double result = std::pow(a.number(), b.number());
    if (!std::isfinite(result)) throw template_error("a power that is no finite number");
    return result;
  }
  std::int64_t result = 1, base = a.integer();
  for (std::int64_t rest = b.integer(); rest > 0; rest >>= 1) {
    if ((rest & 1) != 0 && __builtin_mul_overflow(result, base, &result)) beyond();
    if (rest > 1 && __builtin_mul_overflow(base, base, &base)) beyond();
  }
  return result;
}

bool contains(const value& container, const value& item) {
  switch (container.kind()) {
    case kind::undefined:
      return false;
    case kind::text:
      if (!item.is_text()) {
        if (item.is_undefined()) throw template_error(item.what());
        throw template_error(fmt::format("'in' a text: expected a text before it, found {}", item.type_name()));
      }
      return container.text().find(item.text()) != std::string::npos;
    case kind::list:
    case kind::tuple:
      return std::any_of(container.items().begin(), container.items().end(),
                         [&](const value& v) { return equal(v, item); });
    case kind::dictionary:
      return container.dict().find(item) != nullptr;
    default:
      throw template_error(fmt::format("'in' has no meaning before {}", container.type_name()));
  }
}

std::string percent_format(const std::string& format, const value& values) {
  const std::vector<value> given = values.is(kind::tuple) ? values.items() : std::vector<value>{values};
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    std::size_t end = at + 1;
    int digits = 6;
    if (end + 1 < format.size() && format[end] == '.' && format[end + 1] >= '0' && format[end + 1] <= '9') {
      digits = format[end + 1] - '0';
      end += 2;
    }
    const char code = end < format.size() ? format[end] : '\0';
    const bool plain = end == at + 1;
    at = end;
    if (code == '%' && plain) {
      out += '%';
      continue;
    }
    if (code != 'f' && (!plain || (code != 's' && code != 'r' && code != 'd' && code != 'i')))
      throw template_error(
          fmt::format("the format \"{}\" is not supported: only %s, %r, %d, %i, %f, %.1f and %%", format));
    if (next == given.size()) throw template_error("a format has more places than values");
    const value& v = given[next++];
    if (code == 's') {
      out += to_text(v);
    } else if (code == 'r') {
      out += to_repr(v);
    } else if (!v.is_numeric()) {
      throw template_error(fmt::format("%{}: expected a number, found {}", code, v.type_name()));
    } else if (code == 'f') {
      out += fmt::format("{:.{}f}", v.number(), digits);
    } else if (v.is_integer()) {
      out += fmt::format("{}", v.integer());
    } else {
      out += fmt::format("{:.0f}", std::trunc(v.number()));
    }
  }
  if (next < given.size() && !values.is_dictionary()) throw template_error("a format has fewer places than values");
  return out;
}

}  // namespace rto::llm::jinja
