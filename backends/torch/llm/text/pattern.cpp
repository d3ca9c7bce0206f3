#define PCRE2_CODE_UNIT_WIDTH 8
#include "llm/text/pattern.hpp"

#include <fmt/format.h>
#include <pcre2.h>

#include <array>

#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

// Inside a class: Unicode's White_Space (PCRE2's own \s has U+180E too), and \w with the marks.
constexpr std::string_view space =
    R"(\x{09}-\x{0D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view not_space =
    R"(\x{00}-\x{08}\x{0E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";
constexpr std::string_view word = R"(\p{L}\p{M}\p{N}\p{Pc})";

// The expression with \s, \S, \w and \W spelt out.
std::string translate(const std::string& expression, const std::string& place) {
  const auto refuse = [&](const std::string& what) {
    throw sim::field_error(fmt::format("{}: {} is not supported in a pattern", place, what));
  };
  std::string result;
  bool in_class = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      const char escaped = expression[++i];
      const bool negated = escaped == 'S' || escaped == 'W';
      if (escaped == 's' || escaped == 'w' || negated) {
        if (in_class && escaped == 'W') refuse("\\W in a class");
        const std::string_view members = escaped == 's' || escaped == 'S' ? space : word;
        if (in_class)
          result += escaped == 'S' ? not_space : members;
        else
          ((result += negated ? "[^" : "[") += members) += ']';
        continue;
      }
      if (std::string_view("hHRXKGyYOgkAzZ").find(escaped) != std::string_view::npos)
        refuse(fmt::format("\\{}", escaped));
      (result += c) += escaped;
      continue;
    }
    if (!in_class && (c == '^' || c == '$')) refuse(fmt::format("the anchor {}", c));
    if (in_class && c == '[') refuse("a class within a class");
    if (in_class && expression.substr(i, 2) == "&&") refuse("&& in a class");
    if (c == '[' && !in_class) {
      in_class = true;
      result += c;
      if (expression.substr(i + 1, 1) == "^") result += expression[++i];
      if (expression.substr(i + 1, 1) == "]") (result += '\\') += expression[++i];
      continue;
    }
    if (c == ']') in_class = false;
    result += c;
  }
  return result;
}

std::string engine_message(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  if (pcre2_get_error_message(code, buffer.data(), buffer.size()) < 0) return fmt::format("error {}", code);
  return reinterpret_cast<const char*>(buffer.data());
}

constexpr std::size_t largest_stack = 64u << 20;

}  // namespace

struct pattern::code {
  pcre2_code* value = nullptr;
  explicit code(pcre2_code* v) : value(v) {}
  code(const code&) = delete;
  code& operator=(const code&) = delete;
  ~code() { pcre2_code_free(value); }
};

struct pattern::search_state {
  pcre2_match_data* data = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_jit_stack* stack = nullptr;  // made when the small one on the thread's own stack is not enough

  explicit search_state(const pcre2_code* code)
      : data(pcre2_match_data_create_from_pattern(code, nullptr)), context(pcre2_match_context_create(nullptr)) {
    if (data == nullptr || context == nullptr) {
      release();
      throw std::bad_alloc();
    }
  }
  search_state(const search_state&) = delete;
  search_state& operator=(const search_state&) = delete;
  ~search_state() { release(); }

 private:
  void release() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

pattern::pattern(const std::string& expression, const std::string& place) {
  const std::string translated = translate(expression, place);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                       PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr);
  if (compiled == nullptr)
    throw sim::field_error(fmt::format("{}: not a regular expression: {}", place, engine_message(error)));
  code_ = std::make_unique<code>(compiled);
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);  // where there is no JIT, the interpreter does the same
}

pattern::~pattern() = default;
pattern::pattern(pattern&&) noexcept = default;
pattern& pattern::operator=(pattern&&) noexcept = default;

void pattern::search_deleter::operator()(search_state* search) const { delete search; }

std::unique_ptr<pattern::search_state, pattern::search_deleter> pattern::begin_search() const {
  return std::unique_ptr<search_state, search_deleter>(new search_state(code_->value));
}

std::optional<text_range> pattern::next(search_state& search, std::string_view text, std::size_t at) const {
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  while (true) {
    int result = pcre2_match(code_->value, subject, text.size(), at, PCRE2_NO_UTF_CHECK, search.data, search.context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT && search.stack == nullptr) {
      search.stack = pcre2_jit_stack_create(1u << 16, largest_stack, nullptr);
      pcre2_jit_stack_assign(search.context, nullptr, search.stack);
      continue;
    }
    if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
    if (result < 0)
      throw sim::user_error(
          fmt::format("the tokenizer's pattern fails on a text of {} bytes: {}", text.size(), engine_message(result)));
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(search.data);
    if (range[1] > range[0]) return text_range{range[0], range[1]};
    if (range[1] >= text.size()) return std::nullopt;
    at = range[1] + 1;  // an empty match: on to the next character
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  }
}

}  // namespace rto::llm
