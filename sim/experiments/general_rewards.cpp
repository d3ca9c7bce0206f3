// Rewards that are not linear in features: a finite class with its likelihood set, and a neural reward with Laplace's
// approximation of it, against a linear reward that is wrong.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/engine/claim.hpp"
#include "sim/experiments/general_rewards_runs.hpp"
#include "sim/statistics/line_fit.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;

constexpr double confidence = 0.999;

const settings_schema schema = {
    integer("worlds", "random worlds for each coverage, neural reward", {14, 38, 400}, {2}),
    integer("class_worlds", "random worlds for each coverage, finite class", {40, 50, 400}, {2}),
    integer("A", "tokens", {3, 3, 3}, {2, 5}),
    integer("H", "length of a response", {3, 3, 3}, {1, 4}),
    integer("inputs", "features of a token", {3, 3, 3}, {1, 10}),
    integer("units", "tanh units of the true reward and of the fitted one", {2, 2, 2}, {1, 10}),
    real("beta", "KL coefficient", {0.5, 0.5, 0.5}, {1e-6}),
    real("margin", "norm bound B of the fitted parameter, in units of that of the true one", {1.5, 1.5, 1.5}, {1, 100}),
    real("delta", "failure probability of the confidence sets", {0.1, 0.1, 0.1}, {1e-12, 1 - 1e-12}),
    real("lambda", "ridge of the information", {0.01, 0.01, 0.01}, {1e-9}),
    integer("candidates", "rewards in the finite class", {12, 12, 12}, {2, 1000}),
    integer("starts", "random starts of a fit, beside the estimate from the next smaller n (twice as many at first)",
            {2, 3, 6}, {1, 100}),
    reals("coverage",
          "factor on the probability that a response in the data has, for every last token (id A - 1) in it",
          {{1}, {0.1, 1}, {0.01, 0.1, 1}}, {0, 1}),
    integers("n", "comparisons, ascending",
             {{100, 3200, 102400}, {100, 800, 6400, 51200, 409600}, {100, 400, 1600, 6400, 25600, 102400, 409600}},
             {1, 1000000000}),
};

std::vector<cell> plan(const settings& s) {
  const std::vector<std::int64_t> n = s.integers("n");
  if (n.size() < 2 || !std::is_sorted(n.begin(), n.end()) || n.front() == n.back())
    throw user_error("general-rewards: n needs at least two different values, ascending");
  std::vector<cell> cells;
  for (const char* part : {"class", "network"})
    for (const double coverage : s.reals("coverage")) {
      json point = {{"part", part},
                    {"coverage", coverage},
                    {"A", s.integer("A")},
                    {"H", s.integer("H")},
                    {"inputs", s.integer("inputs")},
                    {"units", s.integer("units")},
                    {"beta", s.real("beta")},
                    {"margin", s.real("margin")},
                    {"delta", s.real("delta")},
                    {"n", n}};
      if (point["part"] == "class")
        point["candidates"] = s.integer("candidates");
      else
        point.update({{"lambda", s.real("lambda")}, {"starts", s.integer("starts")}});
      cells.push_back({.point = point, .replicates = s.integer(point["part"] == "class" ? "class_worlds" : "worlds")});
    }
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  return point["part"] == "class" ? run_finite_class(point, context) : run_network(point, context);
}

// --- conclusions -----------------------------------------------------------------------------------------------------

// Entry k of a list over n, of every replicate.
std::vector<double> column(const cell_outcomes& cell, const std::string& field, std::size_t k) {
  std::vector<double> at;
  for (const json& r : cell.replicates) at.push_back(r[field][k]);
  return at;
}

std::vector<double> sizes(const cell_outcomes& cell) { return cell.point["n"].get<std::vector<double>>(); }

double coverage_of(const cell_outcomes& cell) { return cell.point["coverage"]; }

