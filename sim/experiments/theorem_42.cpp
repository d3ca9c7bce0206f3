// Theorem 4.2 on random token trees: its proof executed step by step, its rate, and the part of the bound that no data
// can reduce.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <boost/random/uniform_int_distribution.hpp>
#include <boost/random/uniform_real_distribution.hpp>

#include <fmt/format.h>

#include "sim/engine/claim.hpp"
#include "sim/experiments/preference_tree.hpp"
#include "sim/statistics/line_fit.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;

constexpr double rounding = 1e-10;
constexpr double level_of_slopes = 0.999;

const settings_schema schema = {
    integer("instances", "random instances on which the proof is executed", {60, 1000, 10000}, {1}),
    integer("designs", "sets of trajectory pairs for the probability of the event", {4, 40, 200}, {1}),
    integer("labels", "fresh sets of labels for each of them", {50, 100, 400}, {1}),
    integer("rate_instances", "instances on which rates are measured", {24, 200, 1000}, {2}),
    integer("kernel_instances", "instances of each kind for the structural kernel", {16, 80, 300}, {2}),
    integer("A", "tokens, in the parts on rates", {3, 3, 3}, {2, 6}),
    integer("H", "length of a response, in the parts on rates", {3, 3, 3}, {1, 4}),
    integer("d", "features, in the part on rates", {3, 3, 3}, {1, 20}),
    real("beta", "KL coefficient, in the parts on rates", {0.5, 0.5, 0.5}, {1e-6}),
    real("lambda", "ridge of the covariance", {1, 1, 1}, {1e-9}),
    real("radius", "pessimism coefficient rho, fixed, in the parts on rates", {2, 2, 2}, {0}),
    real("norm",
         "norm of the true parameter; the estimate's bound B is the same in the part on the kernel, twice it "
         "in the part on rates",
         {1, 1, 1}, {1e-6}),
    real("delta", "failure probability of the confidence radius", {0.1, 0.1, 0.1}, {1e-12, 1 - 1e-12}),
    integers("n", "comparisons, in the part on rates",
             {{100, 1600, 25600, 409600},
              {100, 400, 1600, 6400, 25600, 102400, 409600},
              {100, 400, 1600, 6400, 25600, 102400, 409600}},
             {1}),
    integers("n_kernel", "comparisons, in the part on the structural kernel",
             {{1000, 100000, 10000000, 1000000000},
              {100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000},
              {100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000}},
             {1, 1000000000000}),
};

struct kernel_kind {
  const char* id;
  const char* label;
  edge_features features;
  std::int64_t eos;
};
constexpr kernel_kind kernel_kinds[] = {
    {"generic", "Gaussian features", edge_features::gaussian, -1},
    {"tabular", "tabular, no EoS", edge_features::tabular, -1},
    {"tabular_eos", "tabular, EoS", edge_features::tabular, 0},
    {"fixed_length", "A = H = 2 example", edge_features::fixed_length, -1},
};

std::vector<cell> plan(const settings& s) {
  if (s.integers("n").size() < 2 || s.integers("n_kernel").size() < 2)
    throw user_error("thm-4.2: n and n_kernel need at least two values, for the slopes");
  std::vector<cell> cells;
  const json common = {{"lambda", s.real("lambda")}, {"delta", s.real("delta")}};
  const auto add = [&](json point, std::int64_t replicates) {
    point.update(common);
    cells.push_back({.point = std::move(point), .replicates = replicates});
  };
  add({{"part", "proof"}}, s.integer("instances"));
  add({{"part", "event"}, {"labels", s.integer("labels")}}, s.integer("designs"));
  const json shape = {{"A", s.integer("A")},    {"H", s.integer("H")},        {"d", s.integer("d")},
                      {"beta", s.real("beta")}, {"radius", s.real("radius")}, {"norm", s.real("norm")}};
  json rate = shape;
  rate.update({{"part", "rate"}, {"n", s.integers("n")}});
  add(rate, s.integer("rate_instances"));
  for (const kernel_kind& kind : kernel_kinds) {
    json point = shape;
    point.update({{"part", "kernel"}, {"kind", kind.id}, {"n", s.integers("n_kernel")}});
    add(point, s.integer("kernel_instances"));
  }
  return cells;
}

