// Lemma A.1: how often the true parameter lies in the confidence ellipsoid, and how much room there is.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/random/binomial_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <fmt/format.h>

#include <rto/array/eigen_matrix.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/engine/claim.hpp"
#include "sim/io/file.hpp"
#include "sim/statistics/line_fit.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;
using matrix = rto::eigen_matrix<double>;

constexpr std::int64_t pairs = 50;   // distinct pairs of a design, each compared n / 50 times
constexpr std::int64_t batch = 100;  // draws of labels in one replicate

/// The fixed part of a point: pairs and true parameter, drawn from a stream of their own that the point names.
struct fixed_design {
  matrix features;  // [50, d], largest norm exactly c / B
  matrix theta;     // ||theta*|| = B / 2
};

fixed_design draw_design(const json& point) {
  stream rng(digest(point.dump()), 1);
  boost::random::normal_distribution<double> normal;
  boost::random::uniform_01<double> uniform;
  const auto d = point.at("d").get<Eigen::Index>();
  const double bound = point.at("B").get<double>(), largest = point.at("c").get<double>() / bound;
  fixed_design design{matrix(pairs, d), matrix(d, 1)};
  for (Eigen::Index i = 0; i < pairs; ++i) {
    for (Eigen::Index j = 0; j < d; ++j) design.features(i, j) = normal(rng);
    const double norm = i == 0 ? 1.0 : 0.5 + 0.5 * uniform(rng);
    design.features.row(i) *= norm * largest / design.features.row(i).norm();
  }
  for (Eigen::Index j = 0; j < d; ++j) design.theta(j, 0) = normal(rng);
  design.theta *= 0.5 * bound / design.theta.norm();
  return design;
}

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const auto n : s.integers("n"))
    if (n % pairs != 0)
      throw user_error(
          fmt::format("lem-A.1: n: expected multiples of {0} (each pair is seen n / {0} times), found {1}", pairs, n));
  for (const auto d : s.integers("d"))
    for (const double bound : s.reals("B"))
      for (const double c : s.reals("c"))
        for (const auto n : s.integers("n"))
          cells.push_back({.point = {{"d", d},
                                     {"B", bound},
                                     {"c", c},
                                     {"n", n},
                                     {"lambda", s.real("lambda")},
                                     {"delta", s.real("delta")}},
                           .replicates = s.integer("replicates")});
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  const fixed_design design = draw_design(point);
  const auto n = point.at("n").get<std::int64_t>();
  const auto d = static_cast<std::int64_t>(design.theta.rows());
  const double bound = point.at("B").get<double>(), lambda = point.at("lambda").get<double>();
  // n / 50 labels of one pair enter the likelihood through their mean, with that number as weight.
  const std::int64_t repetitions = n / pairs;
  rto::comparison_set<matrix> comparisons{design.features, matrix(pairs, 1),
                                          matrix(matrix::Constant(pairs, 1, static_cast<double>(repetitions)))};
  const matrix scaled = std::sqrt(static_cast<double>(repetitions)) * design.features;
  const auto covariance = rto::make_regularized_covariance(scaled, lambda);
  const matrix margin = design.features * design.theta;
  comparisons.label.setZero();
  const matrix information = rto::evaluate_bradley_terry(comparisons, design.theta).information;

  json error = json::array(), curvature = json::array(), distance = json::array();
  std::int64_t boundary = 0, unsolved = 0;
  for (std::int64_t draw = 0; draw < batch; ++draw) {
    for (Eigen::Index i = 0; i < pairs; ++i) {
      const double p = rto::bradley_terry_probability(margin(i, 0), 0.0);
      boost::random::binomial_distribution<std::int64_t, double> wins(repetitions, p);
      comparisons.label(i, 0) = static_cast<double>(wins(context.rng)) / static_cast<double>(repetitions);
    }
    const auto estimate = rto::reward_mle(comparisons, {.bound = bound});
    const matrix difference = estimate.theta - design.theta;
    error.push_back(std::sqrt((difference.transpose() * covariance.matrix * difference)(0, 0)));
    curvature.push_back((difference.transpose() * information * difference)(0, 0));
    distance.push_back(difference.norm());
    boundary += estimate.status == rto::mle_status::boundary;
    unsolved += !estimate.converged;
  }
  const rto::confidence_radius_inputs inputs{.rank = d,
                                             .max_row_norm = point.at("c").get<double>() / bound,
                                             .bound = bound,
                                             .lambda = lambda,
                                             .delta = point.at("delta").get<double>()};
  return {{"error", error},
          {"curvature", curvature},
          {"distance", distance},
          {"boundary", boundary},
          {"unsolved", unsolved},
          {"radius", rto::confidence_radius(inputs)},
          {"printed", rto::confidence_radius_printed(inputs)},
          {"self_normalized", rto::self_normalized_radius(inputs, rto::log_determinant_ratio(covariance))}};
}