// Mean over worlds with 95 % intervals, from below cut to what a logarithmic axis can show.
series mean_curve(const cell_outcomes& cell, const std::string& field, std::string label, mark style = mark::line) {
  series s{.label = std::move(label), .style = style};
  const std::vector<double> n = sizes(cell);
  constexpr double least = 1e-7;  // nats; the finite class reaches 0
  for (std::size_t k = 0; k < n.size(); ++k) {
    const estimate e = mean_interval(column(cell, field, k));
    if (!(e.value > least)) continue;
    s.x.push_back(n[k]);
    s.y.push_back(e.value);
    if (style != mark::line) continue;
    s.low.push_back(std::max({e.range.low, e.value / 30, least}));
    s.high.push_back(e.range.high);
  }
  return s;
}

// Share of worlds at every n, with Wilson's intervals.
series share_curve(const cell_outcomes& cell, const std::string& field, std::string label) {
  series s{.label = std::move(label), .x = sizes(cell)};
  for (std::size_t k = 0; k < s.x.size(); ++k) {
    const std::vector<double> at = column(cell, field, k);
    const estimate e =
        wilson_interval(std::llround(mean(at) * static_cast<double>(at.size())), static_cast<std::int64_t>(at.size()));
    s.y.push_back(e.value);
    s.low.push_back(e.range.low);
    s.high.push_back(e.range.high);
  }
  return s;
}

// Mean over worlds of the slope of log y on log n, from `first` on.
estimate mean_slope(const cell_outcomes& cell, const std::string& field, std::size_t first) {
  const std::vector<double> n = sizes(cell);
  const auto from = static_cast<std::ptrdiff_t>(std::min(first, n.size() - 2));
  std::vector<double> slopes;
  for (const json& r : cell.replicates) {
    const auto y = r[field].get<std::vector<double>>();
    if (*std::min_element(y.begin() + from, y.end()) <= 0) continue;
    slopes.push_back(fit_power_law({n.begin() + from, n.end()}, {y.begin() + from, y.end()}).slope.value);
  }
  return mean_interval(slopes, confidence);
}

// A confidence set with a guarantee: misses over all n and coverages, against the binomial bound.
check guarantee_check(std::string id, std::string tested, const std::vector<const cell_outcomes*>& cells,
                      const char* field, double delta) {
  double trials = 0, misses = 0;
  for (const cell_outcomes* cell : cells)
    for (const json& r : cell->replicates)
      for (const double member : r[field]) {
        trials += 1;
        misses += 1 - member;
      }
  const auto allowed = static_cast<double>(binomial_bound(static_cast<std::int64_t>(trials), delta));
  check c;
  c.id = std::move(id);
  c.tested = std::move(tested);
  c.predicted = {allowed,
                 fmt::format("at most {:.0f} misses of {:.0f} (99.9 % bound for δ = {:g})", allowed, trials, delta)};
  c.measured = {misses, fmt::format("{:.0f} of {:.0f}", misses, trials)};
  c.n = trials;
  c.result = misses <= allowed ? verdict::holds : verdict::contradicted;
  return c;
}

void conclude_class(conclusion& c, const std::vector<const cell_outcomes*>& cells, double delta) {
  double violation = -1, unconverged = 0, worlds = 0;
  std::vector<double> excess;  // SubOpt at the largest n less what the rate n^-1/2 allows from the smallest
  for (const cell_outcomes* cell : cells) {
    const std::vector<double> n = sizes(*cell);
    const double rate = std::sqrt(n.front() / n.back());
    worlds += static_cast<double>(cell->count());
    for (const json& r : cell->replicates) {
      excess.push_back(r["value"].back().get<double>() - rate * r["value"].front().get<double>());
      for (const double v : r["violation"]) violation = std::max(violation, v);
      for (const double ok : r["converged"]) unconverged += 1 - ok;
    }
  }
  c.checks.push_back(guarantee_check("class-coverage",
                                     "Finite class: the likelihood set of width &zeta; = log(K/&delta;) contains the "
                                     "true reward with probability at least 1 &minus; &delta;",
                                     cells, "member", delta));
  c.checks.push_back(identity_check(
      "class-bound",
      fmt::format("Finite class, where the set contains the truth: SubOpt &le; the largest shortfall over the set "
                  "&minus; &beta; E KL, for pessimism on the value and pointwise; largest violation "
                  "({:.0f} saddle points not converged)",
                  unconverged),
      std::max(violation, 0.0), 1e-9, worlds));
  c.checks.push_back(
      side_check("class-rate",
                 "Finite class, pessimism on the value: mean of SubOpt at the largest n minus (n<sub>first</sub>/"
                 "n<sub>last</sub>)<sup>1/2</sup> SubOpt at the smallest",
                 {0, "below 0: faster than n^-1/2"}, mean_interval(excess, confidence), 0, false, worlds, confidence,
                 verdict::holds, verdict::contradicted));
}

