#include <algorithm>
#include <initializer_list>

#include "llm/text/jinja_parser.hpp"

namespace rto::llm::jinja {
namespace {

class statement_parser {
 public:
  explicit statement_parser(std::string_view source) : tokens_(tokenize(source)), expressions_(tokens_, depth_) {}

  syntax_tree operator()() {
    syntax_tree tree;
    tree.body = parse_block({});
    tree.has_generation = has_generation_;
    return tree;
  }

 private:
  // Up to a statement whose name is among `ends`; the name is the current token then.
  block parse_block(std::initializer_list<std::string_view> ends) {
    const nesting guard(depth_, tokens_);
    block body;
    const int begin = tokens_.current().line;
    while (true) {
      const token t = tokens_.take();
      if (t.kind == token::type::end) {
        if (ends.size() == 0) return body;
        tokens_.fail(fmt::format("expected {{% {} %}} for the block of line {}, found the end of the template",
                                 *(ends.end() - 1), begin));
      }
      statement s;
      s.line = t.line;
      if (t.kind == token::type::data) {
        s.text = t.text;
      } else if (t.kind == token::type::variable_begin) {
        s.kind = statement::type::print;
        s.values.push_back(expressions_.parse_tuple());
        tokens_.expect(token::type::variable_end, "}}");
      } else {  // a block begins: nothing else stands between tags
        if (tokens_.current().kind != token::type::name)
          tokens_.fail("expected a statement, found " + describe(tokens_.current()));
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view e) { return tokens_.current().is_name(e); }))
          return body;
        parse_statement(s);
      }
      body.push_back(std::move(s));
    }
  }

  void end_of_statement() { tokens_.expect(token::type::block_end, "%}"); }

  block body_until(std::string_view end) {
    end_of_statement();
    block body = parse_block({end});
    tokens_.take();
    end_of_statement();
    return body;
  }

  // A body in which `break` and `continue` don't reach a loop around it.
  block closed_body_until(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    ++inside_;
    block body = body_until(end);
    --inside_;
    loops_ = loops;
    return body;
  }

  void parse_statement(statement& s) {
    const token name = tokens_.take();
    if (name.text == "if") return parse_branch(s);
    if (name.text == "for") return parse_loop(s);
    if (name.text == "set") return parse_set(s);
    if (name.text == "macro") return parse_macro(s);
    if (name.text == "generation") return parse_generation(s);
    if (name.text == "break" || name.text == "continue") {
      if (loops_ == 0) tokens_.fail(fmt::format("'{}' outside a loop", name.text));
      s.kind = name.text == "break" ? statement::type::break_loop : statement::type::continue_loop;
      return end_of_statement();
    }
    if (name.text.starts_with("end") || name.text == "else" || name.text == "elif")
      tokens_.fail(fmt::format("unexpected '{}'", name.text));
    tokens_.fail(fmt::format("the statement '{}' is not supported", name.text));
  }

  void parse_branch(statement& s) {
    s.kind = statement::type::branch;
    s.values.push_back(expressions_.parse_tuple(false));
    while (true) {
      end_of_statement();
      s.bodies.push_back(parse_block({"elif", "else", "endif"}));
      const std::string name = tokens_.take().text;
      if (name == "endif") return end_of_statement();
      if (name == "else") {
        s.bodies.push_back(body_until("endif"));
        return;
      }
      s.values.push_back(expressions_.parse_tuple(false));
    }
  }

  void parse_loop(statement& s) {
    s.kind = statement::type::loop;
    s.to = parse_target(false);
    if (!tokens_.skip_name("in")) tokens_.fail("expected 'in', found " + describe(tokens_.current()));
    s.values.push_back(expressions_.parse_tuple(false));
    if (tokens_.skip_name("if")) s.values.push_back(expressions_.parse_expression());
    if (tokens_.current().is_name("recursive")) tokens_.fail("a recursive loop is not supported");
    end_of_statement();
    ++loops_;
    ++inside_;
    s.bodies.push_back(parse_block({"else", "endfor"}));
    --inside_;
    --loops_;
    const bool has_else = tokens_.take().text == "else";
    if (has_else)
      s.bodies.push_back(body_until("endfor"));
    else
      end_of_statement();
  }

  void parse_set(statement& s) {
    s.to = parse_target(true);
    if (tokens_.skip_sign("=")) {
      s.kind = statement::type::set;
      s.values.push_back(expressions_.parse_tuple());
      return end_of_statement();
    }
    s.kind = statement::type::capture;
    if (s.to.tuple) tokens_.fail("expected '=', found " + describe(tokens_.current()));
    if (tokens_.current().is_sign("|")) s.values.push_back(expressions_.parse_filters(nullptr));
    s.bodies.push_back(closed_body_until("endset"));
  }

  void parse_macro(statement& s) {
    if (inside_ > 0) tokens_.fail("a macro inside a loop, a macro or a block is not supported");
    s.kind = statement::type::macro;
    s.text = name_to_set();
    tokens_.expect_sign("(");
    while (!tokens_.current().is_sign(")")) {
      if (!s.parameters.empty()) tokens_.expect_sign(",");
      if (tokens_.current().is_sign(")")) break;
      named_expression parameter{name_to_set(), nullptr};
      if (tokens_.skip_sign("="))
        parameter.argument = expressions_.parse_expression();
      else if (!s.parameters.empty() && s.parameters.back().argument != nullptr)
        tokens_.fail("expected a default: parameters without one come first");
      s.parameters.push_back(std::move(parameter));
    }
    tokens_.expect_sign(")");
    s.bodies.push_back(closed_body_until("endmacro"));
  }

  void parse_generation(statement& s) {
    s.kind = statement::type::generation;
    has_generation_ = true;
    s.bodies.push_back(closed_body_until("endgeneration"));
  }

  std::string name_to_set() {
    std::string name = tokens_.expect_name();
    if (name == "true" || name == "True" || name == "false" || name == "False" || name == "none" || name == "None" ||
        name == "not")
      tokens_.fail(fmt::format("'{}' cannot be assigned to", name));
    return name;
  }

  target parse_target(bool with_attributes) {
    target to;
    do {
      if (!to.names.empty() && tokens_.current().kind != token::type::name) break;  // a comma at the end
      if (tokens_.current().is_sign("(")) tokens_.fail("names in parentheses on the left are not supported");
      std::string name = name_to_set(), attribute;
      if (with_attributes && tokens_.skip_sign(".")) attribute = tokens_.expect_name();
      to.names.emplace_back(std::move(name), std::move(attribute));
      if (!tokens_.skip_sign(",")) return to;
      to.tuple = true;
    } while (true);
    return to;
  }

  token_stream tokens_;
  int depth_ = 0;
  expression_parser expressions_;
  int loops_ = 0;   // around, that break would reach
  int inside_ = 0;  // blocks with names of their own around
  bool has_generation_ = false;
};

}  // namespace

syntax_tree parse(std::string_view source) { return statement_parser(source)(); }

}  // namespace rto::llm::jinja
