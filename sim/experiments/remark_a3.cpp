// Remark A.3: approximate planning. Policy iteration with a step size, exact after H sweeps or linearly convergent, and
// what it adds to Theorem 4.2.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/engine/curve.hpp"
#include "sim/experiments/random_planning_problem.hpp"
#include "sim/experiments/remark_a3_runs.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;

constexpr double confidence = 0.999;
constexpr double floor_of_figures = 1e-18;  // where exact zeros are drawn

const settings_schema schema = {
    texts("kinds", "kinds of models", {problem_kinds(), problem_kinds(), problem_kinds()}, problem_kinds()),
    reals("betas", "KL coefficients, reward units a nat", {{1}, {0.1, 1, 10}, {0.01, 0.1, 1, 10, 100}}, {1e-3, 1e3}),
    reals("shares", "eta times beta of the step sizes below 1/beta",
          {{0.25, 0.5}, {0.1, 0.25, 0.5, 0.75, 0.9}, {0.05, 0.1, 0.25, 0.5, 0.75, 0.9}}, {0.01, 0.95}),
    integer("instances", "random instances for every kind, coefficient and step size", {4, 40, 400}, {1}),
    integers("T", "iterations without a KL charge",
             {{10, 100}, {1, 3, 10, 30, 100, 300}, {1, 3, 10, 30, 100, 300, 1000}}, {1, 100000}),
    integer("regret_instances", "random instances for every kind and number of iterations", {4, 40, 400}, {2}),
    integer("trees", "instances of Algorithm 1 with an approximate planner", {10, 200, 2000}, {2}),
    integer("n", "comparisons of each of them", {200, 200, 200}, {1}),
    integer("steps", "planning steps of Algorithm 1", {8, 16, 16}, {1, 1000}),
    integer("ppo_instances", "instances for clipped PPO", {12, 60, 400}, {2}),
    integer("ppo_iterations", "batches of clipped PPO", {20, 60, 100}, {20, 10000}),
};

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const std::string& kind : s.texts("kinds")) {
    for (const double beta : s.reals("betas")) {
      cells.push_back({{{"part", "sweeps"}, {"kind", kind}, {"beta", beta}}, s.integer("instances") * 2});
      for (const double share : s.reals("shares"))
        cells.push_back({{{"part", "rate"}, {"kind", kind}, {"beta", beta}, {"share", share}, {"kept", 30}},
                         s.integer("instances")});
    }
    for (const std::int64_t iterations : s.integers("T"))
      cells.push_back(
          {{{"part", "regret"}, {"kind", kind}, {"iterations", iterations}}, s.integer("regret_instances")});
  }
  cells.push_back(
      {{{"part", "theorem"}, {"n", s.integer("n")}, {"beta", 0.5}, {"share", 0.5}, {"steps", s.integer("steps")}},
       s.integer("trees")});
  cells.push_back({{{"part", "clipped"},
                    {"A", 3},
                    {"H", 4},
                    {"beta", 0.5},
                    {"share", 0.1},
                    {"iterations", s.integer("ppo_iterations")},
                    {"batch", 256},
                    {"clip", 0.2}},
                   s.integer("ppo_instances")});
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  static const std::map<std::string, json (*)(const json&, replicate_context&)> parts{{"sweeps", run_sweeps},
                                                                                      {"rate", run_rate},
                                                                                      {"regret", run_regret},
                                                                                      {"theorem", run_theorem},
                                                                                      {"clipped", run_clipped}};
  return parts.at(point.at("part"))(point, context);
}

std::vector<double> entry(const outcomes& results, const std::string& field, std::size_t k) {
  std::vector<double> values;
  for (const cell_outcomes& cell : results.cells)
    for (const json& r : cell.replicates)
      if (k < r.at(field).size()) values.push_back(r.at(field)[k]);
  return values;
}

// gap after t iterations over the gap at the start, median over the instances that have one.
series relative_gap_curve(std::string label, const outcomes& results, std::size_t iterations) {
  series curve{.label = std::move(label)};
  for (std::size_t t = 0; t <= iterations; ++t) {
    std::vector<double> ratios;
    for (const cell_outcomes& cell : results.cells)
      for (const json& r : cell.replicates)
        if (const json& gaps = r.at("gaps"); t < gaps.size() && gaps[0].get<double>() > 0)
          ratios.push_back(gaps[t].get<double>() / gaps[0].get<double>());
    if (ratios.empty()) continue;
    curve.x.push_back(static_cast<double>(t));
    curve.y.push_back(std::max(quantile(ratios, 0.5), floor_of_figures));
    if (curve.y.back() <= floor_of_figures) break;  // rounding from here on
  }
  return curve;
}

