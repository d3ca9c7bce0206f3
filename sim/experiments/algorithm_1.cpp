// Algorithm 1 against the plug-in policy: when does pessimism pay? A sweep of the radius and of the data's coverage.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/engine/claim.hpp"
#include "sim/engine/curve.hpp"
#include "sim/experiments/preference_tree.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;

constexpr double confidence = 0.999;

const settings_schema schema = {
    integer("instances", "random instances of each kind and coverage", {40, 250, 2000}, {2}),
    integer("A", "tokens", {3, 3, 3}, {2, 5}),
    integer("H", "length of a response", {3, 3, 3}, {1, 4}),
    integer("d", "features", {4, 4, 4}, {2, 20}),
    real("beta", "KL coefficient", {0.5, 0.5, 0.5}, {1e-6}),
    real("lambda", "ridge of the covariance", {1, 1, 1}, {1e-9}),
    real("norm", "norm of the true parameter; the estimate's bound B is 1.5 times it", {1, 1, 1}, {1e-6}),
    real("delta", "failure probability of the confidence radius", {0.1, 0.1, 0.1}, {1e-12, 1 - 1e-12}),
    integer("n", "comparisons", {300, 300, 300}, {1}),
    reals(
        "radius", "pessimism coefficients rho, besides 0 and the radius of Lemma A.1",
        {{0.01, 0.1, 0.3, 1, 3, 10}, {0.01, 0.03, 0.1, 0.3, 1, 3, 10}, {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10}},
        {1e-6, 1e6}),
    reals("coverage",
          "factor on the probability that a response in the data has, for every last token (id A - 1) in it",
          {{0, 1}, {0, 0.01, 0.1, 1}, {0, 0.001, 0.01, 0.1, 1}}, {0, 1}),
};

struct instance_kind {
  const char* id;
  const char* label;
  edge_features features;
};
constexpr instance_kind kinds[] = {
    {"generic", "generic features", edge_features::gaussian},
    {"harmful", "data miss what the optimum avoids", edge_features::missed_harmful},
    {"beneficial", "data miss what the optimum seeks", edge_features::missed_beneficial},
};

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const instance_kind& kind : kinds)
    for (const double coverage : s.reals("coverage"))
      cells.push_back({.point = {{"kind", kind.id},
                                 {"coverage", coverage},
                                 {"A", s.integer("A")},
                                 {"H", s.integer("H")},
                                 {"d", s.integer("d")},
                                 {"beta", s.real("beta")},
                                 {"lambda", s.real("lambda")},
                                 {"norm", s.real("norm")},
                                 {"delta", s.real("delta")},
                                 {"n", s.integer("n")},
                                 {"radius", s.reals("radius")}},
                       .replicates = s.integer("instances")});
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  preference_tree_shape shape;
  shape.actions = point["A"];
  shape.horizon = point["H"];
  shape.dimension = point["d"];
  shape.beta = point["beta"];
  shape.norm = point["norm"];
  shape.features = std::find_if(std::begin(kinds), std::end(kinds), [&](const instance_kind& k) {
                     return point["kind"] == k.id;
                   })->features;
  const preference_tree t = make_preference_tree(shape, context.rng);
  std::vector<double> data = t.probability;
  for (std::size_t i = 0; i < data.size(); ++i) data[i] *= std::pow(point["coverage"].get<double>(), t.last_tokens[i]);
  const learned_reward learned =
      learn(draw_comparisons(t, data, point["n"], context.rng), t, 1.5 * shape.norm, point["lambda"], point["delta"]);
  std::vector<double> sweep;
  for (const double radius : point["radius"]) sweep.push_back(run_algorithm_1(t, learned, radius, false).suboptimality);
  return {{"plug_in", run_algorithm_1(t, learned, 0, false).suboptimality},
          {"sweep", sweep},
          {"formula", run_algorithm_1(t, learned, learned.formula_radius, false).suboptimality},
          {"formula_radius", learned.formula_radius}};
}

