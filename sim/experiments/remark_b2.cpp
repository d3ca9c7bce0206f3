// Remark B.2: a confidence set of transition kernels beside that of rewards, on a finite class of kernels.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <fmt/format.h>

#include <rto/algorithm/unknown_transitions.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/preference/trajectory_features.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/engine/claim.hpp"
#include "sim/engine/curve.hpp"
#include "sim/statistics/line_fit.hpp"
#include "sim/statistics/proportion.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;
using table_2d = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;
using model = rto::finite_mdp<matrix>;
using path = rto::visited_trajectory<rto::step_state>;

constexpr double rounding = 1e-10;
constexpr double confidence = 0.999;

const settings_schema schema = {
    integer("instances", "random instances, with fresh data for every n", {12, 60, 600}, {2}),
    integer("S", "states", {3, 3, 3}, {2, 20}),
    integer("A", "actions", {2, 2, 2}, {2, 10}),
    integer("H", "steps", {3, 3, 3}, {2, 10}),
    integer("d", "features", {3, 3, 3}, {1, 20}),
    integer("kernels",
            "candidates: the truth, and mixtures of it with random kernels at distances that halve every "
            "two",
            {16, 16, 16}, {2, 64}),
    real("beta", "KL coefficient", {0.5, 0.5, 0.5}, {1e-6}),
    real("lambda", "ridge of the covariance", {1, 1, 1}, {1e-9}),
    real("delta", "failure probability of the confidence set of kernels", {0.1, 0.1, 0.1}, {1e-12, 1 - 1e-12}),
    integers("n", "comparisons; the transitions of their 2n trajectories are the data on the kernel",
             {{50, 400, 3200}, {50, 200, 800, 3200}, {50, 200, 800, 3200, 12800, 51200}}, {1, 1000000}),
};

std::vector<cell> plan(const settings& s) {
  if (s.integers("n").size() < 2) throw user_error("rem-B.2: n needs at least two values, for the slope");
  return {{.point = {{"S", s.integer("S")},
                     {"A", s.integer("A")},
                     {"H", s.integer("H")},
                     {"d", s.integer("d")},
                     {"kernels", s.integer("kernels")},
                     {"beta", s.real("beta")},
                     {"lambda", s.real("lambda")},
                     {"delta", s.real("delta")},
                     {"n", s.integers("n")}},
           .replicates = s.integer("instances")}};
}

// --- one replicate ---------------------------------------------------------------------------------------------------

table_2d normal_table(Eigen::Index rows, Eigen::Index cols, stream& rng) {
  boost::random::normal_distribution<double> normal;
  table_2d x(rows, cols);
  for (double& v : x.reshaped()) v = normal(rng);
  return x;
}

struct instance {
  std::vector<model> candidates;
  std::int64_t truth = 0;
  double beta = 0;
  table_2d log_reference, features;  // [H S, A], [H S A, d]
  matrix theta;                      // theta*

  const model& mdp() const { return candidates[static_cast<std::size_t>(truth)]; }
  table_2d reward(const matrix& parameter) const {
    const matrix r = rto::linear_reward(matrix(features.matrix()), parameter);
    return r.array().reshaped<Eigen::RowMajor>(log_reference.rows(), log_reference.cols());
  }
  double value(const table_2d& log_policy) const {
    return rto::evaluate_policy(mdp(), log_policy, log_reference, reward(theta), beta).objective;
  }
};

instance make_instance(const json& point, stream& rng) {
  const auto s = point["S"].get<std::int64_t>(), a = point["A"].get<std::int64_t>(), h = point["H"].get<std::int64_t>();
  const auto kernels = point["kernels"].get<std::int64_t>(), d = point["d"].get<std::int64_t>();
  const auto draw = [&] { return matrix(rto::log_softmax(normal_table(s * a, s, rng)).exp().matrix()); };
  instance in;
  in.beta = point["beta"];
  std::vector<matrix> truth;
  for (std::int64_t step = 0; step + 1 < h; ++step) truth.push_back(draw());
  in.truth = boost::random::uniform_int_distribution<std::int64_t>(0, kernels - 1)(rng);
  std::vector<double> start(static_cast<std::size_t>(s), 0.0);
  start[0] = 1;  // one prompt
  for (std::int64_t k = 0, other = 0; k < kernels; ++k) {
    const double share = k == in.truth ? 0.0 : std::pow(2.0, -0.5 * static_cast<double>(other++));
    std::vector<matrix> p;
    for (const matrix& t : truth) p.push_back((1 - share) * t + share * draw());
    in.candidates.emplace_back(a, h, start, p);
  }
  in.log_reference = rto::log_softmax(normal_table(h * s, a, rng));
  in.features = normal_table(h * s * a, d, rng) / std::sqrt(static_cast<double>(d));
  in.theta = normal_table(d, 1, rng).matrix();
  in.theta /= in.theta.norm();
  return in;
}