// The ratios of successive gaps over their limit, of the instances that have a gap.
std::vector<double> relative_ratios(const outcomes& results) {
  std::vector<double> all;
  for (const cell_outcomes& cell : results.cells) {
    const double kept = 1 - cell.point.at("share").get<double>();
    for (const double ratio : cell.values("ratio"))
      if (!std::isnan(ratio)) all.push_back(ratio / (kept * kept));
  }
  return all;
}

series mean_curve(std::string label, const outcomes& results, const std::string& field, mark style, double lowest) {
  series curve{.label = std::move(label), .style = style};
  const std::size_t n = results.cells.front().replicates.front().at(field).size();
  for (std::size_t k = 0; k < n; ++k) {
    const estimate e = mean_interval(entry(results, field, k));
    curve.x.push_back(static_cast<double>(k));
    curve.y.push_back(std::max(e.value, lowest));
    curve.low.push_back(std::max(e.range.low, lowest));
    curve.high.push_back(std::max(e.range.high, lowest));
  }
  return curve;
}

void add_convergence(const settings& s, const outcomes& results, conclusion& c) {
  const outcomes sweeps = results.where({{"part", "sweeps"}}), rates = results.where({{"part", "rate"}});
  c.checks.push_back(identity_check(
      "exact-value",
      "η = 1/β, one sweep for every layer: largest |<i>J</i>(π) − <i>J</i>*|, relative to "
      "the largest value",
      sweeps.maximum("value_error"), 1e-10, static_cast<double>(sweeps.count()), verdict::holds_as_corrected));
  c.checks.push_back(identity_check(
      "exact-policy", "the same: largest span of log(π/π*) over all states, relative to the largest |log π*|",
      sweeps.maximum("policy_error"), 1e-11, static_cast<double>(sweeps.count()), verdict::holds_as_corrected));
  c.checks.push_back(control_check("instances on which a single sweep leaves a gap", sweeps.values("after_one")));

  double farthest = 0;
  const std::vector<double> ratios = relative_ratios(rates);
  for (const double r : ratios) farthest = std::max(farthest, std::abs(r - 1));
  check rate = identity_check("ratio",
                              "η &lt; 1/β: largest relative distance of the ratio of two successive gaps from (1 − "
                              "ηβ)<sup>2</sup>, where log(π/π*) has become flat to 10<sup>−6</sup> nats",
                              farthest, 0.01, static_cast<double>(ratios.size()), verdict::holds_as_corrected);
  if (ratios.empty()) rate.result = verdict::inconclusive;
  c.checks.push_back(rate);
  c.checks.push_back(
      always_check("monotone", "iterations after which <i>J</i> has fallen, of any run with or without a KL charge",
                   sweeps.sum("falls") + rates.sum("falls") + results.where({{"part", "regret"}}).sum("falls"),
                   static_cast<double>(sweeps.count() + rates.count() + results.where({{"part", "regret"}}).count())));
  c.checks.push_back(always_check("recursion",
                                  "spans of log(π/π*) above the bound <i>e<sub>h</sub></i>(<i>t</i>+1) ≤ (1 − "
                                  "ηβ)<i>e<sub>h</sub></i>(<i>t</i>) + (ηβ/8) Σ<sub><i>h</i>'&gt;<i>h</i></sub> "
                                  "<i>e</i><sub><i>h</i>'</sub>(<i>t</i>)<sup>2</sup>, in any layer and iteration",
                                  rates.sum("beyond_recursion"), static_cast<double>(rates.count()),
                                  verdict::holds_as_corrected));
  c.checks.push_back(
      always_check("gap-of-spans", "gaps above (β/8) Σ<sub><i>h</i></sub> <i>e<sub>h</sub></i><sup>2</sup>",
                   rates.sum("beyond_spans"), static_cast<double>(rates.count()), verdict::holds_as_corrected));

  panel by_layers{.title = "η = 1/β, by layers",
                  .x = {.label = "sweeps"},
                  .y = {.label = "SubOpt / SubOpt at the start", .logarithmic = true}};
  for (const int layers : {2, 3, 4, 5}) {
    outcomes some;
    for (const cell_outcomes& cell : sweeps.cells) {
      cell_outcomes kept{cell.point, {}};
      for (const json& r : cell.replicates)
        if (r.at("layers") == layers) kept.replicates.push_back(r);
      if (kept.count() > 0) some.cells.push_back(kept);
    }
    if (some.count() > 0)
      by_layers.curves.push_back(
          relative_gap_curve(fmt::format("{} layers", layers), some, static_cast<std::size_t>(layers)));
  }
  panel by_share{.title = "η < 1/β",
                 .x = {.label = "iterations"},
                 .y = {.label = "SubOpt / SubOpt at the start", .logarithmic = true}};
  panel limit{.title = "ratio in the limit",
              .x = {.label = "ηβ", .minimum = 0, .maximum = 1},
              .y = {.label = "ratio of successive gaps", .minimum = 0, .maximum = 1}};
  series measured{.label = "measured, all instances", .style = mark::points};
  for (const double share : s.reals("shares")) {
    const outcomes some = rates.where({{"share", share}});
    by_share.curves.push_back(relative_gap_curve(fmt::format("ηβ = {:g}", share), some, 30));
    const std::vector<double> relative = relative_ratios(some);
    if (relative.empty()) continue;
    const double kept = (1 - share) * (1 - share);
    measured.x.push_back(share);
    measured.y.push_back(kept * quantile(relative, 0.5));
    measured.low.push_back(kept * *std::min_element(relative.begin(), relative.end()));
    measured.high.push_back(kept * *std::max_element(relative.begin(), relative.end()));
  }
  series formula{.label = "(1 − ηβ)²", .style = mark::prediction};
  for (double x = 0; x <= 1.0001; x += 0.05) {
    formula.x.push_back(x);
    formula.y.push_back((1 - x) * (1 - x));
  }
  limit.curves = {measured, formula};
  c.figures.push_back({.id = "rem-a3-convergence",
                       .title = "Policy iteration reaches the optimum",
                       .caption =
                           "η = 1/β: soft policy iteration makes one more layer exact with every sweep, and squares "
                           "the errors of the others, so that half of the instances are at rounding (drawn at "
                           "10<sup>−18</sup>) even earlier than after the last layer's sweep. η &lt; 1/β: medians, "
                           "straight lines are geometric decay. Ratio in the limit: successive gaps near the "
                           "optimum; bars from the smallest to the largest instance are smaller than the marks.",
                       .panels = {by_layers, by_share, limit}});
}