/// All draws of a cell.
std::vector<double> draws(const cell_outcomes& c, const char* name) {
  std::vector<double> all;
  for (const json& outcome : c.replicates)
    for (const json& value : outcome.at(name)) all.push_back(value.get<double>());
  return all;
}

std::int64_t exceeding(const std::vector<double>& sample, double level) {
  return std::count_if(sample.begin(), sample.end(), [level](double x) { return x > level; });
}

/// What the report needs of one cell.
struct cell_summary {
  json point;
  std::int64_t draws = 0, failures = 0, printed = 0, self_normalized = 0, control = 0, allowed = 0;
  double looseness = 0, share_on_boundary = 0, root_mean_square = 0;
};

cell_summary summarize(const cell_outcomes& c, double delta) {
  const std::vector<double> error = draws(c, "error"), distance = draws(c, "distance");
  cell_summary s;
  s.point = c.point;
  s.draws = static_cast<std::int64_t>(error.size());
  s.failures = exceeding(error, c.maximum("radius"));
  s.printed = exceeding(error, c.maximum("printed"));
  s.self_normalized = exceeding(error, c.maximum("self_normalized"));
  s.control = exceeding(error, quantile(error, 0.5));
  s.allowed = binomial_bound(s.draws, delta, 0.999);
  s.looseness = c.maximum("radius") / quantile(error, 1.0 - delta);
  s.share_on_boundary = c.sum("boundary") / static_cast<double>(s.draws);
  double square = 0;
  for (const double x : distance) square += x * x;
  s.root_mean_square = std::sqrt(square / static_cast<double>(distance.size()));
  return s;
}

/// Failures of a radius in the worst cell against the exact binomial bound.
check coverage_check(const char* id, const std::string& tested, const std::vector<cell_summary>& cells,
                     std::int64_t cell_summary::*failures, verdict if_true) {
  check c{.id = id, .tested = tested};
  std::int64_t worst = 0, total = 0, draws = 0;
  bool holds = true;
  for (const cell_summary& s : cells) {
    worst = std::max(worst, s.*failures);
    total += s.*failures;
    draws += s.draws;
    holds = holds && s.*failures <= s.allowed;
  }
  c.n = static_cast<double>(draws);
  const std::int64_t allowed = cells.empty() ? 0 : cells.front().allowed;
  c.predicted = {static_cast<double>(allowed), fmt::format("at most {} of {} in each of {} settings", allowed,
                                                           cells.empty() ? 0 : cells.front().draws, cells.size())};
  c.measured = {static_cast<double>(worst), fmt::format("at most {}; {} in all", worst, total)};
  if (draws > 0) c.range = clopper_pearson_interval(total, draws, c.confidence).range;
  c.result = cells.empty() ? verdict::inconclusive : holds ? if_true : verdict::contradicted;
  return c;
}

std::vector<check> chi_squared_checks(const outcomes& results, std::int64_t largest) {
  std::map<std::int64_t, std::vector<double>> by_dimension;
  for (const cell_outcomes& c : results.cells)
    if (c.point.at("n") == largest && c.sum("boundary") == 0.0) {
      const std::vector<double> values = draws(c, "curvature");
      auto& all = by_dimension[c.point.at("d").get<std::int64_t>()];
      all.insert(all.end(), values.begin(), values.end());
    }
  std::vector<check> checks;
  for (const auto& [d, values] : by_dimension) {
    const boost::math::chi_squared_distribution<double> chi_squared(static_cast<double>(d));
    const auto n = static_cast<std::int64_t>(values.size());
    checks.push_back(interval_check(
        fmt::format("chi-squared-{}", d),
        fmt::format("share of draws with ‖θ̂−θ*‖² in the Hessian norm above the 90 % point of χ²<sub>{}</sub>, n = {}",
                    d, largest),
        0.1, clopper_pearson_interval(exceeding(values, boost::math::quantile(chi_squared, 0.9)), n, 0.9999),
        static_cast<double>(n), 0.9999));
  }
  return checks;
}

