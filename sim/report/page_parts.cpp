#include "sim/report/page_parts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <regex>

namespace rto::sim {
namespace {

constexpr std::size_t long_table = 8;  // rows
constexpr std::size_t wide_cell = 24;  // bytes; a number with its interval may break then

// The text of a cell: without tags, and with a space for every entity.
std::string bare(const std::string& html) {
  std::string out;
  for (std::size_t i = 0; i < html.size(); ++i) {
    const char close = html[i] == '<' ? '>' : html[i] == '&' ? ';' : '\0';
    const std::size_t end = close == '\0' ? std::string::npos : html.find(close, i);
    if (end == std::string::npos) {
      out += html[i];
    } else {
      if (close == ';') out += ' ';
      i = end;
    }
  }
  return out;
}

// A cell that reads as a number goes to the right.
bool reads_as_number(const std::string& cell) {
  bool digit = false;
  for (std::size_t i = 0; i < cell.size(); ++i) {
    const char c = cell[i];
    if (c >= '0' && c <= '9') {
      digit = true;
    } else if (std::string_view(" .,+-eE%[]()/").find(c) == std::string_view::npos && (c & 0x80) == 0) {
      if (cell.compare(i, 3, "inf") == 0 || cell.compare(i, 3, "nan") == 0) return cell.size() <= 4;
      return false;
    }
  }
  return digit;
}

bool nothing(const std::string& cell) { return cell.find_first_not_of(" -") == std::string::npos || cell == "–"; }

}  // namespace

std::string verdict_class(verdict v) {
  std::string name = to_text(v);
  for (char& c : name) {
    if (c == ' ') c = '-';
  }
  return name;
}

std::string badge(verdict v) {
  return fmt::format(R"(<span class="verdict {}">{}</span>)", verdict_class(v), to_text(v));
}

std::string origin_word(claim_origin origin) {
  return origin == claim_origin::analogue ? "analogue" : origin == claim_origin::own ? "not in the paper" : "";
}

std::string origin_meaning(claim_origin origin) {
  switch (origin) {
    case claim_origin::stated:
      return "the paper states it";
    case claim_origin::analogue:
      return "the paper measured this on a language model; here it is measured again where the exact answer is known. "
             "The "
             "verdict says whether it comes out the same way here, and nothing about the paper's own numbers";
    case claim_origin::own:
      return "the paper neither states nor measures it; the verdict is about the sentence as it stands in this report";
  }
  return "";
}

std::string claim_badges(const claim_result& r) {
  const std::string word = origin_word(r.what->origin);
  return badge(r.overall) + (word.empty() ? ""
                                          : fmt::format(R"( <span class="origin" title="{}">{}</span>)",
                                                        origin_meaning(r.what->origin), word));
}

std::string counted(double n, const std::string& one, const std::string& many) {
  return shown_number(n) + " " + (n == 1 ? one : many);
}

std::string tally_of(const std::vector<check>& checks) {
  std::map<verdict, std::size_t> counts;
  for (const check& c : checks) ++counts[c.result];
  std::vector<std::string> words;
  for (const auto& [v, count] : counts) {
    std::string text = to_text(v);
    if (count > 1 && (text.starts_with("holds") || text.starts_with("fails"))) text.erase(4, 1);
    words.push_back(fmt::format("{} {}", count, text));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string with_powers(const std::string& html) {
  static const std::regex power("([0-9]+(?:[.][0-9]+)?)e([+-])0*([0-9]+)");
  std::string out, rest = html;
  for (std::smatch found; std::regex_search(rest, found, power); rest = found.suffix()) {
    out += found.prefix();
    out += fmt::format("<span class=\"keep\">{}10<sup>{}{}</sup></span>", found[1] == "1" ? "" : found[1].str() + "·",
                       found[2] == "-" ? "−" : "", found[3].str());
  }
  return out + rest;
}

std::string value_html(const std::string& text) { return with_powers(escaped(text)); }

std::string measured_html(const check& c) {
  std::string text = value_html(c.measured.shown());
  if (c.range.given())
    text += fmt::format(" <span class=\"soft keep\">[{}, {}]</span>", value_html(shown_number(c.range.low)),
                        value_html(shown_number(c.range.high)));
  return text;
}

std::string table_html(const table& t) {
  std::vector<bool> numeric(t.header.size(), !t.rows.empty()), wide(t.header.size(), false);
  for (const auto& row : t.rows) {
    for (std::size_t i = 0; i < row.size() && i < numeric.size(); ++i) {
      const std::string cell = bare(row[i]);
      numeric[i] = numeric[i] && (nothing(cell) || reads_as_number(cell));
      wide[i] = wide[i] || cell.size() > wide_cell;
    }
  }
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (std::size_t i = 0; i < t.header.size(); ++i)
    html += fmt::format("<th{}>{}</th>", numeric[i] ? " class=\"number\"" : "", t.header[i]);
  html += "</tr></thead><tbody>\n";
  for (const auto& row : t.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      html += fmt::format("<td{}>{}</td>",
                          i >= numeric.size() || !numeric[i] ? ""
                          : wide[i]                          ? " class=\"number wide\""
                                                             : " class=\"number\"",
                          with_powers(row[i]));
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (!t.caption.empty()) html += fmt::format("<p class=\"soft\">{}</p>\n", with_powers(t.caption));
  if (t.rows.size() <= long_table) return (t.title.empty() ? "" : "<h3>" + t.title + "</h3>\n") + html;
  return fmt::format(
      "<details class=\"table\"><summary>Table: {} <span class=\"soft\">({} rows)</span></summary>\n{}</details>\n",
      t.title.empty() ? "numbers" : t.title, t.rows.size(), html);
}

}  // namespace rto::sim
