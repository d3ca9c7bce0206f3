#include "sim/report/page.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <map>
#include <regex>

#include "sim/engine/code.hpp"
#include "sim/report/page_style.hpp"
#include "sim/report/report.hpp"

namespace rto::sim {
namespace {

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

std::string verdict_meaning(verdict v) {
  switch (v) {
    case verdict::holds:
      return "the statement as printed, within the tolerance or interval shown";
    case verdict::holds_as_corrected:
      return "the printed statement is loose, silent or wrong; the corrected one, stated beside it, holds";
    case verdict::fails_as_printed:
      return "a counterexample to the printed (reconstructed) statement was found, with both numbers; the corrected "
             "statement is beside it";
    case verdict::inconclusive:
      return "this run is too small to tell; the interval reaches both sides";
    case verdict::skipped:
      return "not run: something it needs is not there";
    case verdict::contradicted:
      return "something that should hold does not: a fault of this program, or news";
  }
  return "";
}

// A cell that reads as a number goes to the right.
bool reads_as_number(const std::string& cell) {
  if (cell.empty()) return false;
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

// 1.5e-07 as 1.5·10 to the power of -7, wherever it stands in a piece of HTML.
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

std::string table_html(const table& t) {
  std::string html;
  if (!t.title.empty()) html += fmt::format("<h3>{}</h3>\n", t.title);
  std::vector<bool> numeric(t.header.size(), !t.rows.empty());
  for (const auto& row : t.rows) {
    for (std::size_t i = 0; i < row.size() && i < numeric.size(); ++i)
      numeric[i] = numeric[i] && (row[i].empty() || row[i] == "-" || reads_as_number(row[i]));
  }
  html += "<div class=\"scroll\"><table><thead><tr>";
  for (std::size_t i = 0; i < t.header.size(); ++i)
    html += fmt::format("<th{}>{}</th>", numeric[i] ? " class=\"number\"" : "", t.header[i]);
  html += "</tr></thead><tbody>\n";
  for (const auto& row : t.rows) {
    html += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i)
      html += fmt::format("<td{}>{}</td>", i < numeric.size() && numeric[i] ? " class=\"number\"" : "",
                          with_powers(row[i]));
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  if (!t.caption.empty()) html += fmt::format("<p class=\"soft\">{}</p>\n", with_powers(t.caption));
  return html;
}

std::string note_html(const note& n) {
  const char* kind = n.type == note::kind::fails_as_printed ? " fails"
                     : n.type == note::kind::reconstruction ? " reconstruction"
                     : n.type == note::kind::finding        ? " finding"
                                                            : "";
  std::string title = n.title;
  if (title.empty() && n.type == note::kind::fails_as_printed) title = "Fails as printed";
  if (title.empty() && n.type == note::kind::reconstruction) title = "The formula is a reconstruction";
  return fmt::format("<div class=\"note{}\">{}{}</div>\n", kind,
                     title.empty() ? "" : fmt::format("<strong>{}</strong>", title), n.html);
}

bool after_the_numbers(const note& n) { return n.type == note::kind::remark || n.type == note::kind::finding; }

std::string measured_html(const check& c) {
  std::string text = value_html(c.measured.shown());
  if (c.range.given())
    text += fmt::format(" <span class=\"soft keep\">[{}, {}]</span>", value_html(shown_number(c.range.low)),
                        value_html(shown_number(c.range.high)));
  return text;
}

std::string checks_html(const std::vector<check>& checks) {
  std::string html =
      "<div class=\"scroll\"><table><thead><tr><th>check: what was tested</th><th>predicted</th>"
      "<th>measured [interval]</th><th class=\"number\">n</th><th>verdict</th></tr></thead><tbody>\n";
  for (const check& c : checks) {
    html += fmt::format(
        "<tr><td class=\"tested\"><code>{}</code> {}</td><td class=\"value\">{}</td><td class=\"value\">{}</td>"
        "<td class=\"number\">{}</td><td>{}</td></tr>\n",
        escaped(c.id), with_powers(c.tested), value_html(c.predicted.shown()), measured_html(c),
        c.n > 0 ? shown_number(c.n) : "", badge(c.result));
  }
  html += "</tbody></table></div>\n";
  std::vector<std::string> levels;
  for (const check& c : checks) {
    const std::string level = fmt::format("{:g} %", 100 * c.confidence);
    if (c.range.given() && std::find(levels.begin(), levels.end(), level) == levels.end()) levels.push_back(level);
  }
  if (!levels.empty())
    html += fmt::format(
        "<p class=\"soft\">Intervals in brackets are {} confidence intervals; n is the number of independent "
        "observations.</p>\n",
        fmt::join(levels, " and "));
  return html;
}

// A word of a command line as a shell takes it.
std::string shell_word(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_-+=.,:/%@").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The command that runs this claim alone at these settings.
std::string command_line(const claim_result& r, const run_options& options) {
  std::string text = fmt::format("rto-sim reproduce {} --seed {}", r.what->id, options.seed);
  if (r.values.size() == level::quick) text += " --quick";
  if (r.values.size() == level::full) text += " --full";
  const settings standard(r.what->id, r.what->schema, r.values.size());
  const ordered_json values = r.values.values(), defaults = standard.values();
  for (const auto& [key, value] : values.items()) {
    if (value == defaults[key]) continue;
    std::vector<std::string> words;
    for (const ordered_json& one : value.is_array() ? value : ordered_json::array({value}))
      words.push_back(one.is_string() ? one.get<std::string>() : one.dump());
    text += " --set " + shell_word(fmt::format("{}={}", key, fmt::join(words, ",")));
  }
  if (r.what->needs_data) text += " --data DIR";
  return text;
}

std::string settings_html(const claim_result& r, const run_options& options) {
  std::string lines;
  const ordered_json values = r.values.values();
  for (const setting& s : r.what->schema)
    lines += fmt::format("<tr><td><code>{}</code></td><td class=\"value\"><code>{}</code></td><td>{}</td></tr>\n",
                         escaped(s.key), escaped(values[s.key].dump()), escaped(s.doc));
  std::string html = fmt::format("<details><summary>Exact setting: {} replicates, {} of computing, seed {}</summary>\n",
                                 shown_number(static_cast<double>(r.replicates)), duration(r.seconds), options.seed);
  if (!lines.empty())
    html +=
        "<div class=\"scroll\"><table><thead><tr><th>setting</th><th>value</th><th>meaning</th></tr></thead><tbody>\n" +
        lines + "</tbody></table></div>\n";
  return html + fmt::format(
                    "</details>\n<p class=\"soft rerun\">To run this claim alone:</p><pre class=\"command\" "
                    "title=\"one click selects it all\">{}</pre>\n",
                    escaped(command_line(r, options)));
}

std::string claim_html(const claim_result& r, const run_options& options, const std::vector<drawn_figure>& figures) {
  const conclusion& c = r.concluded;
  std::string html = fmt::format("<section class=\"card\" id=\"{}\">\n<div class=\"head\"><h2>{}</h2>{}</div>\n",
                                 escaped(r.what->id), r.what->title, badge(r.overall));
  html += fmt::format("<p class=\"soft\"><code>{}</code> · {}</p>\n", escaped(r.what->id), r.what->source);
  html += fmt::format("<div class=\"statement\">{}</div>\n", r.what->statement);
  if (!c.tested.empty()) html += fmt::format("<p><strong>What was tested.</strong> {}</p>\n", c.tested);
  for (const note& n : c.notes) {
    if (!after_the_numbers(n)) html += note_html(n);
  }
  if (!c.checks.empty()) html += checks_html(c.checks);
  for (const drawn_figure& f : figures) {
    html += fmt::format("<figure id=\"{}\">", escaped(f.what->id));
    if (f.svg.empty()) {
      html +=
          "<div class=\"note\">The figure is not drawn: <code>gnuplot</code> was not found. Its numbers are in the CSV "
          "file below.</div>";
    } else {
      const bool single = f.what->svg.empty() && f.what->panels.size() == 1;
      std::string svg = f.svg;
      svg.insert(4, fmt::format(" class=\"{}\" role=\"img\" aria-label=\"{}\"", single ? "single" : "wide",
                                escaped(f.what->title)));
      html += fmt::format("<div class=\"picture\">{}</div>", svg);
    }
    html += fmt::format(
        "<figcaption><strong>{}.</strong> {} <span class=\"soft\">Files: "
        "<code>{}.svg</code>{}{}</span></figcaption></figure>\n",
        f.what->title, f.what->caption, escaped(f.what->id),
        options.pdf && !f.svg.empty() ? fmt::format(", <code>{}.pdf</code>", escaped(f.what->id)) : "",
        f.what->panels.empty() ? "" : fmt::format(", <code>{}.csv</code>", escaped(f.what->id)));
  }
  for (const table& t : c.tables) html += table_html(t);
  for (const note& n : c.notes) {
    if (after_the_numbers(n)) html += note_html(n);
  }
  return html + settings_html(r, options) + "</section>\n";
}

// The check that tells most of a claim: the first that has the claim's own verdict.
const check* telling_check(const claim_result& r) {
  const std::vector<check>& all = r.concluded.checks;
  const auto found = std::find_if(all.begin(), all.end(), [&](const check& c) { return c.result == r.overall; });
  return all.empty() ? nullptr : found == all.end() ? &all.front() : &*found;
}

// "12 hold, 1 fails as printed"
std::string tally_of(const std::vector<check>& checks) {
  std::map<verdict, std::size_t> counts;
  for (const check& c : checks) ++counts[c.result];
  std::vector<std::string> words;
  for (const auto& [v, count] : counts)
    words.push_back(fmt::format("{} {}", count, v == verdict::holds && count > 1 ? "hold" : to_text(v)));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string summary_html(const run_result& run) {
  std::string html =
      "<section class=\"card\" id=\"overview\"><h2>The claims</h2>\n<table class=\"overview\"><thead><tr><th>claim</th>"
      "<th>its telling check: predicted</th><th>measured [confidence interval]</th><th>verdict</th></tr></thead>"
      "<tbody>\n";
  std::string part;
  for (const claim_result& r : run.claims) {
    if (const std::string its = paper_part(r.what->id); its != part) {
      part = its;
      html += fmt::format("<tr class=\"part\"><th colspan=\"4\">{}</th></tr>\n", escaped(part));
    }
    const check* c = telling_check(r);
    html += fmt::format(
        "<tr><td class=\"name\"><a href=\"#{0}\">{1}</a><span class=\"soft\"><code>{0}</code> · {2}</span></td>"
        "<td class=\"value\" data-label=\"predicted\">{3}</td><td class=\"value\" data-label=\"measured\">{4}</td>"
        "<td>{5}</td></tr>\n",
        escaped(r.what->id), r.what->title, tally_of(r.concluded.checks),
        c == nullptr ? "" : value_html(c->predicted.shown()), c == nullptr ? "" : measured_html(*c), badge(r.overall));
  }
  return html + "</tbody></table></section>\n";
}

// What the paper does not say, from the notes of all claims; nothing where there are none.
std::string findings_html(const run_result& run) {
  std::string entries;
  for (const claim_result& r : run.claims) {
    for (const note& n : r.concluded.notes) {
      const bool fails = n.type == note::kind::fails_as_printed;
      if (!fails && n.type != note::kind::finding) continue;
      entries += fmt::format(
          "<details><summary><strong>{0}</strong> <span class=\"soft\"><a href=\"#{1}\">{1}</a></span>{2}</summary>"
          "{3}</details>\n",
          n.title.empty() ? r.what->title : n.title, escaped(r.what->id),
          fails ? " " + badge(verdict::fails_as_printed) : "", n.html);
    }
  }
  if (entries.empty()) return "";
  return "<section class=\"card findings\" id=\"findings\"><h2>What we found that the paper doesn't say</h2>\n" +
         entries + "</section>\n";
}

std::string legend_html(const std::map<verdict, std::size_t>& counts) {
  std::string html = "<dl class=\"legend\">\n";
  for (const auto& [v, count] : counts) html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", badge(v), verdict_meaning(v));
  return html + "</dl>\n";
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string report_page(const run_result& run, const run_options& options,
                        const std::vector<std::vector<drawn_figure>>& figures) {
  std::map<verdict, std::size_t> claims, counts;
  double seconds = 0;
  for (const claim_result& r : run.claims) {
    ++claims[r.overall];
    ++counts[r.overall];
    for (const check& c : r.concluded.checks) ++counts[c.result];
    seconds += r.seconds;
  }
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Reinforced Token Optimization: the claims, reproduced</title>\n<style>";
  html += page_style;
  html += "</style></head><body><main>\n<h1>Reinforced Token Optimization: the claims, reproduced</h1>\n";
  html +=
      "<p class=\"soft\">The propositions, theorems and lemmas of <i>DPO Meets PPO: Reinforced Token Optimization for "
      "RLHF</i> "
      "(arXiv 2404.18922v1), each computed and compared with what it says. The text of the paper that this work goes "
      "by has no formulas: "
      "they are reconstructed from its words and from the works it builds on, and where one is found to fail the "
      "report says so, and "
      "what it was reconstructed from.</p>\n";
  html += "<div class=\"tally\">";
  for (const auto& [v, count] : claims)
    html += fmt::format("<span class=\"verdict {}\">{} {}: {}</span>", verdict_class(v), count,
                        count == 1 ? "claim" : "claims", to_text(v));
  html += "</div>\n" + legend_html(counts) + summary_html(run) + findings_html(run);
  for (std::size_t i = 0; i < run.claims.size(); ++i) html += claim_html(run.claims[i], options, figures[i]);
  const std::time_t now = std::time(nullptr);
  html += fmt::format(
      "<section class=\"card\"><h2>This run</h2><p class=\"soft\">rto-sim {}, commit {}; {}. Seed {}; {} of computing "
      "over all threads, "
      "results of earlier runs of the same program included. Written {:%Y-%m-%d %H:%M} UTC. Every random number is a "
      "function of (seed, "
      "claim, point of the grid, replicate) through the counter-based generator Philox4x64, so the numbers do not "
      "depend on the number of "
      "threads or the order of work. The same numbers are in <code>results.json</code>; each figure's are in its CSV "
      "file.</p></section>\n",
      escaped(version()), escaped(commit()), escaped(built_with()), options.seed, duration(seconds), fmt::gmtime(now));
  return html + "</main></body></html>\n";
}

}  // namespace rto::sim