// --- one replicate ---------------------------------------------------------------------------------------------------

json to_json(const theorem_42_terms& t) {
  return {{"E0", t.identity_error},
          {"E1", t.pointwise_violation},
          {"E2", t.term_i_violation},
          {"E3", t.term_ii_violation},
          {"E4", t.term_iii_error},
          {"E5", t.bound_violation},
          {"E6", t.divergence_error},
          {"E7", t.kl_violation},
          {"7.a", t.fast_rate_violation},
          {"subopt", t.suboptimality},
          {"bound", t.bound}};
}

// The proof of the theorem on one random instance, with the smallest radius that is right and with that of Lemma A.1.
json replicate_proof(const json& point, replicate_context& context) {
  stream& rng = context.rng;
  const preference_tree_shape shape = draw_shape(rng);
  const preference_tree t = make_preference_tree(shape, rng);
  const std::int64_t n = boost::random::uniform_int_distribution<std::int64_t>(1, 200)(rng);
  const double lambda = std::exp(boost::random::uniform_real_distribution<double>(-4, 2)(rng));
  const learned_reward learned =
      learn(draw_comparisons(t, t.probability, n, rng), t, shape.norm * 1.25, lambda, point["delta"]);
  const bool event = learned.oracle_radius <= learned.formula_radius;
  return {{"oracle", to_json(run_algorithm_1(t, learned, learned.oracle_radius, false))},
          {"formula", to_json(run_algorithm_1(t, learned, learned.formula_radius, false))},
          {"quotient", to_json(run_algorithm_1(t, learned, learned.oracle_radius, true))},
          {"event", event ? 1.0 : 0.0},
          {"looseness", learned.oracle_radius > 0 ? learned.formula_radius / learned.oracle_radius : 0.0}};
}

// How often the event fails for one set of pairs.
json replicate_event(const json& point, replicate_context& context) {
  stream& rng = context.rng;
  preference_tree_shape shape;
  shape.actions = 2;
  shape.norm = 0.5;  // small margins: where the radius is least loose
  const preference_tree t = make_preference_tree(shape, rng);
  auto comparisons = draw_comparisons(t, t.probability, 200, rng);
  const auto labels = point["labels"].get<std::int64_t>();
  double failures = 0, largest = 0;
  for (std::int64_t k = 0; k < labels; ++k) {
    redraw_labels(t, comparisons, rng);
    const learned_reward learned = learn(comparisons, t, shape.norm, point["lambda"], point["delta"]);
    failures += learned.oracle_radius <= learned.formula_radius ? 0 : 1;
    largest = std::max(largest, learned.oracle_radius / learned.formula_radius);
  }
  return {{"failures", failures}, {"largest_share", largest}};
}

preference_tree_shape shape_of(const json& point) {
  preference_tree_shape shape;
  shape.actions = point["A"];
  shape.horizon = point["H"];
  shape.dimension = point["d"];
  shape.beta = point["beta"];
  shape.norm = point["norm"];
  return shape;
}

json replicate_rate(const json& point, replicate_context& context) {
  const preference_tree_shape shape = shape_of(point);
  const preference_tree t = make_preference_tree(shape, context.rng);
  std::vector<double> error, bound, plug_in, pessimistic;
  for (const std::int64_t n : point["n"]) {
    const learned_reward learned =
        learn(draw_comparisons(t, t.probability, n, context.rng), t, 2 * shape.norm, point["lambda"], point["delta"]);
    const theorem_42_terms run = run_algorithm_1(t, learned, point["radius"], false);
    error.push_back(learned.error);
    bound.push_back(run.coverage_bound);
    pessimistic.push_back(run.suboptimality);
    plug_in.push_back(run_algorithm_1(t, learned, 0, false).suboptimality);
  }
  return {{"error", error}, {"bound", bound}, {"plug_in", plug_in}, {"pessimistic", pessimistic}};
}