// n comparisons of two trajectories of the reference policy; their transitions are the data on the kernel.
struct data_set {
  rto::comparison_set<matrix> comparisons;
  rto::transition_counts<matrix> counts;
};

data_set draw_data(const instance& in, std::int64_t n, stream& rng) {
  const model& mdp = in.mdp();
  const rto::tabular_sampler policy(mdp, in.log_reference);
  std::vector<path> paths;
  std::vector<std::vector<std::int64_t>> first, second;  // the rows of the features that a trajectory visits
  for (std::int64_t i = 0; i < 2 * n; ++i) {
    paths.push_back(rto::sample_trajectory(mdp, policy, rng));
    std::vector<std::int64_t> rows;
    for (std::size_t h = 0; h < paths.back().states.size(); ++h)
      rows.push_back(mdp.row(paths.back().states[h]) * mdp.actions() + paths.back().response.tokens[h]);
    (i % 2 == 0 ? first : second).push_back(rows);
  }
  using lists = std::span<const std::vector<std::int64_t>>;
  const matrix x = (rto::sum_rows(in.features, lists(first)) - rto::sum_rows(in.features, lists(second))).matrix();
  return {{x, rto::sample_preferences(matrix(x * in.theta), rng), matrix()},
          rto::count_transitions(in.features, mdp.state_count(), mdp.actions(), mdp.horizon(),
                                 std::span<const path>(paths))};
}

json replicate(const json& point, replicate_context& context) {
  stream& rng = context.rng;
  const instance in = make_instance(point, rng);
  const std::span<const model> candidates(in.candidates);
  const auto size = static_cast<std::int64_t>(in.candidates.size());
  const double zeta = rto::finite_class_zeta(size, point["delta"]);
  const auto optimum = rto::plan(in.mdp(), in.log_reference, in.reward(in.theta), {.beta = in.beta});
  json result;
  for (const std::int64_t n : point["n"]) {
    const data_set data = draw_data(in, n, rng);
    const auto estimate = rto::reward_mle(data.comparisons, {.bound = 1.25});
    rto::linear_reward_set<table_2d> rewards{
        .features = in.features,
        .theta = estimate.theta,
        .covariance = rto::make_regularized_covariance(data.comparisons.features, point["lambda"]),
        .radius = 0,
        .beta = in.beta};
    // The smallest radius for which the event of Lemma A.1 holds.
    const matrix error = estimate.theta - in.theta;
    rewards.radius = std::sqrt(rto::inner_product(error, matrix(rewards.covariance.matrix * error)));
    const auto set = rto::kernel_confidence_set(data.counts, candidates, zeta);

    // The list: what a learner can compute, and at its end the true optimum, with which the bound is one on SubOpt.
    std::vector<table_2d> list;
    for (const model& m : in.candidates)
      list.push_back(rto::plan(m, in.log_reference, in.reward(estimate.theta), {.beta = in.beta}).log_policy);
    list.push_back(in.log_reference);
    const std::size_t computable = list.size();
    list.push_back(optimum.log_policy);
    const auto values =
        rto::evaluate_doubly_pessimistic(candidates, set, std::span<const table_2d>(list), in.log_reference, rewards);
    const auto& pessimistic = values.pessimistic_value;
    const auto end = pessimistic.begin() + static_cast<std::ptrdiff_t>(computable);
    const auto chosen = static_cast<std::size_t>(std::max_element(pessimistic.begin(), end) - pessimistic.begin());
    const auto plug_in = static_cast<std::size_t>(set.best);  // most likely kernel, estimated reward

    double above = -1;  // pessimistic value over true value
    for (std::size_t k = 0; k < list.size(); ++k) above = std::max(above, pessimistic[k] - in.value(list[k]));
    const auto bound =
        rto::bound_unknown_transitions(candidates, set, in.truth, optimum.log_policy, in.log_reference, rewards);
    const double best_value = in.value(list[static_cast<std::size_t>(values.best_policy)]);
    result["member"].push_back(set.contains(in.truth) ? 1.0 : 0.0);
    result["most_likely"].push_back(set.best == in.truth ? 1.0 : 0.0);
    result["members"].push_back(set.members.size());
    result["above"].push_back(above);
    result["violation"].push_back(optimum.objective - best_value - bound.total());
    result["coverage"].push_back(bound.coverage);
    result["transition"].push_back(bound.transition_error);
    result["subopt"].push_back(std::max(0.0, optimum.objective - in.value(list[chosen])));
    result["plug_in"].push_back(std::max(0.0, optimum.objective - in.value(list[plug_in])));
  }
  return result;
}