panel add_regret(const settings& s, const outcomes& results, conclusion& c) {
  const outcomes regret = results.where({{"part", "regret"}});
  double above = 0;
  for (const cell_outcomes& cell : regret.cells)
    for (const json& r : cell.replicates)
      above += r.at("average").get<double>() > r.at("bound").get<double>() + 1e-12 ? 1 : 0;
  c.checks.push_back(
      always_check("regret",
                   "β = 0, rewards in [0, 1], uniform start: average gaps of the first <i>T</i> policies "
                   "above <i>H</i><sup>2</sup> √(log <i>A</i> / 2<i>T</i>)",
                   above, static_cast<double>(regret.count())));
  panel p{.title = "β = 0: exponentiated gradient",
          .x = {.label = "iterations T", .logarithmic = true},
          .y = {.label = "average gap (reward units)", .logarithmic = true}};
  series average{.label = "measured"}, last{.label = "last policy"}, bound{.label = "bound", .style = mark::bound};
  for (const std::int64_t iterations : s.integers("T")) {
    const outcomes some = regret.where({{"iterations", iterations}});
    const auto x = static_cast<double>(iterations);
    const estimate e = mean_interval(some.values("average"));
    add_point(average, x, e, e.value / 100);
    last.x.push_back(x);
    last.y.push_back(std::max(mean(some.values("last")), floor_of_figures));
    bound.x.push_back(x);
    bound.y.push_back(mean(some.values("bound")));
  }
  p.curves = {average, last, bound};
  return p;
}

panel add_theorem(const outcomes& results, conclusion& c) {
  const outcomes runs = results.where({{"part", "theorem"}});
  const auto n = static_cast<double>(runs.count());
  c.checks.push_back(
      identity_check("theorem-4.2-identity",
                     "Algorithm 1 with its planner cut short: largest difference of SubOpt(π&#771;) from "
                     "the terms (i) + (ii) + (iii) of Theorem 4.2 plus β E KL(π&#771;‖π&#770;) in the "
                     "states that π&#771; visits, after every number of steps",
                     runs.maximum("identity_error"), 1e-10, n, verdict::holds_as_corrected));
  c.checks.push_back(always_check(
      "theorem-4.2-bound",
      "the same with the least radius of the event: instances on which SubOpt(π&#771;) exceeds "
      "2ϱ cover − β E KL(π*‖π&#770;) + β E KL(π&#771;‖π&#770;)",
      [&] {
        double above = 0;
        for (const double v : runs.values("violation")) above += v > 1e-10 ? 1 : 0;
        return above;
      }(),
      n));
  check control = control_check("instances on which the identity misses without that term, before the first step",
                                runs.values("control"));
  control.id = "theorem-4.2-control";
  c.checks.push_back(control);
  panel p{.title = "Theorem 4.2 with few steps",
          .x = {.label = "planning steps"},
          .y = {.label = "reward units", .logarithmic = true}};
  p.curves = {mean_curve("SubOpt(π̃)", runs, "suboptimality", mark::line, 1e-12),
              mean_curve("extra error", runs, "extra", mark::line, 1e-12),
              mean_curve("bound", runs, "bounds", mark::bound, 1e-12)};
  p.curves[2].low.clear();
  p.curves[2].high.clear();
  return p;
}