struct fitted {
  const char* field;
  const char* label;
  mark style;
};
constexpr fitted fits[] = {{"linear", "linear reward (wrong), plug-in", mark::line},
                           {"tabular", "table of rewards, plug-in", mark::line},
                           {"plug_in", "neural reward, plug-in", mark::line},
                           {"pessimistic", "neural reward, Algorithm 1 (Laplace)", mark::line},
                           {"near_plug_in", "neural, plug-in, search from the truth", mark::prediction}};

void conclude_network(conclusion& c, const std::vector<const cell_outcomes*>& cells, double delta) {
  const cell_outcomes& best = *cells.back();  // the largest coverage
  const double worlds = static_cast<double>(best.count());
  const std::vector<double> n = sizes(best);
  const std::size_t last = n.size() - 1, upper = n.size() / 2;
  // Share of worlds in which SubOpt of `a` is below that of `b`: heavy tails do not decide it.
  const auto share_below = [&](const std::vector<const cell_outcomes*>& in, const char* a, const char* b,
                               std::size_t k) {
    std::int64_t below = 0, all = 0;
    for (const cell_outcomes* cell : in) {
      const std::vector<double> x = column(*cell, a, k), y = column(*cell, b, k);
      for (std::size_t i = 0; i < x.size(); ++i) below += x[i] < y[i] ? 1 : 0;
      all += static_cast<std::int64_t>(x.size());
    }
    return wilson_interval(below, all, confidence);
  };
  const auto side = [&](const char* id, std::string tested, const char* predicted, const estimate& measured,
                        double border, bool above, verdict if_true, verdict if_false) {
    c.checks.push_back(side_check(id, std::move(tested), {border, predicted}, measured, border, above, worlds,
                                  confidence, if_true, if_false));
  };

  c.checks.push_back(guarantee_check("network-coverage",
                                     "Neural reward: the likelihood set of width p log(1 + 2BLn/p) + p + "
                                     "log(1/&delta;) contains the truth with probability at least 1 &minus; &delta; "
                                     "(a bound for every n, and for whatever maximum was found)",
                                     cells, "lipschitz", delta));
  // One number a world: draws for several n share their world.
  std::vector<double> members;
  for (const cell_outcomes* cell : cells)
    for (const json& r : cell->replicates) members.push_back(mean(r["set"].get<std::vector<double>>()));
  side(
      "network-wilks",
      "Neural reward: the likelihood set of width &chi;&sup2;<sub>r</sub>(1 &minus; &delta;)/2 (Wilks; exact only as n "
      "grows) contains the truth at most 0.1 less often than it says; share over all n and coverages (an interval "
      "wholly "
      "below 1 &minus; &delta; says that it does fall short)",
      "above 1 − δ − 0.1", mean_interval(members, confidence), 1 - delta - 0.1, true, verdict::holds,
      verdict::contradicted);
  std::size_t worst = 0;
  for (std::size_t k = 1; k < n.size(); ++k)
    if (mean(column(best, "band", k)) < mean(column(best, "band", worst))) worst = k;
  side("laplace-band",
       fmt::format(
           "Laplace's band &rho; &#8214;&phi;&#8214; about the differences of all responses holds the truth less "
           "often than 1 &minus; &delta; where n is neither small nor large; share at n = {:g}, the least",
           n[worst]),
       "below 1 − δ: no guarantee at finite n",
       // The least of several shares: the interval is for all of them at once.
       wilson_interval(std::llround(mean(column(best, "band", worst)) * worlds), static_cast<std::int64_t>(worlds),
                       1 - (1 - confidence) / static_cast<double>(n.size())),
       1 - delta, false, verdict::holds, verdict::inconclusive);
  side("network-rate", "Neural reward, plug-in: mean slope of log SubOpt on log n", "below −1/2",
       mean_slope(best, "plug_in", 0), -0.5, false, verdict::holds, verdict::contradicted);
  side("algorithm-1-rate", "Neural reward, Algorithm 1 with Laplace's bonus: the same slope", "below −1/2",
       mean_slope(best, "pessimistic", 0), -0.5, false, verdict::holds, verdict::contradicted);
  c.checks.push_back(slope_check(
      "linear-plateau",
      "Linear reward (misspecified): SubOpt stops falling; mean slope of its logarithm over the upper half of n", 0,
      0.05, mean_slope(best, "linear", upper), worlds, confidence));
  side("well-specified-wins",
       fmt::format("Share of worlds in which the neural reward plans better than the linear one, plug-in, at n = {:g}",
                   n[last]),
       "more than half", share_below({&best}, "plug_in", "linear", last), 0.5, true, verdict::holds,
       verdict::contradicted);
  side("algorithm-1-wins", fmt::format("The same with Algorithm 1 on the neural reward, at n = {:g}", n[last]),
       "more than half", share_below({&best}, "pessimistic", "linear", last), 0.5, true, verdict::holds,
       verdict::contradicted);
  side("linear-wins-first",
       fmt::format("Share of worlds of all coverages in which the linear reward plans better than the neural one, "
                   "plug-in, at n = {:g}",
                   n.front()),
       "more than half: with few comparisons the wrong model is the better one",
       share_below(cells, "linear", "plug_in", 0), 0.5, true, verdict::holds, verdict::inconclusive);
  side("pessimism-costs",
       fmt::format("Share of worlds in which the plug-in policy is better than Algorithm 1, neural reward, at n = {:g} "
                   "(data from the reference policy leave nothing out: see algorithm-1)",
                   n[upper]),
       "more than half: pessimism costs", share_below({&best}, "plug_in", "pessimistic", upper), 0.5, true,
       verdict::holds, verdict::inconclusive);
}