json replicate_kernel(const json& point, replicate_context& context) {
  preference_tree_shape shape = shape_of(point);
  const auto* kind = std::find_if(std::begin(kernel_kinds), std::end(kernel_kinds),
                                  [&](const kernel_kind& k) { return point["kind"] == k.id; });
  shape.features = kind->features;
  shape.eos = kind->eos;
  if (shape.features == edge_features::fixed_length) shape.actions = shape.horizon = 2;
  const preference_tree t = make_preference_tree(shape, context.rng);
  json result = {{"states", t.tree.states()}, {"dimension", t.kernel.dimension}, {"length", t.visits.mass}};
  std::vector<double> bound, policy, quotient_bound, quotient_policy;
  double bonus_error = 0;
  for (const std::int64_t n : point["n"]) {
    const learned_reward learned =
        learn(draw_comparisons(t, t.probability, n, context.rng), t, shape.norm, point["lambda"], point["delta"]);
    const theorem_42_terms run = run_algorithm_1(t, learned, point["radius"], false);
    const theorem_42_terms quotient = run_algorithm_1(t, learned, point["radius"], true);
    bound.push_back(run.coverage_bound);
    policy.push_back(run.suboptimality);
    quotient_bound.push_back(quotient.coverage_bound);
    quotient_policy.push_back(quotient.suboptimality);
    // At the smallest n only: the condition number of the covariance, about n, costs digits.
    if (bound.size() == 1) bonus_error = kernel_bonus_error(t, learned);
  }
  result.update({{"bound", bound},
                 {"policy", policy},
                 {"quotient_bound", quotient_bound},
                 {"quotient_policy", quotient_policy},
                 {"bonus_error", bonus_error}});
  return result;
}

json replicate(const json& point, replicate_context& context) {
  const std::string part = point["part"];
  if (part == "proof") return replicate_proof(point, context);
  if (part == "event") return replicate_event(point, context);
  return part == "rate" ? replicate_rate(point, context) : replicate_kernel(point, context);
}

// --- conclusions -----------------------------------------------------------------------------------------------------

// Field `name` of every replicate, a list over n.
std::vector<std::vector<double>> curves(const cell_outcomes& cell, const std::string& name) {
  std::vector<std::vector<double>> all;
  for (const json& r : cell.replicates) all.push_back(r[name].get<std::vector<double>>());
  return all;
}

std::vector<double> sizes(const cell_outcomes& cell) { return cell.point["n"].get<std::vector<double>>(); }

// Mean over instances of the slope of log y on log n, over the sizes from `first` on.
estimate mean_slope(const cell_outcomes& cell, const std::string& name, std::size_t first = 0) {
  const std::vector<double> n = sizes(cell);
  std::vector<double> slopes;
  for (const std::vector<double>& y : curves(cell, name)) {
    const auto from = static_cast<std::ptrdiff_t>(std::min(first, n.size() - 2));
    if (*std::min_element(y.begin() + from, y.end()) <= 0) continue;  // reached zero to rounding: no slope
    slopes.push_back(fit_power_law({n.begin() + from, n.end()}, {y.begin() + from, y.end()}).slope.value);
  }
  return mean_interval(slopes, level_of_slopes);
}

// Median over instances with the quartiles as a band.
series median_curve(const cell_outcomes& cell, const std::string& name, const std::string& label,
                    mark style = mark::line) {
  series s{.label = label, .x = sizes(cell), .style = style};
  const auto all = curves(cell, name);
  for (std::size_t k = 0; k < s.x.size(); ++k) {
    std::vector<double> at;
    for (const auto& y : all) at.push_back(y[k]);
    s.y.push_back(quantile(at, 0.5));
    s.low.push_back(quantile(at, 0.25));
    s.high.push_back(quantile(at, 0.75));
  }
  return s;
}

