#include "llm/text/jinja_lexer.hpp"
#include "llm/text/code_point.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "llm/text/jinja_value.hpp"
#include "llm/text/python_text.hpp"
#include "sim/data/utf8.hpp"

namespace rto::llm::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return begins_name(c) || is_digit(c); }

std::string with_plain_line_ends(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] != '\r') {
      text += source[at];
    } else {
      text += '\n';
      if (at + 1 < source.size() && source[at + 1] == '\n') ++at;
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class lexer {
 public:
  explicit lexer(std::string_view source) : source_(with_plain_line_ends(source)) {}

  std::vector<token> operator()() {
    while (at_ < source_.size()) read_data();
    add(token::type::end, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool here(std::string_view what) const { return rest().starts_with(what); }

  void add(token::type kind, std::string text) {
    token t;
    t.kind = kind;
    t.text = std::move(text);
    t.line = line_;
    tokens_.push_back(std::move(t));
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw template_error(fmt::format("line {}: {}", line_, message));
  }

  void advance(std::size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(at_ + bytes), '\n'));
    at_ += bytes;
  }
  void skip_space() { advance(rest().size() - python::strip(rest(), python::side::left).size()); }

  // Text up to the next tag, less what the tag's edge takes of it; then the tag.
  void read_data() {
    const bool line_start = at_ == 0 || source_[at_ - 1] == '\n';
    std::size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 == source_.size()) tag = source_.size();
      if (tag == source_.size()) break;
      const char second = source_[tag + 1];
      if (second == '{' || second == '%' || second == '#') break;
      ++tag;
    }
    std::string_view data = std::string_view(source_).substr(at_, tag - at_);
    const std::size_t data_size = data.size();
    const char opening = tag < source_.size() ? source_[tag + 1] : '\0';
    const char edge = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    if (opening != '\0') data = trim_before(data, opening, edge, line_start);
    if (!data.empty()) add(token::type::data, std::string(data));
    advance(data_size);
    if (opening == '\0') return;
    advance(edge == '-' || edge == '+' ? 3 : 2);
    if (opening == '#') return read_comment();
    if (opening == '%' && read_raw()) return;
    read_tag(opening == '%');
  }

  static std::string_view trim_before(std::string_view data, char opening, char edge, bool line_start) {
    if (edge == '-') return python::strip(data, python::side::right);
    if (edge == '+' || opening == '{') return data;
    const std::size_t newline = data.rfind('\n');
    if (newline == std::string_view::npos && !line_start) return data;
    const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
    return python::strip(data.substr(line), python::side::left).empty() ? data.substr(0, line) : data;
  }

  // After `%}` or `#}`: what the closing edge takes.
  void close(char edge) {
    if (edge == '-')
      skip_space();
    else if (edge != '+' && here("\n"))
      advance(1);
  }

  void read_comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail("expected the end of the comment, #}, found the end of the template");
    const char edge = end > at_ ? source_[end - 1] : '\0';
    advance(end + 2 - at_);
    close(edge);
  }

  // {% raw %} ... {% endraw %}, after its `{%`.
  bool read_raw() {
    std::string_view tag = python::strip(rest(), python::side::left);
    if (!tag.starts_with("raw")) return false;
    tag = python::strip(tag.substr(3), python::side::left);
    const bool strips = tag.starts_with("-%}");
    if (!strips && !tag.starts_with("%}")) return false;
    advance(rest().size() - tag.size() + (strips ? 3 : 2));
    if (strips) skip_space();
    const bool line_start = source_[at_ - 1] == '\n';
    for (std::size_t begin = source_.find("{%", at_); begin != std::string::npos;
         begin = source_.find("{%", begin + 1)) {
      const std::size_t after = begin + 2;
      const char edge = after < source_.size() ? source_[after] : '\0';
      std::string_view end = std::string_view(source_).substr(edge == '-' || edge == '+' ? after + 1 : after);
      end = python::strip(end, python::side::left);
      if (!end.starts_with("endraw")) continue;
      end = python::strip(end.substr(6), python::side::left);
      const char closing = end.starts_with("-%}") || end.starts_with("+%}") ? end[0] : '\0';
      if (closing == '\0' && !end.starts_with("%}")) continue;
      const std::string_view data = std::string_view(source_).substr(at_, begin - at_);
      const std::string_view kept = trim_before(data, '%', edge, line_start);
      if (!kept.empty()) add(token::type::data, std::string(kept));
      advance(source_.size() - end.size() + (closing == '\0' ? 2 : 3) - at_);
      close(closing);
      return true;
    }
    fail("expected {% endraw %}, found the end of the template");
  }

  // The tokens of `{% ... %}` or `{{ ... }}`, after its opening.
  void read_tag(bool statement) {
    const std::string_view closing = statement ? "%}" : "}}";
    add(statement ? token::type::block_begin : token::type::variable_begin, "");
    std::string open;  // closing brackets that are due, the last one first
    while (true) {
      if (at_ == source_.size()) fail(fmt::format("expected {}, found the end of the template", closing));
      const bool has_edge = at_ + 1 < source_.size() && (source_[at_] == '-' || (statement && source_[at_] == '+')) &&
                            rest().substr(1).starts_with(closing);
      if (open.empty() && (has_edge || here(closing))) {
        const char edge = has_edge ? source_[at_] : '\0';
        add(statement ? token::type::block_end : token::type::variable_end, "");
        advance(has_edge ? 3 : 2);
        if (statement)
          close(edge);
        else if (edge == '-')
          skip_space();
        return;
      }
      std::size_t next = at_;
      if (python::is_space(python::next_code_point(source_, next)))
        advance(next - at_);
      else
        read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char c = source_[at_];
    if (is_digit(c)) return read_number();
    if (c == '"' || c == '\'') return read_text(c);
    if (begins_name(c)) {
      std::size_t end = at_;
      while (end < source_.size() && in_name(source_[end])) ++end;
      add(token::type::name, source_.substr(at_, end - at_));
      return advance(end - at_);
    }
    constexpr std::array<std::string_view, 27> signs = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                        "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                        ">",  "<",  "=",  ".",  ":",  "|",  ",", ";", "!"};
    for (const std::string_view sign : signs) {
      if (!here(sign) || sign == "!") continue;
      if (sign == "(" || sign == "[" || sign == "{") open += sign == "(" ? ')' : sign == "[" ? ']' : '}';
      if (sign == ")" || sign == "]" || sign == "}") {
        if (open.empty() || open.back() != sign[0])
          fail(open.empty() ? fmt::format("unexpected '{}'", sign)
                            : fmt::format("expected '{}', found '{}'", open.back(), sign));
        open.pop_back();
      }
      add(token::type::sign, std::string(sign));
      return advance(sign.size());
    }
    fail(fmt::format("unexpected character '{}'", sim::printable(rest().substr(0, 4), 1)));
  }

  void read_number() {
    const bool after_point = !tokens_.empty() && tokens_.back().is_sign(".");
    std::size_t end = at_;
    std::string digits;
    const auto take_digits = [&] {
      while (end < source_.size() && (is_digit(source_[end]) || (source_[end] == '_' && end + 1 < source_.size() &&
                                                                 is_digit(source_[end + 1])))) {
        if (source_[end] != '_') digits += source_[end];
        ++end;
      }
    };
    const auto digit_at = [&](std::size_t i) { return i < source_.size() && is_digit(source_[i]); };
    take_digits();
    bool fraction = false;
    if (!after_point) {
      if (end < source_.size() && source_[end] == '.' && digit_at(end + 1)) {
        fraction = true;
        digits += source_[end++];
        take_digits();
      }
      if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
        const std::size_t sign =
            end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-') ? 1 : 0;
        if (digit_at(end + 1 + sign)) {
          fraction = true;
          digits.append(source_, end, 1 + sign);
          end += 1 + sign;
          take_digits();
        }
      }
    }
    if (end < source_.size() && in_name(source_[end])) fail("expected a decimal number");
    if (!fraction && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos)
      fail(fmt::format("expected a number without leading zeros, found {}", sim::printable(digits)));
    add(fraction ? token::type::number : token::type::integer, source_.substr(at_, end - at_));
    errno = 0;
    if (fraction)
      tokens_.back().number = std::strtod(digits.c_str(), nullptr);
    else
      tokens_.back().integer = std::strtoll(digits.c_str(), nullptr, 10);
    if (!fraction && errno == ERANGE) fail("an integer beyond 64 bits");
    advance(end - at_);
  }

  void read_text(char quote) {
    std::string text;
    std::size_t at = at_ + 1;
    while (at < source_.size() && source_[at] != quote) {
      if (source_[at] != '\\')
        text += source_[at++];
      else if (++at < source_.size())
        at = read_escape(at, text);
    }
    if (at >= source_.size()) fail("expected the end of the text, found the end of the template");
    add(token::type::text, std::move(text));
    advance(at + 1 - at_);
  }

  // What follows a backslash. \returns where the text goes on
  std::size_t read_escape(std::size_t at, std::string& text) const {
    const char c = source_[at];
    constexpr std::string_view letters = "\\'\"abfnrtv", meanings = "\\'\"\a\b\f\n\r\t\v";
    if (const std::size_t k = letters.find(c); k != std::string_view::npos) {
      text += meanings[k];
      return at + 1;
    }
    if (c == '\n') return at + 1;
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits > 0) return read_code(at + 1, digits, 16, text);
    if (c >= '0' && c <= '7') {
      std::size_t octal = 1;
      while (octal < 3 && at + octal < source_.size() && source_[at + octal] >= '0' && source_[at + octal] <= '7')
        ++octal;
      return read_code(at, octal, 8, text);
    }
    if (c == 'N') fail("a character by its name, \\N{...}, is not supported");
    text += '\\';
    return at;
  }

  std::size_t read_code(std::size_t at, std::size_t digits, int base, std::string& text) const {
    const std::string code = source_.substr(at, digits);
    char* end = nullptr;
    const unsigned long point = std::strtoul(code.c_str(), &end, base);
    if (code.size() < digits || *end != '\0' || !std::isxdigit(static_cast<unsigned char>(code[0])) ||
        point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      fail(fmt::format("expected the code of a character, found '{}'", sim::printable(code)));
    append_code_point(text, static_cast<char32_t>(point));
    return at + digits;
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<token> tokens_;
};

}  // namespace

std::vector<token> tokenize(std::string_view source) {
  if (const std::size_t at = sim::first_invalid_utf8(source); at != std::string_view::npos)
    throw template_error(
        fmt::format("line {}: expected UTF-8, found byte 0x{:02x}",
                    1 + std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(at), '\n'),
                    static_cast<unsigned char>(source[at])));
  return lexer(source)();
}

std::string describe(const token& t) {
  switch (t.kind) {
    case token::type::end:
      return "the end of the template";
    case token::type::block_end:
      return "the end of the statement";
    case token::type::variable_end:
      return "the end of the expression";
    case token::type::text:
      return "the text '" + sim::printable(t.text, 30) + "'";
    default:
      return "'" + sim::printable(t.text, 30) + "'";
  }
}

}  // namespace rto::llm::jinja