table suboptimality_table(const std::vector<const cell_outcomes*>& cells) {
  table t{.title = "Mean SubOpt (nats)",
          .header = {"coverage", "n"},
          .caption =
              "Means over worlds with 95&#8201;% intervals; SubOpt is exact. Table of rewards: one parameter for "
              "every prefix and token, norm bound as for the network."};
  for (const fitted& f : fits) t.header.emplace_back(f.label);
  for (const cell_outcomes* cell : cells) {
    const std::vector<double> n = sizes(*cell);
    for (std::size_t k = 0; k < n.size(); ++k) {
      t.rows.push_back({fmt::format("{:g}", coverage_of(*cell)), shown_number(n[k])});
      for (const fitted& f : fits) t.rows.back().push_back(shown_interval(mean_interval(column(*cell, f.field, k)), 4));
    }
  }
  return t;
}

table optimiser_table(const std::vector<const cell_outcomes*>& cells) {
  table t{.title = "The confidence sets and the optimiser, neural reward",
          .header = {"coverage", "n", "likelihood set (Wilks)", "Laplace band", "Laplace band, search from the truth",
                     "width of the guaranteed set / Wilks", "on the bound B", "starts that agree", "maximum missed"},
          .caption =
              "Shares of worlds. Starts that agree: end within 10<sup>&minus;6</sup> of the best likelihood. "
              "Maximum missed: the truth is more likely than the best point found, so that a global maximum was "
              "certainly missed; all other columns count these worlds too."};
  for (const cell_outcomes* cell : cells) {
    const std::vector<double> n = sizes(*cell);
    for (std::size_t k = 0; k < n.size(); ++k) {
      t.rows.push_back({fmt::format("{:g}", coverage_of(*cell)), shown_number(n[k])});
      for (const char* field : {"set", "band", "near_band", "looseness", "boundary", "agreeing", "missed"})
        t.rows.back().push_back(fmt::format("{:.3g}", mean(column(*cell, field, k))));
    }
  }
  return t;
}