void conclude_proof(conclusion& c, const cell_outcomes& proof) {
  const double n = static_cast<double>(proof.count());
  struct step {
    const char* id;
    const char* text;
    bool on_event;
    bool corrected;
  };
  const step steps[] = {
      {"E0", "identity: SubOpt = (i) + (ii) + (iii)", false, false},
      {"E1", "0 &le; r &minus; r&#770; &le; 2&rho;&#8214;&phi;&#8214; for every state and token", true, false},
      {"E2", "(i) &le; 2&rho; times the coverage term", true, false},
      {"E3", "(ii) &le; 0", true, false},
      {"E4", "(iii) is exactly the planning gap under r&#770;, and &le; 0 (the paper: always negative)", false, true},
      {"E5", "the theorem: SubOpt &le; 2&rho; coverage &minus; &beta; E KL(&pi;* &#8214; &pi;&#770;)", true, false},
      {"E6", "SubOpt = &beta; E KL(&pi;&#770; &#8214; &pi;*) under the output policy, and &ge; 0", false, true},
      {"E7", "consequence: &beta; E KL(&pi;* &#8214; &pi;&#770;) &le; 2&rho; coverage", true, false},
      {"7.a",
       "SubOpt &le; span&sup2;/(8&beta;) of R &minus; R&#770; over the responses to a prompt: second order, "
       "without any event",
       false, true},
  };
  for (const step& s : steps) {
    double worst = -1;
    for (const json& r : proof.replicates)
      for (const char* radius : {"oracle", "formula", "quotient"}) {
        // The smallest radius that is right is always on the event; that of Lemma A.1 is with probability 1 - delta.
        if (s.on_event && radius == std::string("formula") && r["event"] == 0.0) continue;
        worst = std::max(worst, r[radius][s.id].get<double>());
      }
    c.checks.push_back(
        identity_check(s.id,
                       std::string(s.text) +
                           ": largest violation relative to the largest term, with the oracle radius, the radius of "
                           "Lemma A.1" +
                           (s.on_event ? " (on its event)" : "") + " and quotient features",
                       std::max(worst, 0.0), rounding, n, s.corrected ? verdict::holds_as_corrected : verdict::holds));
  }
  c.notes.push_back(
      {note::kind::finding, "The radius of Lemma A.1 is far from the smallest right one",
       fmt::format("On these instances it is {:.0f} times the smallest right one (median). With it the right-hand side "
                   "of the theorem is {:.3g} (median) where SubOpt is {:.3g}.",
                   quantile(proof.values("looseness"), 0.5), quantile(proof.values("formula.bound"), 0.5),
                   quantile(proof.values("formula.subopt"), 0.5))});
}

void conclude_event(conclusion& c, const cell_outcomes& event, double delta) {
  const double trials = static_cast<double>(event.count()) * event.point["labels"].get<double>();
  const auto allowed = binomial_bound(static_cast<std::int64_t>(trials), delta);
  check e8;
  e8.id = "E8";
  e8.tested = fmt::format(
      "The event &#8214;&theta;&#770; &minus; &theta;*&#8214; &le; &rho; fails with probability at most &delta; = "
      "{:g}: "
      "failures over fresh labels for fixed pairs, against the 99.9&#8201;% binomial bound. The largest error was "
      "{:.2g} of the radius",
      delta, event.maximum("largest_share"));
  e8.predicted = {static_cast<double>(allowed), fmt::format("≤ {} of {:.0f}", allowed, trials)};
  const double failures = event.sum("failures");
  e8.measured = {failures, fmt::format("{:.0f} of {:.0f}", failures, trials)};
  e8.n = trials;
  e8.result = failures <= static_cast<double>(allowed) ? verdict::holds_as_corrected : verdict::contradicted;
  c.checks.push_back(e8);
}