panel add_clipped(const outcomes& results, conclusion& c) {
  const outcomes runs = results.where({{"part", "clipped"}});
  const auto n = static_cast<double>(runs.count());
  const std::size_t last = runs.cells.front().replicates.front().at("clipped").size() - 1;
  const std::vector<double> start = entry(runs, "clipped", 0), end = entry(runs, "clipped", last);
  std::vector<double> left(start);
  double worse = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    worse += end[i] < start[i] ? 0 : 1;
    left[i] = end[i] / start[i];
  }
  c.checks.push_back(
      always_check("clipped-improves",
                   "clipped PPO on a softmax table, advantages from 256 sampled answers a batch: instances "
                   "on which <i>J</i> is no better at the end than at the start",
                   worse, n));
  c.checks.push_back(side_check(
      "clipped-stops-near", "the same: mean share of the gap at the start that is left at the end", {0.1, "below 0.1"},
      mean_interval(left, confidence), 0.1, false, n, confidence, verdict::holds, verdict::contradicted));
  panel p{.title = "clipped PPO, sampled",
          .x = {.label = "iterations (batches)"},
          .y = {.label = "mean SubOpt (reward units)", .logarithmic = true}};
  p.curves = {mean_curve("clipped PPO", runs, "clipped", mark::line, 1e-9),
              mean_curve("exact, ηβ = 0.1", runs, "exact", mark::line, 1e-9)};
  for (series& curve : p.curves) curve.low.clear(), curve.high.clear();
  return p;
}

conclusion conclude(const settings& s, const outcomes& results) {
  std::vector<double> betas = s.reals("betas");
  std::sort(betas.begin(), betas.end());
  conclusion c;
  c.tested = fmt::format(
      "Policy iteration with exact evaluation on random trees, tries and stochastic MDPs with forbidden tokens, "
      "against "
      "exact planning, β from {:g} to {:g}; the same as the planner of Algorithm 1; clipped PPO beside it.",
      betas.front(), betas.back());
  add_convergence(s, results, c);
  figure f{
      .id = "rem-a3-approximate",
      .title = "Approximate planners",
      .caption =
          "β = 0: means over instances with 95&#8201;% intervals, and the mean of the bound. Theorem 4.2: Algorithm 1 "
          "whose planner makes only so many steps, with ηβ = 1/2; the extra error falls to nothing and leaves what "
          "the theorem says of the exact planner. Clipped PPO (ε = 0.2, Adam with a rate that falls to 0) on sampled "
          "answers is fast at first and then stops near the optimum; exact steps do not stop.",
      .panels = {add_regret(s, results, c), add_theorem(results, c), add_clipped(results, c)}};
  c.figures.push_back(f);
  c.notes.push_back(
      {note::kind::finding, "What an approximate planner adds to Theorem 4.2 is an identity",
       "The remark says that an approximate planner adds its optimisation error to the bound. With a KL charge that "
       "error "
       "is known exactly: <i>J</i><sub>r&#770;</sub>(π&#770;) − <i>J</i><sub>r&#770;</sub>(π&#771;) = β E<sub><i>s</i> "
       "~ "
       "<i>d</i><sup>π&#771;</sup></sub> KL(π&#771;‖π&#770;) (identity 3.a for the reward r&#770;), and term (ii) is "
       "non-positive for any policy, so that nothing else changes."});
  c.notes.push_back({note::kind::remark, "Clipped PPO has no such rate",
                     "The clipped surrogate has no closed form, and its advantages are sampled: all that is checked is "
                     "that it improves "
                     "<i>J</i> and ends near the optimum."});
  c.notes.push_back({note::kind::reconstruction, "Rates",
                     "The remark names natural policy gradient and PPO and gives no formula. The closed form of a step "
                     "is that of Cen "
                     "et al. 2022 with a reference policy; the rates for a finite horizon are derived in "
                     "docs/mathematics.md, section "
                     "8."});
  return c;
}

const registered_claim remark_a3{
    {.id = "rem-A.3",
     .title = "An approximate planner adds exactly its own error",
     .statement =
         "Replacing the planner of Algorithm 1 by policy optimisation adds its optimisation error to the bound. Policy "
         "iteration π<sub><i>t</i>+1</sub> ∝ π<sub><i>t</i></sub><sup>1−ηβ</sup> π<sub>ref</sub><sup>ηβ</sup> "
         "e<sup>η<i>q</i></sup> improves <i>J</i> at every step, is exact after <i>H</i> sweeps for η = 1/β, and "
         "closes "
         "the gap by (1 − ηβ)<sup>2</sup> an iteration otherwise",
     .source = "Remark A.3; the paper gives no rate: docs/mathematics.md, section 8, after Cen et al. 2022 (arXiv "
               "2007.06558)",
     .schema = schema,
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