void add_figures(conclusion& c, const std::vector<const cell_outcomes*>& classes,
                 const std::vector<const cell_outcomes*>& networks, double delta) {
  const axis n_axis{.label = "comparisons n", .logarithmic = true};
  const axis subopt{.label = "mean SubOpt (nats)", .logarithmic = true};
  figure f{.id = "general-rewards-subopt",
           .title = "A reward that is not linear: well specified against wrong",
           .caption =
               "Means over random worlds with 95&#8201;% intervals, SubOpt computed exactly. A wrong linear reward "
               "stops at its bias; the neural reward goes on at about 1/n, Algorithm 1 with Laplace's bonus above "
               "its plug-in policy."};
  for (const cell_outcomes* cell : networks) {
    panel p{.title = fmt::format("neural truth, coverage {:g}", coverage_of(*cell)), .x = n_axis, .y = subopt};
    for (const fitted& one : fits) p.curves.push_back(mean_curve(*cell, one.field, one.label, one.style));
    f.panels.push_back(p);
  }
  c.figures.push_back(f);

  figure sets{.id = "general-rewards-sets",
              .title = "Confidence sets beyond linear rewards",
              .caption = fmt::format(
                  "First: share of worlds in which a set for &delta; = {:g} holds the truth, Wilson's 95&#8201;% "
                  "intervals; the set of a finite class keeps its promise, that of Wilks nearly, Laplace's "
                  "approximation about the estimate does "
                  "not. Second: a finite class of networks; SubOpt and the bound reach 0 where the set has shrunk to "
                  "the truth (curves end there).",
                  delta)};
  panel coverage{.title = "does the set hold the truth?",
                 .x = n_axis,
                 .y = {.label = "share of worlds", .minimum = 0, .maximum = 1.05}};
  coverage.curves = {share_curve(*classes.back(), "member", "finite class"),
                     share_curve(*networks.back(), "set", "neural, likelihood set (Wilks)"),
                     share_curve(*networks.back(), "band", "neural, Laplace band"),
                     share_curve(*networks.back(), "near_band", "the same, search from the truth")};
  series line{.label = "1 − δ", .x = sizes(*networks.back()), .style = mark::prediction};
  line.y.assign(line.x.size(), 1 - delta);
  coverage.curves.push_back(line);
  sets.panels.push_back(coverage);
  panel finite{.title = "finite class", .x = n_axis, .y = subopt};
  const cell_outcomes& cell = *classes.back();
  finite.curves = {mean_curve(cell, "bound", "bound", mark::bound), mean_curve(cell, "value", "pessimism on the value"),
                   mean_curve(cell, "pointwise", "pointwise pessimism"), mean_curve(cell, "plug_in", "most likely")};
  sets.panels.push_back(finite);
  c.figures.push_back(sets);
}

