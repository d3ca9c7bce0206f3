// Functions and tests that chat templates call.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "llm/text/jinja_interpreter.hpp"
#include "llm/text/python_text.hpp"

namespace rto::llm::jinja {
namespace {

constexpr std::int64_t longest_range = 100000;  // as in Jinja's sandbox

value make_range(interpreter& in, const arguments& given) {
  const std::size_t count = given.positional.size();
  for (const value& v : given.positional) {
    if (v.is_undefined()) throw template_error(v.what());
    if (!v.is_integer()) throw template_error(fmt::format("range: expected an int, found {}", v.type_name()));
  }
  if (count == 0 || count > 3 || !given.named.empty()) throw template_error("range: expected one to three ints");
  const std::int64_t start = count > 1 ? given.positional[0].integer() : 0;
  const std::int64_t stop = given.positional[count > 1 ? 1 : 0].integer();
  const std::int64_t step = count > 2 ? given.positional[2].integer() : 1;
  if (step == 0) throw template_error("range: the step is 0");
  std::vector<value> items;
  for (std::int64_t at = start; step > 0 ? at < stop : at > stop;) {
    if (static_cast<std::int64_t>(items.size()) == longest_range)
      throw template_error(fmt::format("range: longer than {}", longest_range));
    items.emplace_back(at);
    if (__builtin_add_overflow(at, step, &at)) break;
  }
  return in.list(std::move(items));
}

std::vector<std::pair<value, value>> dictionary_items(const std::string& name, const arguments& given) {
  std::vector<std::pair<value, value>> items;
  if (given.positional.size() > 1)
    throw template_error(fmt::format("{}: expected at most one argument by position", name));
  if (!given.positional.empty()) {
    if (!given.positional[0].is_dictionary())
      throw template_error(fmt::format("{}: expected a dict, found {}", name, given.positional[0].type_name()));
    items = given.positional[0].dict().items;
  }
  for (const auto& [key, v] : given.named) {
    const auto old = std::find_if(items.begin(), items.end(), [&, &key = key](const auto& x) {
      return x.first.is_text() && x.first.text() == key;
    });
    if (old != items.end())
      old->second = v;
    else
      items.emplace_back(key, v);
  }
  return items;
}

value current_time(interpreter& in, const arguments& given) {
  const bound_arguments a("strftime_now", given, {"format"});
  const std::string& format = a.text(0);
  std::time_t clock = 0;
  std::tm now{};
  if (in.now()) {
    now = *in.now();
  } else {
    clock = std::time(nullptr);
    ::localtime_r(&clock, &now);
  }
  if (format.empty()) return "";
  std::array<char, 1024> buffer{};
  const std::size_t length = std::strftime(buffer.data(), buffer.size(), format.c_str(), &now);
  if (length == 0) throw template_error("strftime_now: the format gives no text, or one that is too long");
  return in.text(std::string(buffer.data(), length));
}

const value& defined(const value& v) {
  if (v.is_undefined()) throw template_error(v.what());
  return v;
}

std::int64_t whole(const char* test, const value& v) {
  if (!defined(v).is_integer())
    throw template_error(fmt::format("the test '{}': expected an int, found {}", test, v.type_name()));
  return v.integer();
}

}  // namespace

value make_name_space(interpreter& in, std::vector<std::pair<std::string, value>> items) {
  in.spend(sizeof(name_space));
  in.spaces_.push_back(std::make_shared<name_space>(name_space{std::move(items)}));
  return in.spaces_.back();
}

std::optional<value> global_function(const std::string& name) {
  if (name == "range") return function{name, make_range};
  if (name == "dict")
    return function{name, [](interpreter& in, const arguments& given) {
                      auto items = dictionary_items("dict", given);
                      in.spend(items.size() * sizeof(value));
                      return value::dictionary(std::move(items));
                    }};
  if (name == "namespace")
    return function{name, [](interpreter& in, const arguments& given) {
                      std::vector<std::pair<std::string, value>> items;
                      for (auto& [key, v] : dictionary_items("namespace", given)) items.emplace_back(to_text(key), v);
                      return make_name_space(in, std::move(items));
                    }};
  if (name == "raise_exception")
    return function{name, [](interpreter&, const arguments& given) -> value {
                      const bound_arguments a("raise_exception", given, {"message"});
                      throw template_error("the template refuses: " + to_text(a.required(0)));
                    }};
  if (name == "strftime_now") return function{name, current_time};
  if (name == "lipsum" || name == "cycler" || name == "joiner")
    throw template_error(fmt::format("the function '{}' is not supported", name));
  return std::nullopt;
}

bool apply_test(interpreter&, const std::string& name, const value& x, const arguments& given) {
  const auto argument = [&]() -> const value& { return bound_arguments(name, given, {"other"}).required(0); };
  const auto plain = [&] { bound_arguments(name, given, {}); };
  if (name == "eq" || name == "==" || name == "equalto") {
    const bound_arguments a(name, given, {"other"});
    if (a[0] == nullptr) a.required(0);
    return equal(x, *a[0]);
  }
  if (name == "ne" || name == "!=") return !equal(x, argument());
  if (name == "lt" || name == "<" || name == "lessthan") return less(x, argument());
  if (name == "gt" || name == ">" || name == "greaterthan") return less(argument(), x);
  if (name == "le" || name == "<=") return less(x, argument()) || equal(x, argument());
  if (name == "ge" || name == ">=") return less(argument(), x) || equal(x, argument());
  if (name == "in") return contains(argument(), x);
  if (name == "divisibleby") {
    const std::int64_t by = whole("divisibleby", argument());
    if (by == 0) throw template_error("a division by zero");
    return by == -1 || whole("divisibleby", x) % by == 0;
  }
  if (name == "sameas") {
    const value& other = argument();
    if (x.is_text() || x.is_sequence() || x.is_dictionary() || x.is(kind::number))
      throw template_error("the test 'sameas' is supported for none, booleans and ints only");
    return x.kind() == other.kind() && equal(x, other);
  }
  plain();
  if (name == "defined") return !x.is_undefined();
  if (name == "undefined") return x.is_undefined();
  if (name == "none") return x.is_none();
  if (name == "boolean") return x.is(kind::boolean);
  if (name == "true") return x.is(kind::boolean) && x.boolean();
  if (name == "false") return x.is(kind::boolean) && !x.boolean();
  if (name == "integer") return x.is(kind::integer);
  if (name == "float") return x.is(kind::number);
  if (name == "number") return x.is_numeric();
  if (name == "string") return x.is_text();
  if (name == "mapping") return x.is_dictionary();
  if (name == "sequence") return x.is_sequence() || x.is_text() || x.is_dictionary() || x.is_undefined();
  if (name == "iterable") return x.is_sequence() || x.is_text() || x.is_dictionary() || x.is_undefined();
  if (name == "callable") return x.is(kind::function) || x.is(kind::loop) || x.is_undefined();
  if (name == "even") return whole("even", x) % 2 == 0;
  if (name == "odd") return whole("odd", x) % 2 != 0;
  if (name == "lower") return python::is_cased(to_text(x), false);
  if (name == "upper") return python::is_cased(to_text(x), true);
  throw template_error(fmt::format("the test '{}' is not supported", name));
}

}  // namespace rto::llm::jinja
