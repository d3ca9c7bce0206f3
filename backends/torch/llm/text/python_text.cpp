#include "llm/text/python_text.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "llm/text/code_point.hpp"
#include "sim/data/utf8.hpp"

namespace rto::llm::python {
namespace {

bool line_end(char32_t c) {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

const char* category(char32_t c) { return utf8proc_category_string(static_cast<utf8proc_int32_t>(c)); }

bool cased(char32_t c) {
  const utf8proc_category_t k = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}

void append_upper(std::string& out, char32_t c, bool titled) {
  if (c == 0xdf) {
    out += titled ? "Ss" : "SS";
    return;
  }
  const auto point = static_cast<utf8proc_int32_t>(c);
  append_code_point(out, static_cast<char32_t>(titled ? utf8proc_totitle(point) : utf8proc_toupper(point)));
}

// A capital sigma is a final one in lower case where a cased letter stands before it and none after it.
bool final_sigma(std::string_view text, std::size_t begin, std::size_t end) {
  bool before = false;
  for (std::size_t at = 0; at < begin;) {
    const char32_t c = next_code_point(text, at);
    if (cased(c))
      before = true;
    else if (category(c)[0] != 'M' && c != '\'' && c != 0xad)
      before = false;
  }
  if (!before) return false;
  while (end < text.size()) {
    const char32_t c = next_code_point(text, end);
    if (cased(c)) return false;
    if (category(c)[0] != 'M' && c != '\'' && c != 0xad) break;
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, std::size_t begin, std::size_t end, char32_t c) {
  if (c == 0x130) {
    out += "i\u0307";
  } else if (c == 0x3a3) {
    append_code_point(out, final_sigma(text, begin, end) ? 0x3c2 : 0x3c3);
  } else {
    append_code_point(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
}

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const code_point c = code_point_at(text, at);
  at += c.length;
  return c.value;
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
         c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  const char* k = category(c);
  return k[0] != 'Z' && k[0] != 'C';
}

std::string_view strip(std::string_view text, side where, std::optional<std::string_view> chars) {
  const auto goes = [&](std::size_t begin, std::size_t end) {
    std::size_t at = begin;
    if (!chars) return is_space(next_code_point(text, at));
    return chars->find(text.substr(begin, end - begin)) != std::string_view::npos;
  };
  std::size_t begin = 0, end = text.size();
  while (where != side::right && begin < end) {
    std::size_t next = begin;
    next_code_point(text, next);
    if (!goes(begin, next)) break;
    begin = next;
  }
  while (where != side::left && end > begin) {
    std::size_t last = end - 1;
    while (last > begin && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80) --last;
    if (!goes(last, end)) break;
    end = last;
  }
  return text.substr(begin, end - begin);
}

std::vector<std::string> split(std::string_view text, std::optional<std::string_view> separator, std::int64_t most) {
  std::vector<std::string> parts;
  if (!separator) {
    std::string_view rest = strip(text, side::left);
    while (!rest.empty()) {
      if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
        parts.emplace_back(rest);
        break;
      }
      std::size_t at = 0, end = 0;
      while (at < rest.size() && !is_space(next_code_point(rest, at))) end = at;
      parts.emplace_back(rest.substr(0, end));
      rest = strip(rest.substr(end), side::left);
    }
    return parts;
  }
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = text.find(*separator);
    if (at == std::string_view::npos) break;
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + separator->size());
  }
  parts.emplace_back(text);
  return parts;
}

std::vector<std::string> split_from_right(std::string_view text, std::optional<std::string_view> separator,
                                          std::int64_t most) {
  if (most < 0) return split(text, separator);
  std::vector<std::string> parts;
  if (!separator) {
    std::string_view rest = strip(text, side::right);
    while (!rest.empty()) {
      if (static_cast<std::int64_t>(parts.size()) == most) {
        parts.emplace_back(rest);
        break;
      }
      std::size_t word = 0;  // where the last word begins
      for (std::size_t at = 0; at < rest.size();) {
        if (is_space(next_code_point(rest, at))) word = at;
      }
      parts.emplace_back(rest.substr(word));
      rest = strip(rest.substr(0, word), side::right);
    }
  } else {
    while (static_cast<std::int64_t>(parts.size()) < most) {
      const std::size_t at = text.rfind(*separator);
      if (at == std::string_view::npos) break;
      parts.emplace_back(text.substr(at + separator->size()));
      text = text.substr(0, at);
    }
    parts.emplace_back(text);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at;
    const char32_t c = next_code_point(text, at);
    if (!line_end(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.emplace_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.emplace_back(text.substr(begin));
  return lines;
}

std::string upper(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) append_upper(out, next_code_point(text, at), false);
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    append_lower(out, text, begin, at, c);
  }
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (in_word)
      append_lower(out, text, begin, at, c);
    else
      append_upper(out, c, true);
    in_word = cased(c);
  }
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (begin == 0)
      append_upper(out, c, true);
    else
      append_lower(out, text, begin, at, c);
  }
  return out;
}

bool is_cased(std::string_view text, bool wants_upper) {
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (!cased(c)) continue;
    if ((utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_LU) != wants_upper) return false;
    any = true;
  }
  return any;
}

bool all_of_category(std::string_view text, std::string_view categories) {
  for (std::size_t at = 0; at < text.size();) {
    if (categories.find(category(next_code_point(text, at))[0]) == std::string_view::npos) return false;
  }
  return !text.empty();
}

bool is_digits(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    const bool raised = c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
                        (c >= 0x2080 && c <= 0x2089);
    if (!raised && std::string_view(category(c)) != "Nd") return false;
  }
  return !text.empty();
}

std::string replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t most) {
  std::string out;
  std::int64_t done = 0;
  if (from.empty()) {
    for (std::size_t at = 0;; ++done) {
      if (most >= 0 && done >= most) return out.append(text.substr(at));
      out += to;
      if (at == text.size()) return out;
      const std::size_t begin = at;
      next_code_point(text, at);
      out += text.substr(begin, at - begin);
    }
  }
  for (; most < 0 || done < most; ++done) {
    const std::size_t at = text.find(from);
    if (at == std::string_view::npos) break;
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return out.append(text);
}

std::size_t count(std::string_view text, std::string_view part) {
  if (part.empty()) return sim::code_point_count(text) + 1;
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

std::int64_t find(std::string_view text, std::string_view part, bool from_right) {
  const std::size_t at = from_right ? text.rfind(part) : text.find(part);
  if (at == std::string_view::npos) return -1;
  return static_cast<std::int64_t>(sim::code_point_count(text.substr(0, at)));
}

std::string repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t c = next_code_point(text, at);
    if (c == '\\' || c == static_cast<char32_t>(quote))
      out.append({'\\', static_cast<char>(c)});
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (is_printable(c))
      out += text.substr(begin, at - begin);
    else if (c < 0x100)
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    else if (c < 0x10000)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += fmt::format("\\U{:08x}", static_cast<unsigned>(c));
  }
  return out + quote;
}

std::string repr(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), x, std::chars_format::scientific).ptr;
  const std::string_view digits(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  const std::size_t e = digits.find('e');
  const int exponent = std::stoi(std::string(digits.substr(e + 1)));
  if (exponent < -4 || exponent >= 16) return std::string(digits);
  std::array<char, 64> fixed{};
  const auto stop = std::to_chars(fixed.data(), fixed.data() + fixed.size(), x, std::chars_format::fixed).ptr;
  std::string out(fixed.data(), static_cast<std::size_t>(stop - fixed.data()));
  return out.find('.') == std::string::npos ? out + ".0" : out;
}

}  // namespace rto::llm::python