conclusion conclude(const settings& s, const outcomes& results) {
  const double delta = s.real("delta");
  std::vector<cell_summary> cells;
  for (const cell_outcomes& c : results.cells) cells.push_back(summarize(c, delta));
  const auto sizes = s.integers("n"), dimensions = s.integers("d");
  const auto scales = s.reals("c"), bounds = s.reals("B");
  const std::int64_t largest = *std::max_element(sizes.begin(), sizes.end());

  conclusion c;
  c.tested = fmt::format(
      "Fresh labels on fixed pairs, {} draws in each of {} settings of d, B, c = B max‖x‖ and n (50 distinct pairs, "
      "each "
      "seen n/50 times; ‖θ*‖ = B/2): maximum likelihood over the ball, then ‖θ̂−θ*‖ in Σ<sub>D</sub> against the "
      "radius.",
      cells.empty() ? 0 : cells.front().draws, cells.size());
  c.checks.push_back(coverage_check(
      "coverage",
      fmt::format("draws outside the ellipsoid of radius ϱ<sub>R</sub> at δ = {:g} (explicit constants)", delta), cells,
      &cell_summary::failures, verdict::holds_as_corrected));
  c.checks.push_back(coverage_check("coverage-printed", "the same with the printed form (A.2) and C = 2", cells,
                                    &cell_summary::printed, verdict::holds_as_corrected));
  c.checks.push_back(coverage_check("coverage-self-normalized", "the same with the radius for adaptively chosen pairs",
                                    cells, &cell_summary::self_normalized, verdict::holds));
  const auto rejected =
      std::count_if(cells.begin(), cells.end(), [](const cell_summary& x) { return x.control > x.allowed; });
  c.checks.push_back(
      {.id = "control",
       .tested = "control: radius := empirical median, must be rejected by the same test",
       .predicted = {static_cast<double>(cells.size()), fmt::format("rejected in all {}", cells.size())},
       .measured = {static_cast<double>(rejected), fmt::format("rejected in {}", rejected)},
       .n = static_cast<double>(cells.size()),
       .result = rejected == static_cast<std::ptrdiff_t>(cells.size()) ? verdict::holds : verdict::contradicted});
  double tightest = std::numeric_limits<double>::infinity(), loosest = 0;
  for (const cell_summary& x : cells)
    tightest = std::min(tightest, x.looseness), loosest = std::max(loosest, x.looseness);
  c.checks.push_back(
      {.id = "looseness",
       .tested = fmt::format("ϱ<sub>R</sub> over the empirical {:g} % quantile of ‖θ̂−θ*‖ in Σ<sub>D</sub>: "
                             "the smallest and the largest of all settings",
                             100 * (1 - delta)),
       .predicted = {1.0, "at least 1"},
       .measured = {tightest, fmt::format("{:.2f} to {:.0f}", tightest, loosest)},
       .n = static_cast<double>(cells.size()),
       .result = tightest >= 1.0 ? verdict::holds : verdict::contradicted});
  for (check& chi : chi_squared_checks(results, largest)) c.checks.push_back(std::move(chi));
  c.checks.push_back(always_check("solved", "estimates whose optimality conditions were not met to 1e-10",
                                  results.sum("unsolved"), static_cast<double>(results.count() * batch)));

  // The rate, where the bound hardly ever binds: all (B, c) of one dimension, each on its own level.
  figure f{.id = "lem-a1-looseness",
           .title = "The confidence radius, and what it must cover",
           .caption = fmt::format(
               "First: ϱ<sub>R</sub> over the empirical {:g} % quantile of ‖θ̂−θ*‖ in Σ<sub>D</sub>, geometric "
               "mean over B; below 1 (dotted) coverage would fail. Second: root mean square of ‖θ̂−θ*‖ at the "
               "largest c; dashed: n<sup>−1/2</sup> through the last point.",
               100 * (1 - delta))};
  panel left{.title = "How loose the radius is",
             .x = {.label = "c = B max‖x‖"},
             .y = {.label = "radius / quantile", .logarithmic = true}};
  panel right{.title = "Rate of the estimate",
              .x = {.label = "comparisons n", .logarithmic = true},
              .y = {.label = "RMS of ‖θ̂−θ*‖ (reward units per feature unit)", .logarithmic = true}};
  for (const auto d : dimensions)
    for (const auto n : {sizes.front(), largest}) {
      series curve{.label = fmt::format("d = {}, n = {}", d, n)};
      for (const double scale : scales) {
        double log_ratio = 0;
        for (const cell_summary& x : cells)
          if (x.point["d"] == d && x.point["n"] == n && x.point["c"] == scale) log_ratio += std::log(x.looseness);
        curve.x.push_back(scale);
        curve.y.push_back(std::exp(log_ratio / static_cast<double>(bounds.size())));
      }
      left.curves.push_back(curve);
      if (sizes.size() == 1) break;
    }
  left.curves.push_back(
      {.label = "coverage fails below", .x = {scales.front(), scales.back()}, .y = {1, 1}, .style = mark::bound});
  const double steepest = *std::max_element(scales.begin(), scales.end());
  for (const auto d : dimensions) {
    series curve{.label = fmt::format("d = {}", d)};
    for (const auto n : sizes) {
      double log_error = 0, share = 0;
      for (const cell_summary& x : cells)
        if (x.point["d"] == d && x.point["n"] == n && x.point["c"] == steepest) {
          log_error += std::log(x.root_mean_square * 1.0 / x.point["B"].get<double>());
          share = std::max(share, x.share_on_boundary);
        }
      if (share > 0.01) continue;  // there the ball, not the data, limits the error
      curve.x.push_back(static_cast<double>(n));
      curve.y.push_back(std::exp(log_error / static_cast<double>(bounds.size())));
    }
    if (curve.x.size() >= 2) {
      const line_fit fit = fit_power_law(curve.x, curve.y, 0.95);
      c.checks.push_back(slope_check(fmt::format("rate-{}", d),
                                     fmt::format("slope of log RMS‖θ̂−θ*‖ on log n, d = {}, where fewer than 1 % of the "
                                                 "estimates lie on the boundary",
                                                 d),
                                     -0.5, 0.05, fit.slope, static_cast<double>(curve.x.size()), 0.95));
      right.curves.push_back({.label = fmt::format("n^{{−1/2}}, d = {}", d),
                              .x = {curve.x.front(), curve.x.back()},
                              .y = {curve.y.back() * std::sqrt(curve.x.back() / curve.x.front()), curve.y.back()},
                              .style = mark::prediction,
                              .colour_of = curve.label});
    }
    right.curves.push_back(curve);
  }
  right.y.label = "RMS of ‖θ̂−θ*‖ / B";
  f.panels = {left, right};
  c.figures.push_back(f);
  c.notes.push_back(
      {note::kind::reconstruction, "Which γ, which C",
       "<p>The text at hand has no formulas; (A.2) is reconstructed as ‖θ̂−θ*‖<sub>Σ<sub>D</sub></sub> ≤ C √((d + "
       "log(1/δ))/γ² + λB²), after Zhu, Jiao and Jordan 2023, Lemma 3.1, with Σ<sub>D</sub> not divided by n. The "
       "proof "
       "needs γ = σ'(c) with c = B max‖x‖ for <i>differences</i> of trajectories, at most 2HLB; C is left open. "
       "Tested here: ϱ<sub>R</sub> = √((r + 2√(rt) + 2t)/(4γ²) + 4λB²), t = log(1/δ), for which a proof exists, and "
       "C = 2 in the printed form, which is never smaller.</p>"});
  c.notes.push_back(
      {note::kind::finding, "The provable radius grows exponentially in HLB",
       "<p>Asymptotically the error in the norm of the Hessian is χ² with d degrees of freedom (checked), so "
       "that 1/γ, not 1/γ², is the right order for large n. As γ ≈ e<sup>−c</sup>, the provable radius grows "
       "exponentially in HLB and is of no use beyond HLB ≈ 5; experiments on Algorithm 1 therefore treat "
       "the radius as a free parameter besides the formula.</p>"});
  return c;
}

