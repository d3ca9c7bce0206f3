// The table on the console.
#include <fmt/format.h>

#include <algorithm>

#include "sim/report/page_parts.hpp"
#include "sim/report/report.hpp"

namespace rto::sim {
namespace {

// Columns a UTF-8 text takes: code points, which is exact for the signs used here (≤, ±, β, ξ).
std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, columns(text)), ' ');
}

// Breaks at spaces; a word longer than the width is cut.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines{""};
  std::size_t start = 0;
  while (start <= text.size()) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    std::string word = text.substr(start, end - start);
    start = end + 1;
    if (!lines.back().empty() && columns(lines.back()) + 1 + columns(word) > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back() += ' ';
    lines.back() += word;
    while (columns(lines.back()) > width) {
      std::size_t cut = 0, count = 0;
      while (cut < lines.back().size() && (count < width || (lines.back()[cut] & 0xc0) == 0x80)) {
        if ((lines.back()[cut] & 0xc0) != 0x80) ++count;
        ++cut;
      }
      std::string rest = lines.back().substr(cut);
      lines.back().resize(cut);
      lines.push_back(std::move(rest));
    }
  }
  return lines;
}

}  // namespace

std::string shown_measured(const check& c) {
  std::string text = c.measured.shown();
  if (c.range.given()) text += fmt::format(" [{}, {}]", shown_number(c.range.low), shown_number(c.range.high));
  return text;
}

std::string console_table(const run_result& run, std::size_t width) {
  const std::vector<std::string> header = {"claim", "predicted", "measured [confidence interval]", "verdict"};
  std::vector<std::vector<std::string>> rows;
  for (const claim_result& r : run.claims) {
    const std::string word = origin_word(r.what->origin);
    rows.push_back({r.what->id, word.empty() ? "" : "(" + word + ")", "", to_text(r.overall)});
    for (const check& c : r.concluded.checks)
      rows.push_back({"  " + c.id, c.predicted.shown(), shown_measured(c), "  " + to_text(c.result)});
  }

  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < header.size(); ++column) {
    std::size_t widest = columns(header[column]);
    for (const auto& row : rows) widest = std::max(widest, columns(row[column]));
    widths.push_back(widest);
  }
  // What is too wide is taken from the middle columns, where texts may be long, and wrapped.
  const auto total = [&] { return widths[0] + widths[1] + widths[2] + widths[3] + 6; };
  while (total() > width) {
    std::size_t& widest = *std::max_element(widths.begin(), widths.begin() + 3);
    if (widest <= 12) break;
    --widest;
  }

  std::string text;
  const auto put = [&](const std::vector<std::string>& row) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t column = 0; column < row.size(); ++column) {
      const std::size_t indent = row[column].starts_with("  ") ? 2 : 0;
      cells.push_back(wrapped(row[column].substr(indent), widths[column] - indent));
      for (std::string& line : cells.back()) line.insert(0, indent, ' ');
      height = std::max(height, cells.back().size());
    }
    for (std::size_t i = 0; i < height; ++i) {
      std::string line;
      for (std::size_t column = 0; column < row.size(); ++column)
        line += padded(i < cells[column].size() ? cells[column][i] : "", widths[column]) + (column < 3 ? "  " : "");
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + '\n';
    }
  };
  std::string rule;
  for (std::size_t i = 0; i < std::min(total(), width); ++i) rule += "─";
  put(header);
  text += rule + '\n';
  for (std::size_t i = 0; i < rows.size(); ++i) put(rows[i]);
  text += rule + '\n';
  return text;
}

}  // namespace rto::sim
