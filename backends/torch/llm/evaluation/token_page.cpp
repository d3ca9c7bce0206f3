#include "llm/evaluation/token_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "llm/evaluation/html_page.hpp"
#include "sim/io/markup.hpp"
#include "sim/statistics/sample.hpp"

namespace rto::llm {
namespace {

// The reward that has the full colour.
std::map<std::string, double> scales_of(const std::vector<shaded_sample>& samples) {
  std::map<std::string, std::vector<double>> sizes;
  for (const shaded_sample& s : samples)
    for (const shaded_answer& a : s.answers)
      for (const shaded_tokens& t : a.shadings)
        for (const double r : t.rewards) sizes[t.reward].push_back(std::abs(r));
  std::map<std::string, double> scales;
  for (auto& [reward, values] : sizes) scales[reward] = sim::quantile(std::move(values), 0.95);
  return scales;
}

// A token that ends a line shows it; one without text of its own (part of a character) shows a mark.
std::string visible(const std::string& token) {
  if (token.empty()) return "&#x25AF;";
  std::string out;
  for (const char c : sim::escaped(token)) {
    if (c == '\n') out += "&#x21B5;";
    out += c;
  }
  return out;
}

std::string shaded(const shaded_tokens& t, double scale) {
  std::string out;
  for (std::size_t i = 0; i < t.tokens.size(); ++i) {
    const double r = t.rewards[i], strength = scale > 0 ? std::min(1.0, std::abs(r) / scale) : 0;
    out += fmt::format(R"(<span class="{}" style="--a:{:.2f}" title="{:+.4f}">{}</span>)", r < 0 ? "down" : "up",
                       0.7 * strength, r, visible(t.tokens[i]));
  }
  return out;
}

}  // namespace

std::string token_page(const std::string& title, const std::vector<shaded_sample>& samples) {
  const std::map<std::string, double> scales = scales_of(samples);
  std::string out =
      "<p class=\"soft\">The reward of every token: <span class=\"up\" style=\"--a:0.7\"> positive </span> "
      "<span class=\"down\" style=\"--a:0.7\"> negative </span>; the number is under the pointer.";
  for (const auto& [reward, scale] : scales)
    out += fmt::format(" Full colour is {:.3g} for {}.", scale, sim::escaped(reward));
  out += "</p>\n";
  for (const shaded_sample& s : samples) {
    out += "<section class=\"card\">\n";
    if (!s.prompt.empty()) out += fmt::format("<div class=\"text prompt\">{}</div>\n", sim::escaped(s.prompt));
    for (const shaded_answer& a : s.answers)
      for (const shaded_tokens& t : a.shadings)
        out += fmt::format("<h3>{}, {}: {:+.3f}</h3>\n<div class=\"text\">{}</div>\n", sim::escaped(a.title),
                           sim::escaped(t.reward), std::accumulate(t.rewards.begin(), t.rewards.end(), 0.0),
                           shaded(t, scales.at(t.reward)));
    out += "</section>\n";
  }
  return html_page(title, out);
}

}  // namespace rto::llm