// --- conclusions -----------------------------------------------------------------------------------------------------

std::vector<double> column(const cell_outcomes& cell, const char* field, std::size_t k) {
  std::vector<double> at;
  for (const json& r : cell.replicates) at.push_back(r[field][k]);
  return at;
}

series median_curve(const cell_outcomes& cell, const std::vector<double>& n, const char* field, const char* label) {
  series s{.label = label, .x = n};
  for (std::size_t k = 0; k < n.size(); ++k) {
    const std::vector<double> at = column(cell, field, k);
    s.y.push_back(quantile(at, 0.5));
    s.low.push_back(quantile(at, 0.25));
    s.high.push_back(quantile(at, 0.75));
  }
  return s;
}

conclusion conclude(const settings& s, const outcomes& results) {
  const cell_outcomes& cell = results.cells.front();
  const auto n = cell.point["n"].get<std::vector<double>>();
  const double delta = s.real("delta"), zeta = std::log(static_cast<double>(s.integer("kernels")) / delta);
  conclusion c;
  c.tested = fmt::format(
      "Random finite MDPs (S = {}, A = {}, H = {}) with linear rewards; {} candidate kernels, the truth among them; "
      "comparisons of trajectories of the reference policy. The maximum over all policies is not convex: everything is "
      "evaluated on a finite list, the optimal policies of every candidate for the estimated reward, the reference "
      "policy, and &pi;*.",
      s.integer("S"), s.integer("A"), s.integer("H"), s.integer("kernels"));

  double failures = 0, trials = 0, on_event = 0, most_likely = 0, above = -1, violation = -1;
  for (const json& r : cell.replicates)
    for (std::size_t k = 0; k < n.size(); ++k) {
      const bool member = r["member"][k] == 1.0;
      trials += 1;
      failures += member ? 0 : 1;
      most_likely += r["most_likely"][k].get<double>();
      if (!member) continue;
      on_event += 1;
      above = std::max(above, r["above"][k].get<double>());
      violation = std::max(violation, r["violation"][k].get<double>());
    }
  const auto allowed = binomial_bound(static_cast<std::int64_t>(trials), delta);
  check membership;
  membership.id = "membership";
  membership.tested = fmt::format(
      "The true kernel is in the confidence set with probability at least 1 &minus; &delta; for &zeta; = "
      "log(|C|/&delta;) = {:.2f}: failures, against the 99.9&#8201;% binomial bound for &delta; = {:g}. (With &zeta; = "
      "0, maximum likelihood alone, it fails in {:.0f} of {:.0f})",
      zeta, delta, trials - most_likely, trials);
  membership.predicted = {static_cast<double>(allowed), fmt::format("≤ {} of {:.0f}", allowed, trials)};
  membership.measured = {failures, fmt::format("{:.0f} of {:.0f}", failures, trials)};
  membership.n = trials;
  membership.result = failures <= static_cast<double>(allowed) ? verdict::holds_as_corrected : verdict::contradicted;
  c.checks.push_back(membership);
  c.checks.push_back(identity_check("pessimism",
                                    "Where the true kernel is in the set, the doubly pessimistic value of every policy "
                                    "of the list is at most its true value: largest excess",
                                    std::max(0.0, above), rounding, on_event));
  c.checks.push_back(identity_check(
      "bound",
      "There, SubOpt of the best policy of the list (&pi;* in it) &le; 2&rho; "
      "&#8214;E<sub>d<sup>&pi;*</sup></sub>&phi;&#8214; + the additional error of the transitions: largest violation",
      std::max(0.0, violation), rounding, on_event, verdict::holds_as_corrected));

  std::vector<double> slopes;
  for (const json& r : cell.replicates) {
    const auto y = r["transition"].get<std::vector<double>>();
    if (*std::min_element(y.begin(), y.end()) > 0) slopes.push_back(fit_power_law(n, y).slope.value);
  }
  // Kernels of the set are within O(1 / sqrt(n)) of the truth: an upper bound, nothing keeps the error from falling
  // faster on a finite class.
  const estimate slope = mean_interval(slopes, confidence);
  c.checks.push_back(side_check(
      "transition-rate",
      "The additional error falls at least like 1/&radic;n, the distance of the kernels that the data cannot tell from "
      "the truth: slope of its logarithm on log n",
      {-0.5, "≤ -0.5 (+ 0.1)"}, slope, -0.4, false, static_cast<double>(slopes.size()), confidence,
      verdict::holds_as_corrected, verdict::contradicted));

  const axis n_axis{.label = "comparisons n", .logarithmic = true};
  panel terms{.title = "the two terms of the bound", .x = n_axis, .y = {.label = "nats", .logarithmic = true}};
  terms.curves = {median_curve(cell, n, "coverage", "2ρ coverage (oracle ρ)"),
                  median_curve(cell, n, "transition", "additional error")};
  panel gap{.title = "mean suboptimality", .x = n_axis, .y = {.label = "SubOpt (nats)", .logarithmic = true}};
  for (const auto& [field, label] : {std::pair{"subopt", "doubly pessimistic choice"},
                                     std::pair{"plug_in", "most likely kernel, estimated reward"}}) {
    series curve{.label = label};
    for (std::size_t k = 0; k < n.size(); ++k) {
      const estimate e = mean_interval(column(cell, field, k));
      add_point(curve, n[k], e, e.value / 100);
    }
    gap.curves.push_back(curve);
  }
  panel members{.title = "kernels in the set",
                .x = n_axis,
                .y = {.label = "kernels", .minimum = 0, .maximum = static_cast<double>(s.integer("kernels"))}};
  members.curves = {median_curve(cell, n, "members", "in the set")};
  c.figures.push_back({.id = "rem-B.2-terms",
                       .title = "What not knowing the transitions adds, and how data remove it",
                       .caption = "Terms and kernels: medians over random instances, bands from quartile to quartile. "
                                  "SubOpt: means with 95&#8201;% intervals, choices among the policies that a learner "
                                  "can compute (&pi;* not in the list).",
                       .panels = {terms, gap, members}});
  c.notes.push_back(
      {note::kind::remark, "What is tested, and what is not",
       "The remark replaces the known kernel of (B.1) by the worst one of a confidence set. As a maximum over all "
       "policies that problem is not convex, and the paper gives no algorithm for it. The library evaluates the "
       "objective on a finite list of policies and chooses the best one; the bound then holds against every policy of "
       "the list, and against &pi;* where the list contains it. Pessimism is no promise of improvement: the panel on "
       "SubOpt shows the choice beside that of the most likely kernel."});
  c.notes.push_back(
      {note::kind::reconstruction, "The formulas are a reconstruction",
       "The text of the paper that this work goes by has no formulas, and the remark is a sketch. Fixed "
       "here: the last transition of a trajectory cannot influence the reward and is left out, a kernel "
       "that forbids an observed transition is excluded, and &zeta; = log(|C|/&delta;) for a finite class "
       "C (docs/mathematics.md, section 10)."});
  return c;
}

const registered_claim remark_b2{
    {.id = "rem-B.2",
     .title = "Pessimism when the transitions are unknown",
     .statement = "With the confidence set {P : &sum; log P(&tau;) &ge; max<sub>P'</sub> &sum; log P'(&tau;) &minus; "
                  "&zeta;} of kernels beside that of rewards, the most pessimistic value over both is a lower bound, "
                  "and SubOpt(&pi;&#770;) is bounded as in Theorem B.1 with an additional error from the transitions.",
     .source = "Remark B.2 (Appendix B); formulas reconstructed from the text and from the works it cites",
     .schema = schema,
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
