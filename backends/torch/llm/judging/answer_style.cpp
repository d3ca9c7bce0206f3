#include "llm/judging/answer_style.hpp"

#include <algorithm>
#include <cctype>

#include "sim/data/utf8.hpp"

namespace rto::llm {
namespace {

std::string_view without_indent(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return line;
}

bool is_header(std::string_view line) {
  const std::size_t marks = std::min(line.find_first_not_of('#'), line.size());
  return marks >= 1 && marks <= 6 && marks < line.size() && line[marks] == ' ';
}

bool is_list_item(std::string_view line) {
  if (line.size() < 2) return false;
  if (line[0] == '-' || line[0] == '*' || line[0] == '+') return line[1] == ' ';
  const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  return digits > 0 && digits + 1 < line.size() && (line[digits] == '.' || line[digits] == ')') &&
         line[digits + 1] == ' ';
}

std::int64_t spans(std::string_view line, std::string_view mark) {
  std::int64_t count = 0;
  for (std::size_t from = line.find(mark); from != std::string_view::npos; from = line.find(mark, from)) {
    const std::size_t inside = from + mark.size();
    const std::size_t end = line.find(mark, inside);
    if (end == std::string_view::npos) break;
    if (end > inside) ++count;
    from = end + mark.size();
  }
  return count;
}

}  // namespace

answer_style style_of(std::string_view answer) {
  answer_style style{.characters = static_cast<std::int64_t>(sim::code_point_count(answer))};
  bool code = false;
  while (!answer.empty()) {
    const std::size_t end = std::min(answer.find('\n'), answer.size());
    const std::string_view line = without_indent(answer.substr(0, end));
    answer.remove_prefix(std::min(end + 1, answer.size()));
    if (line.starts_with("```")) {
      code = !code;
    } else if (!code) {
      style.headers += is_header(line);
      style.list_items += is_list_item(line);
      style.bold += spans(line, "**") + spans(line, "__");
    }
  }
  return style;
}

}  // namespace rto::llm
