#pragma once
// The tokens of a chat template, with Jinja's rules of white space as transformers sets them.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rto::llm::jinja {

struct token {
  enum class type {
    data,
    block_begin,
    block_end,
    variable_begin,
    variable_end,
    name,
    text,
    integer,
    number,
    sign,
    end
  };

  type kind = type::end;
  std::string text;  // data and names as they are, texts without quotes and escapes, signs as written
  std::int64_t integer = 0;
  double number = 0;
  int line = 1;

  bool is(type k, std::string_view t) const { return kind == k && text == t; }
  bool is_sign(std::string_view t) const { return is(type::sign, t); }
  bool is_name(std::string_view t) const { return is(type::name, t); }
};

/// Splits a template: `{{ }}` prints, `{% %}` are statements, `{# #}` comments, `{% raw %}` is copied. A `-` at a tag's
/// edge strips the white space beside it; the line end after a statement or comment goes (trim_blocks), and so do the
/// blanks before one that begins its line (lstrip_blocks), unless it has a `+`. One line end at the template's end
/// goes. \source Jinja 3.1, "Template Designer Documentation", white space control; transformers, chat templates
/// \throws template_error `line 3: ...`
std::vector<token> tokenize(std::string_view source);

/// A token as messages name it.
std::string describe(const token& t);

}  // namespace rto::llm::jinja