void conclude_rate(conclusion& c, const cell_outcomes& rate) {
  const double n = static_cast<double>(rate.count());
  const auto slope = [&](const char* id, const char* field, const char* what, double predicted, double tolerance,
                         verdict if_true) {
    c.checks.push_back(slope_check(id, std::string("Slope of log ") + what + " on log n", predicted, tolerance,
                                   mean_slope(rate, field), n, level_of_slopes, if_true));
  };
  slope("rate-error", "error", "&#8214;&theta;&#770; &minus; &theta;*&#8214;", -0.5, 0.05, verdict::holds);
  slope("rate-bound", "bound", "(2&rho; times the coverage term), fixed &rho;, full-rank features,", -0.5, 0.05,
        verdict::holds);
  slope("rate-plug-in", "plug_in", "SubOpt of the plug-in policy (&rho; = 0)", -1, 0.15, verdict::holds_as_corrected);
  slope("rate-algorithm-1", "pessimistic", "SubOpt of Algorithm 1 (fixed &rho;)", -1, 0.15,
        verdict::holds_as_corrected);

  const axis n_axis{.label = "comparisons n", .logarithmic = true};
  panel p{.title = "", .x = n_axis, .y = {.label = "nats", .logarithmic = true}};
  p.curves = {median_curve(rate, "bound", "coverage term of the bound", mark::line),
              median_curve(rate, "pessimistic", "SubOpt, Algorithm 1"),
              median_curve(rate, "plug_in", "SubOpt, plug-in")};
  const auto guide = [&](const series& through, double exponent, const char* label) {
    series g{.label = label, .x = through.x, .style = mark::prediction};
    for (const double x : g.x) g.y.push_back(through.y.back() * std::pow(x / g.x.back(), exponent));
    return g;
  };
  p.curves.push_back(guide(p.curves[0], -0.5, "slope -1/2"));
  p.curves.push_back(guide(p.curves[1], -1, "slope -1"));
  c.figures.push_back({.id = "thm-4.2-rate",
                       .title = "The bound decreases at 1/√n, the suboptimality at 1/n",
                       .caption = "Medians over random instances, bands from quartile to quartile. SubOpt is a Bregman "
                                  "divergence of <i>J</i>*, hence of second order in the error of the reward.",
                       .panels = {p}});
}

