#include "sim/experiments/search_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "sim/report/svg.hpp"

namespace rto::sim {
namespace {

constexpr int panels_per_row = 4;
constexpr double panel_width = 240, panel_height = 212, margin = 16, heading = 34;
constexpr double tree_top = 40, tree_height = 112;
constexpr const char *ink = "#1d2430", *soft = "#5b6675", *blue = "#0072B2", *red = "#C0392B", *green = "#0a7040";

using prefix = std::vector<int>;

// From light grey (probability 0) to ink (probability 1).
std::string shade(double probability) {
  const double x = 0.12 + 0.88 * probability;
  const auto mix = [x](int light, int dark) { return static_cast<int>(std::lround(light + x * (dark - light))); };
  return fmt::format("#{:02X}{:02X}{:02X}", mix(0xE4, 0x1d), mix(0xE8, 0x24), mix(0xEC, 0x30));
}

class tree_panel {
 public:
  tree_panel(svg_drawing& drawing, const drawn_needle& needle, double x, double y)
      : drawing_(&drawing), needle_(&needle), x_(x), y_(y) {}

  void draw(const std::string& title, const std::string& outcome, const char* outcome_colour, const prefix& query,
            const std::set<prefix>& dead, const prefix& struck, bool best) {
    drawing_->rectangle(x_ + 4, y_, panel_width - 8, panel_height - 10, "#FFFFFF", "#DFE3E8", 8);
    drawing_->text(x_ + panel_width / 2, y_ + 22, title, {.size = 13.5, .weight = "600"});
    prefix path;
    halo(query);
    edges(path, 1.0, dead, false);
    nodes(path, query, dead, false);
    if (best)
      drawing_->circle(at(struck).x, at(struck).y, 6.5, green, "#FFFFFF", 1.5);
    else
      cross(struck);
    drawing_->text(x_ + panel_width / 2, y_ + panel_height - 20, outcome, {.size = 12.5, .colour = outcome_colour});
  }

 private:
  struct place {
    double x, y;
  };
  place at(const prefix& path) const {
    double low = 0, width = 1;
    for (const int token : path) {
      width /= needle_->actions;
      low += token * width;
    }
    return {x_ + 14 + (panel_width - 28) * (low + width / 2),
            y_ + tree_top + tree_height * static_cast<double>(path.size()) / needle_->horizon};
  }
  bool on_needle(const prefix& path) const {
    return std::all_of(path.begin(), path.end(), [this](int token) { return token == needle_->actions - 1; });
  }
  double token_probability(const prefix& path, int token) const {
    if (!on_needle(path)) return 1.0 / needle_->actions;
    return token == needle_->actions - 1 ? 1 - needle_->epsilon : needle_->epsilon / (needle_->actions - 1);
  }
  bool inner(const prefix& path) const { return static_cast<int>(path.size()) < needle_->horizon; }

  void halo(const prefix& query) {
    std::string d;
    for (std::size_t h = 0; h <= query.size(); ++h) {
      const place p = at({query.begin(), query.begin() + static_cast<std::ptrdiff_t>(h)});
      d += fmt::format("{} {:.1f} {:.1f} ", h == 0 ? "M" : "L", p.x, p.y);
    }
    drawing_->path(d, "#9CCBE8", 11, false);
  }

  void edges(prefix& path, double mass, const std::set<prefix>& dead, bool below_dead) {
    if (!inner(path)) return;
    for (int token = 0; token < needle_->actions; ++token) {
      const place from = at(path);
      const double probability = token_probability(path, token);
      path.push_back(token);
      const place to = at(path);
      const std::string d = fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f}", from.x, from.y, to.x, to.y);
      const bool gone = below_dead || dead.count(path) > 0;
      if (gone)
        drawing_->path(d, "#B9C1CB", 1.2, false, "3 3");
      else
        drawing_->path(d, shade(probability).c_str(), 1.2 + 3.2 * probability, false);
      edges(path, mass * probability, dead, gone);
      path.pop_back();
    }
  }

  void nodes(prefix& path, const prefix& query, const std::set<prefix>& dead, bool below_dead) {
    const bool gone = below_dead || dead.count(path) > 0;
    const place p = at(path);
    const bool on_query = path.size() <= query.size() && std::equal(path.begin(), path.end(), query.begin());
    drawing_->circle(p.x, p.y, 3.6, gone ? "#E4E8EC" : on_query ? blue : ink, "#FFFFFF", 1);
    if (!inner(path)) {
      std::string letters;
      for (const int token : path) letters += static_cast<char>('0' + token);
      if ((panel_width - 28) / std::pow(needle_->actions, needle_->horizon) >= 5.5 * needle_->horizon)
        drawing_->text(p.x, p.y + 17, letters,
                       {.size = 10.5,
                        .weight = on_query ? "600" : "normal",
                        .colour = gone       ? "#98A2AE"
                                  : on_query ? blue
                                             : ink});
      return;
    }
    for (int token = 0; token < needle_->actions; ++token) {
      path.push_back(token);
      nodes(path, query, dead, gone);
      path.pop_back();
    }
  }