std::vector<double> at_radius(const cell_outcomes& cell, std::size_t k) {
  std::vector<double> values;
  for (const json& r : cell.replicates) values.push_back(r["sweep"][k]);
  return values;
}

const cell_outcomes& cell_of(const outcomes& results, const char* kind, double coverage) {
  for (const cell_outcomes& cell : results.cells)
    if (cell.point["kind"] == kind && cell.point["coverage"] == coverage) return cell;
  throw std::logic_error("algorithm-1: no such cell");
}

check algorithm_side_check(std::string id, std::string tested, std::string predicted, const estimate& measured,
                           double border, bool above, double n) {
  return side_check(std::move(id), std::move(tested), {border, std::move(predicted)}, measured, border, above, n,
                    confidence, verdict::holds_as_corrected, verdict::contradicted);
}

panel sweep_panel(const outcomes& results, const instance_kind& kind, const std::vector<double>& coverages,
                  const std::vector<double>& radii) {
  panel p{.title = kind.label,
          .x = {.label = "radius ρ", .logarithmic = true},
          .y = {.label = "mean SubOpt (nats)", .logarithmic = true}};
  for (const double coverage : coverages) {
    const cell_outcomes& cell = cell_of(results, kind.id, coverage);
    series s{.label = fmt::format("coverage {:g}", coverage)};
    const auto add = [&](double radius, const std::vector<double>& values) {
      const estimate e = mean_interval(values);
      add_point(s, radius, e, e.value / 100);
    };
    add(radii.front() / 3, cell.values("plug_in"));
    for (std::size_t k = 0; k < radii.size(); ++k) add(radii[k], at_radius(cell, k));
    p.curves.push_back(s);
  }
  return p;
}

table sweep_table(const outcomes& results, const std::vector<double>& coverages, const std::vector<double>& radii) {
  table t{.title = "Mean suboptimality (nats)",
          .header = {"instances", "coverage", "&rho; = 0", "best &rho; &gt; 0 of the sweep", "there",
                     "&rho; of Lemma A.1", "there"}};
  for (const instance_kind& kind : kinds)
    for (const double coverage : coverages) {
      const cell_outcomes& cell = cell_of(results, kind.id, coverage);
      std::size_t best = 0;
      for (std::size_t k = 1; k < radii.size(); ++k)
        if (mean(at_radius(cell, k)) < mean(at_radius(cell, best))) best = k;
      t.rows.push_back({kind.label, fmt::format("{:g}", coverage), fmt::format("{:.2g}", cell.mean("plug_in")),
                        fmt::format("{:g}", radii[best]), fmt::format("{:.2g}", mean(at_radius(cell, best))),
                        fmt::format("{:.3g}", cell.mean("formula_radius")),
                        fmt::format("{:.2g}", cell.mean("formula"))});
    }
  t.caption = "The best &rho; is chosen on the same instances: an optimistic figure for pessimism.";
  return t;
}