void conclude_kernel(conclusion& c, const settings& s, const outcomes& results) {
  const auto cell_of = [&](const kernel_kind& kind) -> const cell_outcomes& {
    static const cell_outcomes none;
    for (const cell_outcomes& cell : results.cells)
      if (cell.point["part"] == "kernel" && cell.point["kind"] == kind.id) return cell;
    return none;
  };
  const cell_outcomes &generic = cell_of(kernel_kinds[0]), &tabular = cell_of(kernel_kinds[1]),
                      &eos = cell_of(kernel_kinds[2]), &fixed = cell_of(kernel_kinds[3]);
  const double n = static_cast<double>(tabular.count());

  double wrong = 0, bonus_error = 0;
  for (const cell_outcomes* cell : {&tabular, &eos})
    for (const json& r : cell->replicates) wrong += r["dimension"] == r["states"] ? 0 : 1;
  for (const json& r : fixed.replicates) wrong += r["dimension"] == 1 ? 0 : 1;
  for (const cell_outcomes* cell : {&generic, &tabular, &eos, &fixed})
    bonus_error = std::max(bonus_error, cell->maximum("bonus_error"));
  c.checks.push_back(always_check("kernel-dimension",
                                  "The structural kernel, computed from the tree, has one dimension for each internal "
                                  "node with tabular features, one in the A = H = 2 example",
                                  wrong, 3 * n, verdict::holds_as_corrected));
  c.checks.push_back(identity_check("kernel-bonus",
                                    "bonus&sup2; = &#8214;P<sub>K</sub>&phi;&#8214;&sup2;/&lambda; + (bonus of the "
                                    "quotient features)&sup2; on every edge at the smallest n: largest relative error",
                                    bonus_error, rounding, 4 * n, verdict::holds_as_corrected));

  // Slopes without the smallest sizes, where the ridge still counts.
  const std::size_t upper = s.integers("n_kernel").size() / 4;
  const estimate printed = mean_slope(tabular, "bound", upper);
  check rate;
  rate.id = "kernel-printed-rate";
  rate.tested =
      "After Theorem 4.2 the paper says that the coverage term typically decreases at 1/&radic;|D| under mild partial "
      "coverage. Tabular features, data from the reference policy, which covers every trajectory: slope of its "
      "logarithm";
  rate.predicted = {-0.5, "-0.5 (as printed)"};
  rate.measured = printed.value;
  rate.range = printed.range;
  rate.confidence = level_of_slopes;
  rate.n = n;
  rate.result = std::abs(printed.value + 0.5) <= 0.05                    ? verdict::holds
                : printed.range.given() && !printed.range.contains(-0.5) ? verdict::fails_as_printed
                                                                         : verdict::inconclusive;
  c.checks.push_back(rate);
  const auto slope = [&](const char* id, const cell_outcomes& cell, const char* field, const char* text,
                         double predicted, double tolerance) {
    c.checks.push_back(slope_check(id, text, predicted, tolerance, mean_slope(cell, field, upper),
                                   static_cast<double>(cell.count()), level_of_slopes, verdict::holds_as_corrected));
  };
  slope("kernel-bound-constant", tabular, "bound", "Tabular features: the coverage term tends to a constant; slope", 0,
        0.05);
  slope("kernel-bound-quotient", tabular, "quotient_bound",
        "Tabular features, quotient features in the bonus (F1): the coverage term vanishes; slope", -0.5, 0.05);
  slope("kernel-policy-complete", tabular, "policy",
        "Tabular features on a complete tree: the kernel part of the bonus depends on depth only, the policy of "
        "Algorithm 1 converges although its bound does not; slope of log SubOpt",
        -1, 0.15);
  slope("kernel-policy-eos", eos, "policy",
        "Tabular features with EoS: the policy of Algorithm 1 is inconsistent; slope of log SubOpt", 0, 0.05);
  slope("kernel-policy-eos-quotient", eos, "quotient_policy",
        "Tabular features with EoS and F1: consistent; slope of log SubOpt", -1, 0.15);
  slope("kernel-policy-fixed-length", fixed, "policy",
        "Fixed length A = H = 2, d = 2, no EoS: the policy of Algorithm 1 can be inconsistent; slope of log SubOpt", 0,
        0.05);
  slope("kernel-policy-fixed-length-quotient", fixed, "quotient_policy", "The same with F1; slope of log SubOpt", -1,
        0.15);
  slope("kernel-policy-generic", generic, "policy",
        "Gaussian features, d below the number of edges: no kernel, consistent; slope of log SubOpt", -1, 0.15);

  const axis n_axis{.label = "comparisons n", .logarithmic = true};
  panel bound{
      .title = "coverage term of the bound", .x = n_axis, .y = {.label = "2ρ coverage (nats)", .logarithmic = true}};
  panel policy{.title = "suboptimality", .x = n_axis, .y = {.label = "SubOpt (nats)", .logarithmic = true}};
  table t{.title = "The structural kernel at the largest n",
          .header = {"features", "dim K", "2&rho; coverage", "SubOpt", "2&rho; coverage, F1", "SubOpt, F1"}};
  for (const kernel_kind& kind : kernel_kinds) {
    const cell_outcomes& cell = cell_of(kind);
    bound.curves.push_back(median_curve(cell, "bound", kind.label));
    policy.curves.push_back(median_curve(cell, "policy", kind.label));
    std::vector<std::string> row{kind.label, fmt::format("{}", cell.replicates.front()["dimension"].get<int>())};
    for (const char* field : {"bound", "policy", "quotient_bound", "quotient_policy"}) {
      std::vector<double> last;
      for (const auto& y : curves(cell, field)) last.push_back(y.back());
      row.push_back(
          fmt::format("{:.2g} ({:.2g} &ndash; {:.2g})", quantile(last, 0.5), quantile(last, 0), quantile(last, 1)));
    }
    t.rows.push_back(row);
  }
  bound.curves.push_back(median_curve(eos, "quotient_bound", "tabular, EoS, F1", mark::prediction));
  policy.curves.push_back(median_curve(eos, "quotient_policy", "tabular, EoS, F1", mark::prediction));
  t.caption = fmt::format("Median (smallest &ndash; largest) over {:.0f} instances, n = {:.0e}.", n,
                          static_cast<double>(s.integers("n_kernel").back()));
  c.tables.push_back(t);
  c.figures.push_back(
      {.id = "thm-4.2-kernel",
       .title = "What no comparison can see keeps the bound, and sometimes the policy, from converging",
       .caption = "Medians, bands from quartile to quartile; fixed &rho; and &lambda;, data from the reference policy. "
                  "Dashed: quotient features (F1) in the bonus.",
       .panels = {bound, policy}});
}

