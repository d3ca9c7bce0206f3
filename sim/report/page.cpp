#include "sim/report/page.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "sim/engine/code.hpp"
#include "sim/engine/load.hpp"
#include "sim/report/page_parts.hpp"
#include "sim/report/page_style.hpp"

namespace rto::sim {
namespace {

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

// The check that tells most of a claim: the first that has the claim's own verdict.
const check* telling_check(const claim_result& r) {
  const std::vector<check>& all = r.concluded.checks;
  const auto found = std::find_if(all.begin(), all.end(), [&](const check& c) { return c.result == r.overall; });
  return all.empty() ? nullptr : found == all.end() ? &all.front() : &*found;
}

// The verdicts of all checks as one bar.
std::string tally_bar(const std::vector<check>& checks) {
  std::map<verdict, std::size_t> counts;
  for (const check& c : checks) ++counts[c.result];
  const std::string words = tally_of(checks);
  std::string html = fmt::format("<span class=\"bar\" role=\"img\" aria-label=\"{0}\" title=\"{0}\">", words);
  for (const auto& [v, count] : counts)
    html += fmt::format("<i class=\"{}\" style=\"flex-grow:{}\"></i>", verdict_class(v), count);
  return html + "</span>";
}

std::string summary_html(const run_result& run) {
  std::string html =
      "<section class=\"card\" id=\"overview\"><h2>The claims</h2>\n<table class=\"overview\"><thead><tr><th>claim</th>"
      "<th>the check that decides</th><th>predicted</th><th>measured [confidence interval]</th><th>verdict</th></tr>"
      "</thead><tbody>\n";
  std::string part;
  for (const claim_result& r : run.claims) {
    if (const std::string its = paper_part(r.what->id); its != part) {
      part = its;
      html += fmt::format("<tr class=\"part\"><th colspan=\"5\">{}</th></tr>\n", escaped(part));
    }
    const std::vector<check>& checks = r.concluded.checks;
    const check* c = telling_check(r);
    html += fmt::format(
        "<tr><td class=\"name\"><a href=\"#{0}\">{1}</a><span class=\"soft\"><code>{0}</code>{2}</span></td>"
        "<td class=\"decides\"><div>{3}</div></td><td class=\"value\" data-label=\"predicted\">{4}</td>"
        "<td class=\"value\" data-label=\"measured\">{5}</td><td>{6}</td></tr>\n",
        escaped(r.what->id), r.what->title,
        checks.empty() ? ""
                       : " · " + counted(static_cast<double>(checks.size()), "check", "checks") + tally_bar(checks),
        c == nullptr ? "" : with_powers(c->tested), c == nullptr ? "" : value_html(c->predicted.shown()),
        c == nullptr ? "" : measured_html(*c), claim_badges(r));
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
          "<div class=\"soft\">{3}</div></details>\n",
          n.title.empty() ? r.what->title : n.title, escaped(r.what->id),
          fails ? " " + badge(verdict::fails_as_printed) : "", n.html);
    }
  }
  if (entries.empty()) return "";
  return "<section class=\"card findings\" id=\"findings\"><h2>What we found that the paper doesn't say</h2>\n" +
         entries + "</section>\n";
}

// What the words of the overview mean, those that occur.
std::string words_html(const std::map<verdict, std::size_t>& counts, const std::set<claim_origin>& origins) {
  std::string html = "<dl class=\"legend\">\n";
  for (const auto& [v, count] : counts) html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", badge(v), verdict_meaning(v));
  for (const claim_origin origin : origins) {
    if (origin != claim_origin::stated)
      html += fmt::format("<dt><span class=\"origin\">{}</span></dt><dd>{}</dd>\n", origin_word(origin),
                          origin_meaning(origin));
  }
  return html + "</dl>\n";
}

}  // namespace

std::string report_page(const run_result& run, const run_options& options,
                        const std::vector<std::vector<drawn_figure>>& figures) {
  std::map<verdict, std::size_t> claims, counts;
  std::set<claim_origin> origins;
  double seconds = 0;
  for (const claim_result& r : run.claims) {
    ++claims[r.overall];
    ++counts[r.overall];
    for (const check& c : r.concluded.checks) ++counts[c.result];
    origins.insert(r.what->origin);
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
  html += "</div>\n" + words_html(counts, origins) + summary_html(run) + findings_html(run);
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
      escaped(version()), escaped(commit()), escaped(built_with()), options.seed, escaped(duration(seconds)),
      fmt::gmtime(now));
  return html + "</main></body></html>\n";
}

}  // namespace rto::sim