const registered_claim lemma_a1{
    {.id = "lem-A.1",
     .title = "The confidence set of the reward parameter",
     .statement =
         "With probability at least 1 − δ, ‖θ̂ − θ*‖<sub>Σ<sub>D</sub></sub> ≤ C √((d + log(1/δ))/γ² + λB²), "
         "Σ<sub>D</sub> = Σ<sub>i</sub> x<sub>i</sub>x<sub>i</sub><sup>T</sup> + λI, θ̂ maximum likelihood over "
         "‖θ‖ ≤ B.",
     .source =
         "Lemma A.1, (A.2); formula reconstructed from the text and from Zhu, Jiao and Jordan 2023 (arXiv 2301.11270)",
     .schema = {integers("d", "features", {{2, 4}, {2, 4}, {2, 4, 8}}, {1, 40}),
                reals("B", "norm bound", {{1}, {1, 2}, {0.5, 1, 2, 4}}, {1e-6, 1e6}),
                reals("c", "B times the largest norm of a difference",
                      {{0.5, 3}, {0.5, 1, 1.5, 3, 5}, {0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 6}}, {1e-6, 700}),
                integers("n", "comparisons, multiples of 50",
                         {{50, 1000, 20000}, {50, 500, 5000, 20000}, {50, 200, 1000, 5000, 20000, 100000}},
                         {pairs, 1e9}),
                real("lambda", "ridge of the covariance", {1, 1, 1}, {1e-9, 1e9}),
                real("delta", "failure probability", {0.1, 0.1, 0.1}, {1e-6, 0.4}),
                integer("replicates", "batches of 100 draws of the labels in each setting", {2, 8, 50}, {1})},
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