  void cross(const prefix& struck) {
    const place p = at(struck);
    drawing_->path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f} M {:.1f} {:.1f} L {:.1f} {:.1f}", p.x - 6, p.y - 6,
                               p.x + 6, p.y + 6, p.x - 6, p.y + 6, p.x + 6, p.y - 6),
                   red, 2.2, false);
  }

  svg_drawing* drawing_;
  const drawn_needle* needle_;
  double x_, y_;
};

std::string letters(const prefix& path, int horizon) {
  std::string word;
  for (const int token : path) word += static_cast<char>('0' + token);
  return word + std::string(static_cast<std::size_t>(horizon) - path.size(), '*');
}

// The panels of one learner from height y; returns the height below them.
double draw_learner(svg_drawing& drawing, const drawn_needle& needle, const std::vector<drawn_query>& queries, double y,
                    bool tokens) {
  std::set<prefix> dead;
  double best = -1;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const drawn_query& q = queries[i];
    const prefix killed(q.response.begin(), q.response.begin() + q.dead_length);
    const double p = std::exp(q.log_p);
    best = std::max(best, q.heavy_leaf ? p : -1.0);
    const double x = margin + panel_width * static_cast<double>(i % panels_per_row);
    const double top = y + panel_height * static_cast<double>(i / panels_per_row);
    std::string outcome;
    const char* colour = soft;
    const bool ends_best = q.heavy_leaf && i + 1 == queries.size() && p == best;
    if (tokens && !q.heavy_leaf) {
      outcome = fmt::format("p({}) = {:.3g} < τ: {} dead", letters(killed, q.dead_length), p,
                            letters(killed, needle.horizon));
    } else {
      outcome = fmt::format("p({}) = {:.3g}", letters(killed, needle.horizon), p);
      if (ends_best) {
        outcome += ", the best";
        colour = green;
      }
    }
    tree_panel panel(drawing, needle, x, top);
    panel.draw(fmt::format("query {}: {}", i + 1, letters(q.response, needle.horizon)), outcome, colour, q.response,
               dead, killed, ends_best);
    dead.insert(killed);
  }
  return y + panel_height * std::ceil(static_cast<double>(queries.size()) / panels_per_row);
}

void legend(svg_drawing& drawing, const drawn_needle& needle, double y) {
  double x = margin + 8;
  const svg_drawing::lettering small{.size = 12, .anchor = "start", .colour = soft};
  drawing.text(x, y, "π* of an edge:", small);
  x += 88;
  std::set<double> shown{needle.epsilon / (needle.actions - 1), 1.0 / needle.actions, 1 - needle.epsilon};
  for (const double probability : shown) {
    drawing.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f}", x, y - 4, x + 34, y - 4), shade(probability).c_str(),
                 1.2 + 3.2 * probability, false);
    drawing.text(x + 41, y, fmt::format("{:.2g}", probability), small);
    x += 88;
  }
  drawing.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f}", x, y - 4, x + 34, y - 4), "#9CCBE8", 11, false);
  drawing.text(x + 41, y, "queried", small);
  x += 106;
  drawing.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f}", x, y - 4, x + 34, y - 4), "#B9C1CB", 1.2, false, "3 3");
  drawing.text(x + 41, y, "ruled out before", small);
  x += 152;
  drawing.path(
      fmt::format("M {0:.1f} {2:.1f} L {1:.1f} {3:.1f} M {0:.1f} {3:.1f} L {1:.1f} {2:.1f}", x, x + 12, y - 10, y + 2),
      red, 2.2, false);
  drawing.text(x + 20, y, "ruled out by this query", small);
  drawing.circle(x + 172, y - 4, 6.5, green, "#FFFFFF", 1.5);
  drawing.text(x + 186, y, "the best", small);
}

}  // namespace

std::string search_drawing(const std::string& id, const drawn_needle& needle,
                           const std::vector<drawn_query>& token_queries,
                           const std::vector<drawn_query>& sentence_queries) {
  const auto rows = [](const std::vector<drawn_query>& queries) {
    return std::ceil(static_cast<double>(queries.size()) / panels_per_row);
  };
  const double height = 2 * heading + (rows(token_queries) + rows(sentence_queries)) * panel_height + 46;
  svg_drawing drawing(2 * margin + panels_per_row * panel_width, height);
  const svg_drawing::lettering title{.size = 15, .anchor = "start", .weight = "600"};
  drawing.text(margin + 8, 24, fmt::format("Token-level feedback (T1): {} queries", token_queries.size()), title);
  double y = draw_learner(drawing, needle, token_queries, heading, true);
  drawing.text(margin + 8, y + 24, fmt::format("Sentence-level feedback (S1): {} queries", sentence_queries.size()),
               title);
  y = draw_learner(drawing, needle, sentence_queries, y + heading, false);
  legend(drawing, needle, y + 26);
  return drawing.finish(id);
}

}  // namespace rto::sim