conclusion conclude(const settings& s, const outcomes& results) {
  const std::vector<double> radii = s.reals("radius");
  std::vector<double> coverages = s.reals("coverage");
  std::sort(coverages.begin(), coverages.end());
  conclusion c;
  c.tested = fmt::format(
      "Suboptimality of Algorithm 1 over the radius &rho;, with data that cover the responses containing the last "
      "token "
      "by a factor from {:g} to {:g}: on generic instances, and where a feature of that token is what the optimum "
      "avoids or seeks (n = {}).",
      coverages.front(), coverages.back(), s.integer("n"));

  const cell_outcomes& generic = cell_of(results, "generic", coverages.back());
  const double n = static_cast<double>(generic.count());
  std::vector<double> ratios;
  std::int64_t wins = 0;
  for (const json& r : generic.replicates) {
    const double plug_in = r["plug_in"], formula = r["formula"];
    wins += plug_in < formula ? 1 : 0;
    ratios.push_back(formula / plug_in);
  }
  c.checks.push_back(algorithm_side_check(
      "plug-in-wins",
      "Generic instances, best coverage: share on which the plug-in policy (&rho; = 0) is better than Algorithm 1 with "
      "the radius of Lemma A.1",
      "more than half", wilson_interval(wins, static_cast<std::int64_t>(generic.count()), confidence), 0.5, true, n));
  c.checks.push_back(algorithm_side_check(
      "plug-in-ratio",
      "The same: median of SubOpt with the radius of Lemma A.1 over SubOpt of the plug-in "
      "policy",
      "more than 10 (one or two orders of magnitude)", quantile_interval(ratios, 0.5, confidence), 10, true, n));

  // Where the data miss what the optimum avoids: the radius 1, or the one of the sweep that is nearest to it.
  const auto nearest = static_cast<std::size_t>(
      std::min_element(radii.begin(), radii.end(),
                       [](double a, double b) { return std::abs(std::log(a)) < std::abs(std::log(b)); }) -
      radii.begin());
  const auto gain = [&](const char* kind, double coverage) {
    const cell_outcomes& cell = cell_of(results, kind, coverage);
    return mean_interval(paired_differences(cell.values("plug_in"), at_radius(cell, nearest)), confidence);
  };
  c.checks.push_back(algorithm_side_check(
      "pessimism-pays",
      fmt::format(
          "The data miss a direction that the optimum avoids (coverage {:g}): mean SubOpt of the plug-in policy "
          "minus that of Algorithm 1 with &rho; = {:g}",
          coverages.front(), radii[nearest]),
      "above 0: pessimism pays", gain("harmful", coverages.front()), 0, true, n));
  c.checks.push_back(algorithm_side_check(
      "pessimism-costs",
      fmt::format("The data miss a direction that the optimum seeks (coverage {:g}): the same difference",
                  coverages.front()),
      "below 0: pessimism costs", gain("beneficial", coverages.front()), 0, false, n));

  figure f{.id = "algorithm-1-sweep",
           .title = "When pessimism pays",
           .caption =
               "Means over random instances with 95&#8201;% intervals. The leftmost point of every curve is "
               "&rho; = 0, the plug-in policy."};
  for (const instance_kind& kind : kinds) f.panels.push_back(sweep_panel(results, kind, coverages, radii));
  c.figures.push_back(f);
  c.tables.push_back(sweep_table(results, coverages, radii));
  c.notes.push_back(
      {note::kind::finding, "Pessimism at the provable radius hurts on small generic instances",
       "The radius of Lemma A.1 is exponential in H L B (its factor 1/&gamma; is about e<sup>B max "
       "&#8214;x&#8214;</sup>), "
       "and a reference policy that covers everything leaves no direction out, so that there is nothing to be afraid "
       "of. Theorem 4.2 is an upper bound and says nothing else: it does not claim that pessimism improves on the "
       "plug-in policy. Pessimism pays where the data miss a direction that the optimum avoids; where they miss one "
       "that the optimum seeks it costs."});
  c.notes.push_back(
      {note::kind::reconstruction, "The formulas are a reconstruction",
       "The text of the paper that this work goes by has no formulas; Algorithm 1 and (4.2) are reconstructed from the "
       "text around them: docs/mathematics.md sections 6 and 7."});
  return c;
}

const registered_claim algorithm_1{
    {.id = "algorithm-1",
     .title = "Pessimism against the plug-in policy",
     .statement = "Algorithm 1 plans for r&#770;(s,a) = &#10216;&theta;&#770;, &phi;(s,a)&#10217; &minus; &rho; "
                  "&#8214;&phi;(s,a)&#8214;<sub>&Sigma;<sub>D</sub><sup>&minus;1</sup></sub>. Does the second term "
                  "help, and where?",
     .source = "Algorithm 1 and (4.2); formulas reconstructed. The question is that of docs/mathematics.md 7.4, the "
               "paper states no comparison",
     .origin = claim_origin::own,
     .schema = schema,
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