conclusion conclude(const settings& s, const outcomes& results) {
  const double delta = s.real("delta");
  std::vector<const cell_outcomes*> classes, networks;
  for (const cell_outcomes& cell : results.cells) (cell.point["part"] == "class" ? classes : networks).push_back(&cell);
  const auto by_coverage = [](const cell_outcomes* a, const cell_outcomes* b) {
    return coverage_of(*a) < coverage_of(*b);
  };
  std::sort(classes.begin(), classes.end(), by_coverage);
  std::sort(networks.begin(), networks.end(), by_coverage);
  conclusion c;
  c.tested = fmt::format(
      "Token trees (A = {}, H = {}) whose true reward is a network of {} tanh units on {} features of a token. A class "
      "of {} such networks with the likelihood set and pessimism on it; and the network fitted by maximum likelihood "
      "from random starts, with Algorithm 1 on its linearisation (Laplace), beside a linear reward in the same "
      "features "
      "and a table. Comparisons of responses of the reference policy, with and without poor coverage of a token.",
      s.integer("A"), s.integer("H"), s.integer("units"), s.integer("inputs"), s.integer("candidates"));
  conclude_class(c, classes, delta);
  conclude_network(c, networks, delta);
  add_figures(c, classes, networks, delta);
  c.tables.push_back(suboptimality_table(networks));
  c.tables.push_back(optimiser_table(networks));

  const std::vector<double> n = sizes(*networks.back());
  const auto shares = [&](const char* field) {
    std::string text;
    for (std::size_t k = 0; k < n.size(); ++k)
      text += fmt::format("{}{:.2g}", k == 0 ? "" : ", ", mean(column(*networks.back(), field, k)));
    return text;
  };
  const cell_outcomes& best = *networks.back();
  const std::size_t late = n.size() - 1;
  c.notes.push_back(
      {note::kind::finding, "Beyond linear rewards the likelihood set nearly keeps its level, its ellipsoid does not",
       fmt::format(
           "For a linear reward the ellipsoid about the estimate and the likelihood set are two names of one thing. "
           "For a neural one the set {{&theta;: l(&theta;) &ge; max l &minus; &zeta;}} holds the truth in most worlds "
           "(share of "
           "worlds over n, width of Wilks, best coverage: {}), but the linearised bonus, which is what Algorithm 1 can "
           "plan with, holds it less often (Laplace band: {}), although its radius includes the ridge term. About the "
           "maximum that a search from the truth finds, which a learner cannot do, the band holds in {}: what is "
           "missing there is the error of the tangent; the difference is other local maxima, about which a local "
           "approximation knows nothing.",
           shares("set"), shares("band"), shares("near_band"))});
  c.notes.push_back(
      {note::kind::finding, "With few comparisons the wrong linear reward plans better than the right network",
       fmt::format(
           "Median SubOpt at n = {:g}: linear {:.2g}, network {:.2g}, table {:.2g}; at n = {:g}: {:.2g}, {:.2g}, "
           "{:.2g}. The table is as well specified as the network and needs more data by orders of magnitude.",
           n.front(), quantile(column(best, "linear", 0), 0.5), quantile(column(best, "plug_in", 0), 0.5),
           quantile(column(best, "tabular", 0), 0.5), n[late], quantile(column(best, "linear", late), 0.5),
           quantile(column(best, "plug_in", late), 0.5), quantile(column(best, "tabular", late), 0.5))});
  c.notes.push_back(
      {note::kind::remark, "What is guaranteed and what is an approximation",
       fmt::format(
           "Guaranteed for every n: the likelihood set of a finite class (&zeta; = log(K/&delta;)) and pessimism over "
           "it; the likelihood set of a Lipschitz class at its much larger width. Asymptotic: the width of Wilks. An "
           "approximation: Algorithm 1 on the linearised reward. The likelihood of a network has many local maxima; a "
           "search that misses the global one only widens the likelihood set, but moves the estimate: mean SubOpt of "
           "the plug-in policy at n = {:g} is {:.2g}, and {:.2g} where the search starts at the truth.",
           n[late], mean(column(best, "plug_in", late)), mean(column(best, "near_plug_in", late)))});
  c.notes.push_back(
      {note::kind::reconstruction, "The paper announces the extension and does not state it",
       "Section 4.1 assumes a linear reward and says that the results &ldquo;are ready to be extended to general "
       "function approximation&rdquo;, citing Chen et al. 2022, Wang et al. 2023 and Zhan et al. 2023. What is tested "
       "here is one such extension (docs/mathematics.md 9.1 and 9.2)."});
  return c;
}

const registered_claim general_rewards{
    {.id = "general-rewards",
     .title = "Rewards that are not linear in features",
     .statement = "Maximum likelihood, the confidence set and pessimistic planning extend to general reward classes: "
                  "{&theta;: l(&theta;) &ge; max l &minus; &zeta;} in place of the ellipsoid, and r&#770;(s,a) = "
                  "r<sub>&theta;&#770;</sub>(s,a) &minus; &rho; &#8214;&nabla;r<sub>&theta;&#770;</sub>(s,a)&#8214; in "
                  "place of (4.2).",
     .source = "Section 4.1, before Assumption 4.1 (announced, not stated); formulas of this work",
     .origin = claim_origin::own,
     .schema = schema,
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
