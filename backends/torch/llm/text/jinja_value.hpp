#pragma once
// What expressions of a chat template compute with: Python's values, as far as templates use them.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sim/io/json.hpp"

namespace rto::llm::jinja {

/// A template that is malformed, uses what is not supported, goes wrong while it is rendered, or calls raise_exception.
struct template_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Nesting of lists and dictionaries, of syntax and of calls that a template may reach: a guard of the stack.
inline constexpr int deepest_value = 100;

class value;
class interpreter;

struct arguments {
  std::vector<value> positional;
  std::vector<std::pair<std::string, value>> named;
};

/// A list or a tuple. Values don't change, as in the sandbox that transformers renders in.
struct sequence {
  std::vector<value> items;
  bool tuple = false;
  int depth = 1;
};

/// A dictionary in the order of insertion.
struct dictionary {
  std::vector<std::pair<value, value>> items;
  int depth = 1;

  const value* find(const value& key) const;
  const value* find(std::string_view key) const;
};

/// namespace(...): the one value whose attributes a template may set.
struct name_space {
  std::vector<std::pair<std::string, value>> items;

  value* find(std::string_view name);
};

/// The `loop` of a for statement.
struct loop_state {
  const std::vector<value>* items = nullptr;
  std::size_t index = 0;
  std::vector<value> last_changed;
  bool changed_once = false;
};

struct function {
  std::string name;
  std::function<value(interpreter&, const arguments&)> call;
};

enum class kind {
  undefined,
  none,
  boolean,
  integer,
  number,
  text,
  list,
  tuple,
  dictionary,
  name_space,
  loop,
  function
};

class value {
 public:
  struct undefined_t {
    std::shared_ptr<const std::string> what;  // for messages: `'x' is undefined`
  };
  struct none_t {};

  value() : held_(none_t{}) {}
  value(bool b) : held_(b) {}  // NOLINT: values are written as literals
  value(std::int64_t i) : held_(i) {}
  value(int i) : held_(std::int64_t{i}) {}
  value(double x) : held_(x) {}
  value(std::string text) : held_(std::make_shared<const std::string>(std::move(text))) {}
  value(const char* text) : value(std::string(text)) {}
  value(std::shared_ptr<name_space> space) : held_(std::move(space)) {}
  value(std::shared_ptr<loop_state> loop) : held_(std::move(loop)) {}
  value(function f) : held_(std::make_shared<const function>(std::move(f))) {}

  static value undefined(std::string what);
  /// \throws template_error for nesting beyond `deepest_value`
  static value list(std::vector<value> items, bool tuple = false);
  static value dictionary(std::vector<std::pair<value, value>> items);  // keys are distinct
  /// \throws template_error for nesting beyond `deepest_value`
  static value from_json(const sim::ordered_json& document, int depth = 0);

  jinja::kind kind() const;
  bool is(jinja::kind k) const { return kind() == k; }
  bool is_undefined() const { return std::holds_alternative<undefined_t>(held_); }
  bool is_none() const { return std::holds_alternative<none_t>(held_); }
  bool is_text() const { return std::holds_alternative<std::shared_ptr<const std::string>>(held_); }
  bool is_sequence() const { return std::holds_alternative<std::shared_ptr<const sequence>>(held_); }
  bool is_dictionary() const { return std::holds_alternative<std::shared_ptr<const jinja::dictionary>>(held_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(held_) || std::holds_alternative<bool>(held_); }
  bool is_numeric() const { return is_integer() || std::holds_alternative<double>(held_); }

  // Each needs the kind it names.
  const std::string& what() const { return *std::get<undefined_t>(held_).what; }
  const std::string& text() const { return *std::get<std::shared_ptr<const std::string>>(held_); }
  const std::vector<value>& items() const { return std::get<std::shared_ptr<const sequence>>(held_)->items; }
  const jinja::dictionary& dict() const { return *std::get<std::shared_ptr<const jinja::dictionary>>(held_); }
  name_space& space() const { return *std::get<std::shared_ptr<name_space>>(held_); }
  loop_state& loop() const { return *std::get<std::shared_ptr<loop_state>>(held_); }
  const function& callee() const { return *std::get<std::shared_ptr<const function>>(held_); }
  bool boolean() const { return std::get<bool>(held_); }
  std::int64_t integer() const;  // True is 1
  double number() const;         // integers too

  /// Python's bool(x).
  bool truth() const;
  /// The depth of nested lists and dictionaries.
  int depth() const;
  /// The type as messages name it.
  const char* type_name() const;

 private:
  std::variant<undefined_t, none_t, bool, std::int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const sequence>, std::shared_ptr<const jinja::dictionary>, std::shared_ptr<name_space>,
               std::shared_ptr<loop_state>, std::shared_ptr<const function>>
      held_;
};

/// Python's a == b: numbers by value, a list never equals a tuple, dictionaries without regard to order.
bool equal(const value& a, const value& b);
/// Python's a < b. \throws template_error for kinds that have no order
bool less(const value& a, const value& b);
/// Python's str(x) and repr(x); undefined is the empty text.
std::string to_text(const value& x);
std::string to_repr(const value& x);
/// Python's json.dumps with the arguments that transformers' tojson takes.
struct json_style {
  bool ascii = false;
  bool sorted = false;
  std::string indent;  // of one level
  bool indented = false;
  std::string between_items = ", ", after_key = ": ";
};
std::string to_json(const value& x, const json_style& style = {});

}  // namespace rto::llm::jinja
