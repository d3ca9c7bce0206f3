#include <algorithm>
#include <array>

#include "llm/text/jinja_parser.hpp"

namespace rto::llm::jinja {

using type = expression::type;

expression_ptr expression_parser::make(type kind, int line, std::string name) const {
  auto node = std::make_unique<expression>();
  node->kind = kind;
  node->line = line;
  node->name = std::move(name);
  return node;
}

expression_ptr expression_parser::finish(expression_ptr node) const {
  for (const expression_ptr& operand : node->operands) {
    if (operand != nullptr) node->depth = std::max(node->depth, operand->depth + 1);
  }
  for (const named_expression& argument : node->arguments)
    node->depth = std::max(node->depth, argument.argument->depth + 1);
  if (node->depth > deepest_syntax)
    tokens_.fail(fmt::format("an expression is nested deeper than {} levels", deepest_syntax));
  return node;
}

expression_ptr expression_parser::parse_expression(bool with_conditional) {
  const nesting guard(depth_, tokens_);
  return with_conditional ? parse_conditional() : parse_or();
}

expression_ptr expression_parser::parse_tuple(bool with_conditional, bool in_parentheses) {
  const int line = tokens_.current().line;
  const auto at_end = [&] {
    const token& t = tokens_.current();
    return t.kind == token::type::variable_end || t.kind == token::type::block_end || t.is_sign(")");
  };
  expression_ptr tuple = make(type::tuple, line);
  bool comma = false;
  while (!at_end()) {
    tuple->operands.push_back(parse_expression(with_conditional));
    comma = tokens_.skip_sign(",");
    if (!comma) break;
  }
  if (tuple->operands.empty() && !in_parentheses)
    tokens_.fail("expected an expression, found " + describe(tokens_.current()));
  if (tuple->operands.size() == 1 && !comma) return std::move(tuple->operands[0]);
  return finish(std::move(tuple));
}

expression_ptr expression_parser::parse_conditional() {
  expression_ptr result = parse_or();
  while (tokens_.current().is_name("if")) {
    const int line = tokens_.take().line;
    expression_ptr condition = parse_or();
    expression_ptr otherwise;
    if (tokens_.skip_name("else")) otherwise = parse_expression();
    result = node(type::conditional, line, "", std::move(condition), std::move(result), std::move(otherwise));
  }
  return result;
}

expression_ptr expression_parser::parse_or() {
  return parse_chain([&] { return parse_and(); }, [](const token& t) { return t.is_name("or"); });
}

expression_ptr expression_parser::parse_and() {
  return parse_chain([&] { return parse_not(); }, [](const token& t) { return t.is_name("and"); });
}

expression_ptr expression_parser::parse_not() {
  if (!tokens_.current().is_name("not")) return parse_comparison();
  const nesting guard(depth_, tokens_);
  const int line = tokens_.take().line;
  return node(type::unary, line, "not", parse_not());
}

expression_ptr expression_parser::parse_comparison() {
  constexpr std::array<std::string_view, 6> signs = {"==", "!=", "<", "<=", ">", ">="};
  expression_ptr compare = make(type::compare, tokens_.current().line);
  compare->operands.push_back(parse_sum());
  while (true) {
    const token& t = tokens_.current();
    if (t.kind == token::type::sign && std::find(signs.begin(), signs.end(), t.text) != signs.end()) {
      compare->names.push_back(tokens_.take().text);
    } else if (t.is_name("in")) {
      compare->names.push_back(tokens_.take().text);
    } else if (t.is_name("not") && tokens_.ahead().is_name("in")) {
      tokens_.take();
      tokens_.take();
      compare->names.emplace_back("not in");
    } else {
      break;
    }
    compare->operands.push_back(parse_sum());
  }
  if (compare->names.empty()) return std::move(compare->operands[0]);
  return finish(std::move(compare));
}

expression_ptr expression_parser::parse_sum() {
  return parse_chain([&] { return parse_concat(); }, [](const token& t) { return t.is_sign("+") || t.is_sign("-"); });
}

expression_ptr expression_parser::parse_concat() {
  expression_ptr concat = make(type::concat, tokens_.current().line);
  do concat->operands.push_back(parse_product());
  while (tokens_.skip_sign("~"));
  if (concat->operands.size() == 1) return std::move(concat->operands[0]);
  return finish(std::move(concat));
}

expression_ptr expression_parser::parse_product() {
  return parse_chain(
      [&] { return parse_power(); },
      [](const token& t) { return t.is_sign("*") || t.is_sign("/") || t.is_sign("//") || t.is_sign("%"); });
}

expression_ptr expression_parser::parse_power() {
  return parse_chain([&] { return parse_signed(); }, [](const token& t) { return t.is_sign("**"); });
}

expression_ptr expression_parser::parse_signed(bool with_filters) {
  const nesting guard(depth_, tokens_);
  expression_ptr result;
  if (tokens_.current().is_sign("-") || tokens_.current().is_sign("+")) {
    const token sign = tokens_.take();
    result = node(type::unary, sign.line, sign.text, parse_signed(false));
  } else {
    result = parse_primary();
  }
  result = parse_postfix(std::move(result));
  return with_filters ? parse_filters(std::move(result)) : std::move(result);
}

expression_ptr expression_parser::parse_primary() {
  const token t = tokens_.current();
  expression_ptr literal = make(type::constant, t.line);
  if (t.kind == token::type::name) {
    tokens_.take();
    if (t.text == "true" || t.text == "True")
      literal->literal = true;
    else if (t.text == "false" || t.text == "False")
      literal->literal = false;
    else if (t.text != "none" && t.text != "None")
      return make(type::name, t.line, t.text);
    return literal;
  }
  if (t.kind == token::type::text) {
    std::string text;
    while (tokens_.current().kind == token::type::text) text += tokens_.take().text;
    literal->literal = std::move(text);
    return literal;
  }
  if (t.kind == token::type::integer || t.kind == token::type::number) {
    tokens_.take();
    literal->literal = t.kind == token::type::integer ? value(t.integer) : value(t.number);
    return literal;
  }
  if (tokens_.skip_sign("(")) {
    expression_ptr inner = parse_tuple(true, true);
    tokens_.expect_sign(")");
    return inner;
  }
  if (tokens_.skip_sign("[")) {
    expression_ptr list = make(type::list, t.line);
    while (!tokens_.current().is_sign("]")) {
      if (!list->operands.empty()) tokens_.expect_sign(",");
      if (tokens_.current().is_sign("]")) break;
      list->operands.push_back(parse_expression());
    }
    tokens_.expect_sign("]");
    return finish(std::move(list));
  }
  if (tokens_.skip_sign("{")) {
    expression_ptr dictionary = make(type::dictionary, t.line);
    while (!tokens_.current().is_sign("}")) {
      if (!dictionary->operands.empty()) tokens_.expect_sign(",");
      if (tokens_.current().is_sign("}")) break;
      dictionary->operands.push_back(parse_expression());
      tokens_.expect_sign(":");
      dictionary->operands.push_back(parse_expression());
    }
    tokens_.expect_sign("}");
    return finish(std::move(dictionary));
  }
  tokens_.fail("expected an expression, found " + describe(t));
}

expression_ptr expression_parser::parse_postfix(expression_ptr subject) {
  while (true) {
    const int line = tokens_.current().line;
    if (tokens_.skip_sign(".")) {
      if (tokens_.current().kind == token::type::integer) {
        expression_ptr index = make(type::constant, line);
        index->literal = tokens_.take().integer;
        subject = node(type::item, line, "", std::move(subject), std::move(index));
      } else {
        subject = node(type::attribute, line, tokens_.expect_name(), std::move(subject));
      }
    } else if (tokens_.skip_sign("[")) {
      subject = parse_subscript(std::move(subject));
    } else if (tokens_.current().is_sign("(")) {
      expression_ptr call = make(type::call, line);
      call->operands.push_back(std::move(subject));
      call->arguments = parse_arguments();
      subject = finish(std::move(call));
    } else {
      return subject;
    }
  }
}

expression_ptr expression_parser::parse_subscript(expression_ptr subject) {
  const int line = tokens_.current().line;
  expression_ptr parts[3];
  std::size_t part = 0;
  while (!tokens_.current().is_sign("]")) {
    if (tokens_.skip_sign(":")) {
      if (++part > 2) tokens_.fail("expected at most start:stop:step");
    } else if (tokens_.current().is_sign(",")) {
      tokens_.fail("an index of several values is not supported");
    } else {
      if (parts[part] != nullptr) tokens_.fail("expected ']', found " + describe(tokens_.current()));
      parts[part] = parse_expression();
    }
  }
  tokens_.expect_sign("]");
  if (part > 0)
    return node(type::slice, line, "", std::move(subject), std::move(parts[0]), std::move(parts[1]),
                std::move(parts[2]));
  if (parts[0] == nullptr) tokens_.fail("expected an index between [ and ]");
  return node(type::item, line, "", std::move(subject), std::move(parts[0]));
}

std::vector<named_expression> expression_parser::parse_arguments() {
  tokens_.expect_sign("(");
  std::vector<named_expression> arguments;
  while (!tokens_.current().is_sign(")")) {
    if (!arguments.empty()) tokens_.expect_sign(",");
    if (tokens_.current().is_sign(")")) break;
    if (tokens_.current().is_sign("*") || tokens_.current().is_sign("**"))
      tokens_.fail("unpacked arguments (* and **) are not supported");
    named_expression argument;
    if (tokens_.current().kind == token::type::name && tokens_.ahead().is_sign("=")) {
      argument.name = tokens_.take().text;
      tokens_.take();
    } else if (!arguments.empty() && !arguments.back().name.empty()) {
      tokens_.fail("expected name=value: arguments by position come first");
    }
    argument.argument = parse_expression();
    arguments.push_back(std::move(argument));
  }
  tokens_.expect_sign(")");
  return arguments;
}

expression_ptr expression_parser::parse_filters(expression_ptr subject) {
  while (true) {
    const int line = tokens_.current().line;
    if (tokens_.skip_sign("|")) {
      expression_ptr filter = make(type::filter, line, tokens_.expect_name());
      filter->operands.push_back(std::move(subject));
      if (tokens_.current().is_sign("(")) filter->arguments = parse_arguments();
      subject = finish(std::move(filter));
    } else if (subject != nullptr && tokens_.skip_name("is")) {
      subject = parse_test(std::move(subject));
    } else if (subject != nullptr && tokens_.current().is_sign("(")) {
      expression_ptr call = make(type::call, line);
      call->operands.push_back(std::move(subject));
      call->arguments = parse_arguments();
      subject = finish(std::move(call));
    } else {
      return subject;
    }
  }
}

expression_ptr expression_parser::parse_test(expression_ptr subject) {
  const int line = tokens_.current().line;
  const bool negated = tokens_.skip_name("not");
  expression_ptr test = make(type::test, line, tokens_.expect_name());
  test->operands.push_back(std::move(subject));
  const token& t = tokens_.current();
  const bool value_follows = t.kind == token::type::name || t.kind == token::type::text ||
                             t.kind == token::type::integer || t.kind == token::type::number || t.is_sign("[") ||
                             t.is_sign("{");
  if (t.is_sign("(")) {
    test->arguments = parse_arguments();
  } else if (value_follows && !t.is_name("else") && !t.is_name("or") && !t.is_name("and")) {
    if (t.is_name("is")) tokens_.fail("tests cannot follow each other without 'and'");
    test->arguments.push_back({"", parse_postfix(parse_primary())});
  }
  expression_ptr result = finish(std::move(test));
  return negated ? node(type::unary, line, "not", std::move(result)) : std::move(result);
}

}  // namespace rto::llm::jinja
