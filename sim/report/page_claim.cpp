// The section of one claim: what is said, what was found as figures, the checks, the tables, the command.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "sim/engine/load.hpp"
#include "sim/report/legend.hpp"
#include "sim/report/page_parts.hpp"

namespace rto::sim {
namespace {

constexpr std::size_t few_checks = 8;  // so many are shown all

std::string note_html(const note& n) {
  const char* kind = n.type == note::kind::fails_as_printed ? " fails"
                     : n.type == note::kind::reconstruction ? " reconstruction"
                     : n.type == note::kind::finding        ? " finding"
                                                            : "";
  std::string title = n.title;
  if (title.empty() && n.type == note::kind::fails_as_printed) title = "Fails as printed";
  if (n.type == note::kind::reconstruction)  // where a formula comes from is for those who doubt it
    return fmt::format("<details class=\"note{}\"><summary>{}</summary>{}</details>\n", kind,
                       title.empty() ? "The formula is a reconstruction" : title, n.html);
  return fmt::format("<div class=\"note{}\">{}{}</div>\n", kind,
                     title.empty() ? "" : fmt::format("<strong>{}</strong>", title), n.html);
}

bool after_the_numbers(const note& n) { return n.type == note::kind::remark || n.type == note::kind::finding; }

std::string checks_table(const std::vector<const check*>& checks) {
  std::string html =
      "<div class=\"scroll\"><table class=\"checks\"><thead><tr><th>check: what was tested</th><th>predicted</th>"
      "<th>measured [interval]</th><th class=\"number\">n</th><th>verdict</th></tr></thead><tbody>\n";
  for (const check* c : checks) {
    html += fmt::format(
        "<tr><td class=\"tested\"><code>{}</code> {}</td><td class=\"value\" data-label=\"predicted\">{}</td>"
        "<td class=\"value\" data-label=\"measured\">{}</td><td class=\"number\" "
        "data-label=\"n\">{}</td><td>{}</td></tr>\n",
        escaped(c->id), with_powers(c->tested), value_html(c->predicted.shown()), measured_html(*c),
        c->n > 0 ? shown_number(c->n) : "", badge(c->result));
  }
  return html + "</tbody></table></div>\n";
}

std::string checks_html(const std::vector<check>& checks) {
  std::vector<const check*> shown;
  std::vector<check> folded;
  for (const check& c : checks) {
    const bool expected = c.result == verdict::holds || c.result == verdict::holds_as_corrected;
    if (!expected || checks.size() <= few_checks)
      shown.push_back(&c);
    else
      folded.push_back(c);
  }
  std::string html = fmt::format("<h3>{}: {}</h3>\n", counted(static_cast<double>(checks.size()), "check", "checks"),
                                 tally_of(checks));
  if (!shown.empty()) html += checks_table(shown);
  if (!folded.empty()) {
    std::vector<const check*> rows;
    for (const check& c : folded) rows.push_back(&c);
    html +=
        fmt::format("<details class=\"table\"><summary>{} <span class=\"soft\">({})</span></summary>\n{}</details>\n",
                    shown.empty() ? "All checks" : "The other checks", tally_of(folded), checks_table(rows));
  }
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

// `words` into the opening tag of an <svg> element.
std::string with_attributes(std::string svg, const std::string& words) { return svg.insert(4, " " + words); }

std::string picture_html(const drawn_figure& f) {
  const figure& what = *f.what;
  if (f.panels.empty() && f.svg.empty())
    return "<div class=\"note\">The figure is not drawn: <code>gnuplot</code> was not found. Its numbers are in the "
           "CSV "
           "file below.</div>";
  if (f.panels.empty())
    return fmt::format("<div class=\"picture drawing\">{}</div>",
                       with_attributes(f.svg, fmt::format("role=\"img\" aria-label=\"{}\"", escaped(what.title))));
  const bool shared = shares_legend(what);
  std::string html = "<div class=\"picture\">" + (shared ? legend_html(shared_legend(what)) : "");
  html += fmt::format("<div class=\"panels of-{}\">", f.panels.size());
  for (std::size_t i = 0; i < f.panels.size(); ++i) {
    const std::string& title = what.panels[i].title;
    const std::string words = title.empty() ? what.title : what.title + ": " + title;
    html += fmt::format("<div class=\"panel\"><div>{}{}</div>{}</div>",
                        title.empty() ? "" : "<h4>" + label_html(title) + "</h4>",
                        shared ? "" : legend_html(legend_of(what, i)),
                        with_attributes(f.panels[i], fmt::format("role=\"img\" aria-label=\"{}\"", escaped(words))));
  }
  return html + "</div></div>";
}

std::string figure_html(const drawn_figure& f, const run_options& options) {
  const std::string id = escaped(f.what->id);
  std::vector<std::string> files;
  const auto add = [&](const char* ending) { files.push_back(fmt::format("<a href=\"{0}.{1}\">{1}</a>", id, ending)); };
  if (!f.svg.empty()) add("svg");
  if (options.pdf && !f.svg.empty()) add("pdf");
  if (!f.what->panels.empty()) add("csv");
  return fmt::format(
      "<figure id=\"fig-{}\">{}<figcaption><strong>{}.</strong> {} <span "
      "class=\"files\">{}</span></figcaption></figure>\n",
      id, picture_html(f), f.what->title, with_powers(f.what->caption), fmt::join(files, " · "));
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
  std::string html =
      fmt::format("<details class=\"table\"><summary>Exact setting: {}, {} of computing, seed {}</summary>\n",
                  counted(static_cast<double>(r.replicates), "replicate", "replicates"), escaped(duration(r.seconds)),
                  options.seed);
  if (!lines.empty())
    html +=
        "<div class=\"scroll\"><table><thead><tr><th>setting</th><th>value</th><th>meaning</th></tr></thead><tbody>\n" +
        lines + "</tbody></table></div>\n";
  return html + fmt::format(
                    "</details>\n<p class=\"soft rerun\">To run this claim alone:</p><pre class=\"command\" "
                    "title=\"one click selects it all\">{}</pre>\n",
                    escaped(command_line(r, options)));
}

}  // namespace

std::string claim_html(const claim_result& r, const run_options& options, const std::vector<drawn_figure>& figures) {
  const conclusion& c = r.concluded;
  const claim& what = *r.what;
  std::string html = fmt::format(
      "<section class=\"card\" id=\"{}\">\n<div class=\"head\"><h2>{}</h2><span class=\"badges\">{}</span></div>\n",
      escaped(what.id), what.title, claim_badges(r));
  html += fmt::format("<p class=\"soft\"><code>{}</code> · {} · <a href=\"#overview\">all claims</a></p>\n",
                      escaped(what.id), what.source);
  html += fmt::format("<div class=\"statement\">{}</div>\n", what.statement);
  if (what.origin != claim_origin::stated) {
    std::string word = origin_word(what.origin);
    word.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(word.front())));
    html += fmt::format("<p class=\"soft\"><strong>{}:</strong> {}.</p>\n", word, origin_meaning(what.origin));
  }
  if (!c.tested.empty()) html += fmt::format("<p><strong>What was tested.</strong> {}</p>\n", with_powers(c.tested));
  for (const note& n : c.notes) {
    if (!after_the_numbers(n)) html += note_html(n);
  }
  for (const drawn_figure& f : figures) html += figure_html(f, options);
  if (!c.checks.empty()) html += checks_html(c.checks);
  for (const table& t : c.tables) html += table_html(t);
  for (const note& n : c.notes) {
    if (after_the_numbers(n)) html += note_html(n);
  }
  return html + settings_html(r, options) + "</section>\n";
}

}  // namespace rto::sim
