#pragma once
// A chat template as a tree.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/text/jinja_value.hpp"

namespace rto::llm::jinja {

/// Nesting of a template's syntax.
inline constexpr int deepest_syntax = 200;

struct expression;
using expression_ptr = std::unique_ptr<expression>;

struct named_expression {
  std::string name;  // empty: by position
  expression_ptr argument;
};

struct expression {
  enum class type {
    constant,     // literal
    name,         // name
    list,         // operands
    tuple,        // operands
    dictionary,   // operands: key, value, key, value, ...
    attribute,    // operands[0].name
    item,         // operands[0][operands[1]]
    slice,        // operands[0][operands[1]:operands[2]:operands[3]], null where left out
    call,         // operands[0](arguments)
    filter,       // operands[0] | name(arguments); operands[0] is null in a block set
    test,         // operands[0] is name(arguments)
    unary,        // name operands[0]: - + not
    binary,       // operands[0] name operands[1]: + - * / // % ** and or
    concat,       // operands[0] ~ operands[1] ~ ...
    compare,      // operands[0] names[0] operands[1] names[1] operands[2] ...
    conditional,  // operands[1] if operands[0] else operands[2], null where left out
  };

  type kind = type::constant;
  int line = 1;
  int depth = 1;
  std::string name;
  std::vector<std::string> names;
  value literal;
  std::vector<expression_ptr> operands;
  std::vector<named_expression> arguments;
};

struct statement;
using block = std::vector<statement>;

/// What a set or a for assigns to: one name, one attribute of a namespace, or several of them.
struct target {
  std::vector<std::pair<std::string, std::string>> names;  // name and attribute (empty: none)
  bool tuple = false;
};

struct statement {
  enum class type {
    data,        // text
    print,       // values
    branch,      // values[i] -> bodies[i]; one body more: else
    loop,        // for to in values[0] (if values[1]): bodies[0], else bodies[1]
    set,         // to = values[0]
    capture,     // set to: bodies[0], through the filter values[0] where there is one
    macro,       // text(parameters): bodies[0]
    generation,  // bodies[0]
    break_loop,
    continue_loop
  };

  type kind = type::data;
  int line = 1;
  std::string text;
  target to;
  std::vector<expression_ptr> values;
  std::vector<named_expression> parameters;  // with the default, or null
  std::vector<block> bodies;
};

struct syntax_tree {
  block body;
  bool has_generation = false;
};

/// \throws template_error `line 3: ...` for what is malformed and for what is outside the subset, which it names
syntax_tree parse(std::string_view source);

}  // namespace rto::llm::jinja
