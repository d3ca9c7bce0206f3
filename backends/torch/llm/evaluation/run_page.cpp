#include "llm/evaluation/run_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "llm/evaluation/html_page.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/io/error.hpp"
#include "sim/io/markup.hpp"
#include "sim/report/svg.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

struct curve {
  const char *label, *colour;
  double width;
  std::vector<std::pair<double, double>> points;
};

// Values against steps; the vertical axis is as long as the values are apart.
std::string drawn(const std::string& id, const std::string& title, const std::vector<curve>& curves) {
  double last = 1, low = INFINITY, high = -INFINITY;
  for (const curve& c : curves)
    for (const auto& [x, y] : c.points) {
      last = std::max(last, x);
      low = std::min(low, y);
      high = std::max(high, y);
    }
  if (!(low <= high)) return "";
  if (low == high) std::tie(low, high) = std::pair(low - 0.5, high + 0.5);
  constexpr double width = 640, height = 230, left = 62, right = 16, top = 34, bottom = 30;
  const auto across = [&](double x) { return left + x / last * (width - left - right); };
  const auto up = [&](double y) { return height - bottom - (y - low) / (high - low) * (height - top - bottom); };
  sim::svg_drawing drawing(width, height);
  drawing.text(left, 20, title, {.size = 13, .anchor = "start", .weight = "bold"});
  for (const double part : {0.0, 0.5, 1.0}) {
    const double y = low + part * (high - low);
    drawing.path(fmt::format("M {} {} H {}", left, up(y), width - right), "#dfe3e8", 1, false);
    drawing.text(left - 6, up(y) + 4, fmt::format("{:.3g}", y), {.size = 11, .anchor = "end", .colour = "#5b6675"});
    drawing.text(across(part * last), height - 10, fmt::format("{:.0f}", part * last),
                 {.size = 11, .colour = "#5b6675"});
  }
  double place = width - right;
  for (const curve& c : curves) {
    if (c.points.empty()) continue;
    std::string path;
    for (const auto& [x, y] : c.points)
      path += fmt::format("{} {:.1f} {:.1f} ", path.empty() ? "M" : "L", across(x), up(y));
    drawing.path(path, c.colour, c.width, false);
    if (c.points.size() == 1)
      drawing.circle(across(c.points[0].first), up(c.points[0].second), 3, c.colour, c.colour, 1);
    drawing.text(place, 20, c.label, {.size = 12, .anchor = "end", .colour = c.colour});
    place -= 80;
  }
  return drawing.finish(id);
}

std::string cell(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "-"; }

// `0.71 [0.68, 0.74]` of an estimate as evaluate writes it.
std::string cell(const ordered_json& estimate) {
  std::string out = cell(sim::to_number(estimate.at("value"), "value"));
  if (const auto range = estimate.find("interval"); range != estimate.end())
    out += fmt::format(" [{}, {}]", cell(sim::to_number(range->at(0), "interval")),
                       cell(sim::to_number(range->at(1), "interval")));
  return out;
}

std::string run_section(const std::filesystem::path& folder, std::size_t number) {
  sim::json_lines_reader lines(folder / "metrics.jsonl");
  std::vector<curve> loss{{"training", "#7aa6d8", 1.2, {}}, {"held out", "#b3261e", 2.2, {}}}, accuracy = loss;
  ordered_json row, last_step, last_evaluation;
  while (lines.next(row)) {
    const std::size_t which = row.value("kind", "") == "eval" ? 1 : 0;
    (which == 1 ? last_evaluation : last_step) = row;
    const double step = row.value("step", 0.0);
    const auto add = [&](std::vector<curve>& curves, const char* name) {
      if (!row.contains(name) || !sim::is_number(row[name])) return;
      if (const double value = sim::to_number(row[name], name); std::isfinite(value))
        curves[which].points.emplace_back(step, value);
    };
    add(loss, "loss");
    add(accuracy, "accuracy");
  }
  if (last_step.is_null())
    throw sim::user_error(fmt::format("{}: expected a step of training, found none", lines.name()));
  const std::string name = folder.filename().string();
  std::string out = fmt::format(
      "<section class=\"card\"><h2>{}</h2>\n{}{}<table><tr><th></th><th>last step</th>"
      "<th>held out</th></tr>\n",
      sim::escaped(name), drawn(fmt::format("loss-{}", number), "loss", loss),
      drawn(fmt::format("accuracy-{}", number), "accuracy", accuracy));
  for (const auto& [key, value] : last_step.items()) {
    if (!value.is_number() && !sim::is_number(value)) continue;
    const bool evaluated = last_evaluation.is_object() && last_evaluation.contains(key) && key != "step";
    out +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", sim::escaped(key), cell(sim::to_number(value, key)),
                    evaluated ? cell(sim::to_number(last_evaluation[key], key)) : "");
  }
  return out + "</table></section>\n";
}

void add_rows(std::string& out, const std::string& what, const ordered_json& object) {
  for (const auto& [key, value] : object.items())
    if (value.is_object() && value.contains("value"))
      out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n", sim::escaped(what), sim::escaped(key),
                         cell(value));
}

std::string evaluation_section(const std::filesystem::path& file) {
  const ordered_json all = sim::read_ordered_json(file);
  std::string rows;
  try {
    if (all.at("format") != "rto-evaluation/1") throw sim::user_error("");
    if (all.contains("held_out"))
      for (const ordered_json& one : all["held_out"])
        for (const auto& [what, values] : one.items())
          if (values.is_object()) add_rows(rows, what, values);
    if (all.contains("win_rates"))
      for (const ordered_json& one : all["win_rates"])
        add_rows(rows, one.at("model").get<std::string>() + " against " + one.at("baseline").get<std::string>(), one);
  } catch (const std::exception&) {
    throw sim::user_error(fmt::format("{}: expected what evaluate --output writes (rto-evaluation/1)", file.string()));
  }
  return fmt::format(
      "<section class=\"card\"><h2>{}</h2>\n<p class=\"soft\">Intervals of {:g} %.</p><table>{}</table></section>\n",
      sim::escaped(file.stem().string()), 100 * all.value("confidence", 0.95), rows);
}

}  // namespace

std::string run_page(const std::string& title, const std::vector<std::filesystem::path>& runs,
                     const std::vector<std::filesystem::path>& evaluations) {
  std::string body;
  for (const auto& file : evaluations) body += evaluation_section(file);
  for (std::size_t i = 0; i < runs.size(); ++i) body += run_section(runs[i], i);
  return html_page(title, body);
}

}  // namespace rto::llm
