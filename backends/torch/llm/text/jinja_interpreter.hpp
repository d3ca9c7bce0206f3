#pragma once
// Renders the tree of a chat template, within limits of work and memory.
#include <cstdint>
#include <ctime>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/text/jinja_syntax.hpp"
#include "llm/text/jinja_value.hpp"

namespace rto::llm::jinja {

/// What one rendering may cost; beyond it is an error. A conversation of a megabyte stays far below.
struct render_limits {
  std::size_t steps = std::size_t{1} << 24;    ///< expressions and statements
  std::size_t bytes = std::size_t{1} << 30;    ///< of all texts and lists made on the way
  std::size_t longest = std::size_t{1} << 26;  ///< bytes of one text
};

/// Bytes [begin, end) of a rendered text.
struct text_span {
  std::size_t begin = 0, end = 0;
};

struct rendered_text {
  std::string text;
  std::vector<text_span> generated;  // what stood in {% generation %}
};

class interpreter {
 public:
  interpreter(const syntax_tree& tree, std::vector<std::pair<std::string, value>> variables, std::optional<std::tm> now,
              const render_limits& limits);
  interpreter(const interpreter&) = delete;
  interpreter& operator=(const interpreter&) = delete;
  ~interpreter();

  /// \throws template_error `line 3: ...`
  rendered_text run();

  // --- what filters, tests and methods use; they throw template_error without a line -------------------------------
  /// Counts work. \throws template_error beyond the limits
  void spend(std::size_t bytes);
  void check_length(std::size_t bytes) const;
  /// A text that was computed, counted.
  value text(std::string content);
  value list(std::vector<value> items, bool tuple = false);
  value attribute(const value& object, const std::string& name);
  value item(const value& object, const value& index);
  value call(const value& callee, const arguments& given);
  value add(const value& a, const value& b);
  /// What a for statement runs over.
  std::vector<value> iterate(const value& x);
  const std::optional<std::tm>& now() const { return now_; }

 private:
  struct scope {
    scope* parent = nullptr;
    std::vector<std::pair<std::string, value>> names;

    const value* find(std::string_view name) const;
    void set(const std::string& name, value v);
  };
  enum class flow { next, break_loop, continue_loop };
  class level;

  value evaluate(const expression& e, scope& names);
  value evaluate_operands(const expression& e, scope& names);
  value name(const std::string& name, const scope& names);
  value slice(const expression& e, scope& names);
  value unary(const std::string& sign, const value& x);
  value binary(const expression& e, scope& names);
  value arithmetic(const std::string& sign, const value& a, const value& b);
  value compare(const expression& e, scope& names);
  value filter(const expression& e, scope& names, const value* subject);
  arguments evaluate_arguments(const expression& e, scope& names);

  flow execute(const block& body, scope& names);
  flow execute(const statement& s, scope& names);
  flow run_loop(const statement& s, scope& names);
  void assign(const target& to, const value& v, scope& names);
  void capture(const statement& s, scope& names);
  void generation(const statement& s, scope& names);
  value call_macro(const statement& macro, const arguments& given);
  std::string captured(const block& body, scope& names);
  void print(std::string_view content);

  const syntax_tree& tree_;
  std::optional<std::tm> now_;
  render_limits limits_;
  std::size_t steps_ = 0, bytes_ = 0;
  int depth_ = 0, line_ = 1;
  scope root_;
  std::string out_;
  std::vector<text_span> generated_;
  bool generating_ = false, capturing_ = false;
  std::vector<std::shared_ptr<name_space>> spaces_;  // emptied at the end: they may hold each other
  friend value make_name_space(interpreter&, std::vector<std::pair<std::string, value>>);
};

/// Arguments by position or by name, as a function declares its parameters.
class bound_arguments {
 public:
  /// \throws template_error for too many, unknown and repeated ones
  bound_arguments(const std::string& function, const arguments& given, std::initializer_list<const char*> parameters);

  /// Null where the parameter was not given.
  const value* operator[](std::size_t parameter) const { return values_[parameter]; }
  const value& required(std::size_t parameter) const;
  const std::string& text(std::size_t parameter) const;
  std::optional<std::string_view> optional_text(std::size_t parameter) const;  // none for None too
  std::int64_t integer(std::size_t parameter, std::int64_t otherwise) const;
  bool flag(std::size_t parameter, bool otherwise) const;

 private:
  std::string function_;
  std::vector<const char*> names_;
  std::vector<const value*> values_;
};

/// Binary tests: a in b, whether text is part of text, an item of a list, a key of a dictionary.
bool contains(const value& container, const value& item);
/// \throws template_error for an integer beyond 64 bits
value power(const value& a, const value& b);
/// `format % values` of Python with %s, %r, %d, %i, %f, %.2f and %%.
std::string percent_format(const std::string& format, const value& values);

value apply_filter(interpreter& in, const std::string& name, const value& subject, const arguments& given);
bool apply_test(interpreter& in, const std::string& name, const value& subject, const arguments& given);
/// A method or attribute of a text, list, dictionary or loop; none where it has no such name.
std::optional<value> method_of(interpreter& in, const value& object, const std::string& name);
/// range, namespace, dict, raise_exception, strftime_now; none where there is no such function.
std::optional<value> global_function(const std::string& name);
value make_name_space(interpreter& in, std::vector<std::pair<std::string, value>> items);

}  // namespace rto::llm::jinja
