#include "sim/report/pipeline_drawing.hpp"

#include <fmt/format.h>

#include <vector>

#include "sim/report/svg.hpp"

namespace rto::sim {
namespace {

constexpr double box_width = 140, box_height = 76, gap = 28, margin = 16;
constexpr double row_top = 62, row_middle = 172, row_bottom = 282;  // upper edges

double column(int i) { return margin + i * (box_width + gap); }

struct colours {
  const char *fill, *stroke;
};
constexpr colours shared{"#F3F4F6", "#5B6675"}, theory{"#E3EFF8", "#0072B2"}, practice{"#FBEBDD", "#D55E00"};

// A stage: its name on one or two lines, the formula, where it is in the paper.
struct stage {
  std::vector<std::string> name;
  std::string formula, place;
};

void box(svg_drawing& d, double x, double y, const stage& s, const colours& c) {
  d.rectangle(x, y, box_width, box_height, c.fill, c.stroke);
  const double middle = x + box_width / 2;
  double line = y + (s.name.size() == 2 ? 19 : 25);
  for (const std::string& words : s.name) {
    d.text(middle, line, words, {.size = 13, .weight = "600"});
    line += 16;
  }
  line += 4;
  d.text(middle, line, s.formula, {.size = 12.5, .italic = true});
  if (!s.place.empty()) d.text(middle, y + box_height - 7, s.place, {.size = 10, .colour = "#5B6675"});
}

void arrow(svg_drawing& d, double x0, double y0, double x1, double y1, const colours& c) {
  d.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f}", x0, y0, x1, y1), c.stroke, 1.8, true);
}

}  // namespace

std::string pipeline_drawing(const std::string& id) {
  const double half = box_height / 2;
  svg_drawing d(column(6) + box_width + margin, 412);

  // The two branches on their grounds.
  d.rectangle(column(2) - 12, row_top - 32, 4 * box_width + 3 * gap + 24, box_height + 44, "#F5FAFD", "#C9DFEE", 12);
  d.rectangle(column(2) - 12, row_bottom - 12, 4 * box_width + 3 * gap + 24, box_height + 44, "#FEF8F2", "#F0D5BE", 12);
  d.text(column(2), row_top - 12, "Theory: Algorithm 1",
         {.size = 13, .anchor = "start", .weight = "600", .colour = theory.stroke});
  d.text(column(2), row_bottom + box_height + 22, "Practice: Algorithm 2 (Reinforced Token Optimization)",
         {.size = 13, .anchor = "start", .weight = "600", .colour = practice.stroke});

  box(d, column(0), row_top, {{"Prompts and", "reference policy"}, "x ~ ρ_{0},  π_{ref}", ""}, shared);
  box(d, column(0), row_middle, {{"Trajectories"}, "τ^{1}, τ^{2} ~ π_{ref}", "token MDP, section 3"}, shared);
  box(d, column(1), row_middle, {{"Comparisons"}, "τ^{1} ≻ τ^{2}", "Bradley–Terry, (3.1)"}, shared);
  box(d, column(6), row_middle, {{"Policy"}, "π̂ (a | s)", ""}, shared);
  box(d, column(6), row_bottom, {{"Suboptimality"}, "J(π^{*}) − J(π̂)", "(3.5)"}, shared);

  const stage upper[] = {{{"Reward maximum", "likelihood"}, "θ̂", "(4.1)"},
                         {{"Confidence set"}, "‖θ − θ̂‖_{Σ} ≤ ϱ", "Lemma A.1"},
                         {{"Pessimistic", "token reward"}, "⟨θ̂, φ⟩ − ϱ‖φ‖_{Σ⁻¹}", "(4.2)"},
                         {{"KL-regularised", "planning"}, "π_{ref} e^{(q − V)/β}", "(3.4)"}};
  const stage lower[] = {{{"DPO"}, "π_{dpo}", "(C.4)"},
                         {{"Implicit", "token reward"}, "β_{1} log π_{dpo} / π_{ref}", "(4.5), (4.6)"},
                         {{"Advantages"}, "Â_{t}  by GAE", "from a learned critic"},
                         {{"Clipped surrogate"}, "min(ρÂ, clip(ρ)Â)", "PPO step"}};
  for (int i = 0; i < 4; ++i) {
    box(d, column(2 + i), row_top, upper[i], theory);
    box(d, column(2 + i), row_bottom, lower[i], practice);
    if (i == 3) continue;
    arrow(d, column(2 + i) + box_width, row_top + half, column(3 + i) - 2, row_top + half, theory);
    arrow(d, column(2 + i) + box_width, row_bottom + half, column(3 + i) - 2, row_bottom + half, practice);
  }

  arrow(d, column(0) + box_width / 2, row_top + box_height, column(0) + box_width / 2, row_middle - 2, shared);
  arrow(d, column(0) + box_width, row_middle + half, column(1) - 2, row_middle + half, shared);
  // Out of the comparisons and into the policy, round the corners.
  const auto corner = [&](double x0, double y0, double x1, double y1, const colours& c) {
    d.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f} L {:.1f} {:.1f}", x0, y0, x0, y1, x1, y1), c.stroke, 1.8, true);
  };
  const double from = column(1) + box_width / 2;
  corner(from - 14, row_middle, column(2) - 2, row_top + half, theory);
  corner(from - 14, row_middle + box_height, column(2) - 2, row_bottom + half, practice);
  d.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f} L {:.1f} {:.1f}", column(5) + box_width, row_top + half,
                     column(6) + box_width / 2, row_top + half, column(6) + box_width / 2, row_middle - 2),
         theory.stroke, 1.8, true);
  d.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f} L {:.1f} {:.1f} L {:.1f} {:.1f}", column(5) + box_width,
                     row_bottom + half, column(5) + box_width + gap / 2, row_bottom + half,
                     column(5) + box_width + gap / 2, row_middle + half + 12, column(6) - 2, row_middle + half + 12),
         practice.stroke, 1.8, true);
  arrow(d, column(6) + box_width / 2, row_middle + box_height, column(6) + box_width / 2, row_bottom - 2, shared);
  // The practical branch rolls its own policy out again and again.
  d.path(fmt::format("M {:.1f} {:.1f} L {:.1f} {:.1f} L {:.1f} {:.1f}", column(6), row_middle + half - 12,
                     column(4) + box_width / 2, row_middle + half - 12, column(4) + box_width / 2, row_bottom - 2),
         practice.stroke, 1.5, true, "6 4");
  d.text(column(4) + box_width / 2 + 12, row_middle + half - 20, "roll-outs of the current policy, repeated",
         {.size = 11.5, .anchor = "start", .colour = practice.stroke});
  return d.finish(id);
}

}  // namespace rto::sim
