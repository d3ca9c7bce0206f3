#pragma once
// The recursive descent that both halves of the parser share: a position among tokens, and complaints with their line.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "llm/text/jinja_lexer.hpp"
#include "llm/text/jinja_syntax.hpp"

namespace rto::llm::jinja {

class token_stream {
 public:
  explicit token_stream(std::vector<token> tokens) : tokens_(std::move(tokens)) {}

  const token& current() const { return tokens_[at_]; }
  const token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  token take() { return at_ + 1 < tokens_.size() ? std::move(tokens_[at_++]) : tokens_[at_]; }

  bool skip_sign(std::string_view sign) { return skip(current().is_sign(sign)); }
  bool skip_name(std::string_view name) { return skip(current().is_name(name)); }
  void expect_sign(std::string_view sign) {
    if (!skip_sign(sign)) fail(fmt::format("expected '{}', found {}", sign, describe(current())));
  }
  std::string expect_name() {
    if (current().kind != token::type::name) fail("expected a name, found " + describe(current()));
    return take().text;
  }
  void expect(token::type kind, const char* what) {
    if (current().kind != kind) fail(fmt::format("expected {}, found {}", what, describe(current())));
    take();
  }
  [[noreturn]] void fail(const std::string& message) const {
    throw template_error(fmt::format("line {}: {}", current().line, message));
  }

 private:
  bool skip(bool there) {
    if (there) take();
    return there;
  }

  std::vector<token> tokens_;
  std::size_t at_ = 0;
};

/// Counts one level of nesting while it lives.
class nesting {
 public:
  nesting(int& depth, const token_stream& tokens) : depth_(depth) {
    if (++depth_ > deepest_syntax) {
      --depth_;
      tokens.fail(fmt::format("the template is nested deeper than {} levels", deepest_syntax));
    }
  }
  nesting(const nesting&) = delete;
  nesting& operator=(const nesting&) = delete;
  ~nesting() { --depth_; }

 private:
  int& depth_;
};

/// Parses expressions by Jinja's grammar: from weak to strong `if else`, or, and, not, comparisons, + -, ~, * / // %,
/// **, signs, then what follows a value: .name [item] (call) |filter `is test`.
class expression_parser {
 public:
  expression_parser(token_stream& tokens, int& depth) : tokens_(tokens), depth_(depth) {}

  expression_ptr parse_expression(bool with_conditional = true);
  /// One expression, or a tuple of several with commas between them.
  expression_ptr parse_tuple(bool with_conditional = true, bool in_parentheses = false);
  /// A filter without its subject (of a block set), after its `|`; more may follow.
  expression_ptr parse_filters(expression_ptr subject);
  std::vector<named_expression> parse_arguments();

 private:
  expression_ptr parse_conditional();
  expression_ptr parse_or();
  expression_ptr parse_and();
  expression_ptr parse_not();
  expression_ptr parse_comparison();
  expression_ptr parse_sum();
  expression_ptr parse_concat();
  expression_ptr parse_product();
  expression_ptr parse_power();
  expression_ptr parse_signed(bool with_filters = true);
  expression_ptr parse_primary();
  expression_ptr parse_postfix(expression_ptr subject);
  expression_ptr parse_subscript(expression_ptr subject);
  expression_ptr parse_test(expression_ptr subject);

  /// `part` op `part` op .., from the left, as long as an operator follows.
  template <class Part, class IsOperator> expression_ptr parse_chain(const Part& part, const IsOperator& is_operator) {
    expression_ptr left = part();
    while (is_operator(tokens_.current())) {
      const token sign = tokens_.take();
      left = node(expression::type::binary, sign.line, sign.text, std::move(left), part());
    }
    return left;
  }

  expression_ptr make(expression::type kind, int line, std::string name = "") const;
  /// Checks the depth of a tree that is complete.
  expression_ptr finish(expression_ptr node) const;
  template <class... Operands>
  expression_ptr node(expression::type kind, int line, std::string name, Operands... operands) {
    expression_ptr result = make(kind, line, std::move(name));
    (result->operands.push_back(std::move(operands)), ...);
    return finish(std::move(result));
  }

  token_stream& tokens_;
  int& depth_;
};

}  // namespace rto::llm::jinja