void add_notes(conclusion& c) {
  c.notes.push_back(
      {note::kind::fails_as_printed, "&ldquo;decreases at 1/&radic;|D| under mild partial coverage&rdquo;",
       "Every comparison is a <i>difference</i> of two responses to one prompt, the bonus is on <i>single</i> "
       "features. "
       "Let K be the directions in which all responses to a prompt agree. For any data, &#8214;&phi;&#8214;&sup2; in "
       "&Sigma;<sub>D</sub><sup>&minus;1</sup> contains &#8214;P<sub>K</sub>&phi;&#8214;&sup2;/&lambda;, which no data "
       "reduce: the assumption of partial coverage cannot hold where P<sub>K</sub>&phi; &ne; 0 on the support of "
       "&pi;*, for example for tabular features, and the coverage term then tends to a constant. The inequality of the "
       "theorem holds all the same (E5). The policy itself is inconsistent only where the kernel part of the bonus "
       "differs between responses to one prompt (tabular with EoS; the A = H = 2 example), not for tabular features "
       "on a complete tree. All this is for fixed &rho; and &lambda;; a radius with &lambda; growing like n escapes. "
       "<b>Corrected:</b> with P<sub>K&perp;</sub>&phi; in the bonus (quotient features, an option of the library) the "
       "theorem is unchanged and both bound and policy converge."});
  c.notes.push_back(
      {note::kind::finding, "1/&radic;n is not the rate of SubOpt",
       "J* is convex in the reward, and SubOpt of the policy that is optimal for r&#770; is its Bregman divergence: of "
       "second order in r &minus; r&#770;, SubOpt &le; span&sup2;/(8&beta;) without any event. At fixed &beta; it "
       "decreases at 1/n for the plug-in policy and for Algorithm 1 alike; the bound, at 1/&radic;n, is true but not "
       "of the right order."});
  c.notes.push_back(
      {note::kind::remark, "&ldquo;The second KL term is always negative&rdquo;",
       "It is non-positive (zero where the policies agree), and it is an exact identity, not an inequality: E4."});
  c.notes.push_back(
      {note::kind::reconstruction, "The formulas are a reconstruction",
       "The text of the paper that this work goes by has no formulas. Theorem 4.2, (4.2) and Algorithm 1 are "
       "reconstructed from the "
       "text, the proof's steps in Appendix A and the works it builds on (Zhu, Jiao, Jordan 2023; Xiong et al. 2023); "
       "docs/mathematics.md sections 4 to 7."});
}

conclusion conclude(const settings& s, const outcomes& results) {
  conclusion c;
  c.tested =
      "Every step of the proof on random token trees (A 2&ndash;3, H 1&ndash;3, with and without EoS, one or two "
      "prompts, Gaussian or tabular features) with exact expectations; rates over n on trees of one shape; four kinds "
      "of features for the directions that no comparison can see.";
  for (const cell_outcomes& cell : results.cells) {
    if (cell.point["part"] == "proof") conclude_proof(c, cell);
    if (cell.point["part"] == "event") conclude_event(c, cell, s.real("delta"));
    if (cell.point["part"] == "rate") conclude_rate(c, cell);
  }
  conclude_kernel(c, s, results);
  add_notes(c);
  // The theorem itself holds; what fails as printed is a remark on its rate, which has a corrected form that holds.
  std::vector<verdict> verdicts;
  for (const check& k : c.checks)
    verdicts.push_back(k.result == verdict::fails_as_printed ? verdict::holds_as_corrected : k.result);
  c.overall = combine(verdicts);
  return c;
}

const registered_claim theorem_42{
    {.id = "thm-4.2",
     .title = "Pessimistic reward planning: the suboptimality bound",
     .statement =
         "With probability at least 1 &minus; &delta;, SubOpt(&pi;&#770;) &le; 2&rho; E<sub>d<sup>&pi;*</sup></sub>"
         "&#8214;&phi;(s,a)&#8214;<sub>&Sigma;<sub>D</sub><sup>&minus;1</sup></sub> &minus; &beta; "
         "E<sub>d<sup>&pi;*</sup></sub> KL(&pi;*(&middot;|s) &#8214; &pi;&#770;(&middot;|s)); &ldquo;typically, [the "
         "first] term decreases at a rate of 1/&radic;|D| under the mild partial coverage assumption&rdquo;.",
     .source =
         "Theorem 4.2 and the remark after it (section 4.1), Appendix A; formulas reconstructed from the text and "
         "from the works it builds on",
     .schema = schema,
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
