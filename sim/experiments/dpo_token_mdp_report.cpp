// Checks, figures and notes of the claim eq-4.3-4.6.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/experiments/dpo_token_mdp.hpp"
#include "sim/experiments/random_planning_problem.hpp"
#include "sim/statistics/sample.hpp"

namespace rto::sim {
namespace {

double count_of(const outcomes& o) { return static_cast<double>(o.count()); }

double count_above(const std::vector<double>& sample, double threshold) {
  return static_cast<double>(std::count_if(sample.begin(), sample.end(), [&](double x) { return x > threshold; }));
}

outcomes part(const outcomes& results, const char* name) { return results.where({{"part", name}}); }

// Cells whose coordinate satisfies a condition.
template <class Condition> outcomes cells_where(const outcomes& results, const char* coordinate, Condition&& wanted) {
  outcomes some;
  for (const cell_outcomes& cell : results.cells)
    if (wanted(to_number(cell.point.at(coordinate), coordinate))) some.cells.push_back(cell);
  return some;
}

// Median and the range of the middle 80 % of a field against a coordinate.
series spread_against(std::string label, const outcomes& results, const char* coordinate, const char* field,
                      double floor = 0) {
  series curve{.label = std::move(label)};
  for (const cell_outcomes& cell : results.cells) {
    const double x = to_number(cell.point.at(coordinate), coordinate);
    if (!std::isfinite(x)) continue;
    const std::vector<double> sample = cell.values(field);
    curve.x.push_back(x);
    curve.y.push_back(std::max(floor, quantile(sample, 0.5)));
    curve.low.push_back(std::max(floor, quantile(sample, 0.1)));
    curve.high.push_back(std::max(floor, quantile(sample, 0.9)));
  }
  return curve;
}

// A statement that some instances show: at least one of them.
check existence_check(std::string id, std::string tested, double found, double n, verdict if_true) {
  check c;
  c.id = std::move(id);
  c.tested = std::move(tested);
  c.predicted = "some";
  c.measured = quantity(found, fmt::format("{} of {}", found, n));
  c.n = n;
  c.result = found > 0 ? if_true : verdict::inconclusive;  // none among n refutes nothing
  return c;
}

void conclude_identity(conclusion& c, const outcomes& all) {
  const outcomes trees = [&] {
    outcomes some;
    for (const cell_outcomes& cell : all.cells)
      if (cell.point.at("kind") != "stochastic MDP") some.cells.push_back(cell);
    return some;
  }();
  const outcomes chance = all.where({{"kind", "stochastic MDP"}});
  c.checks.push_back(identity_check(
      "edge",
      "(4.5): largest |β log(π*/π<sub>ref</sub>) − (r + E V*(s') − V*(s))| over all tokens of all states, relative "
      "to the largest value",
      all.maximum("edge"), 1e-10, count_of(all)));
  c.checks.push_back(identity_check(
      "trajectory", "(4.3) with its term (*), on 20 sampled trajectories of every instance, both kinds of transitions",
      all.maximum("trajectory"), 1e-10, count_of(all)));
  c.checks.push_back(identity_check("deterministic", "largest (*) of a trajectory with deterministic transitions",
                                    trees.maximum("largest_star"), 1e-10, count_of(trees)));
  c.checks.push_back(
      identity_check("martingale-mean",
                     "|E (*)| under random policies, by exact sums: with stochastic transitions too it averages out",
                     all.maximum("mean_star"), 1e-10, count_of(all)));
  const double off = count_above(chance.values("without_star"), 1e-6);
  c.checks.push_back(existence_check("stochastic",
                                     "stochastic MDPs with a trajectory on which (4.3) without (*) is off by more than "
                                     "1e-6 of the largest value",
                                     off, count_of(chance), verdict::holds_as_corrected));
  check control = control_check("instances on which the implicit reward differs from r itself", all.values("control"));
  control.id = "control-edge";
  c.checks.push_back(control);
}

void conclude_lottery(conclusion& c, const outcomes& all) {
  c.checks.push_back(always_check("dpo-fits", "DPO fits that did not reach a zero gradient",
                                  count_of(all) - all.sum("converged"), count_of(all)));
  const outcomes certain = cells_where(all, "spread", [](double s) { return s == 0; });
  const outcomes random = cells_where(all, "spread", [](double s) { return s > 0; });
  if (!certain.cells.empty())
    c.checks.push_back(identity_check(
        "dpo-certain",
        "DPO on all preferences of a population, outcomes of an action equally good: largest error of a fitted margin, "
        "reward units",
        certain.maximum("margin_error"), 1e-6, count_of(certain)));
  if (random.cells.empty()) return;
  c.checks.push_back(existence_check("dpo-wrong",
                                     "the same where outcomes of an action differ at random: fits whose margin is off "
                                     "by more than 0.01 reward units",
                                     count_above(random.values("margin_error"), 0.01), count_of(random),
                                     verdict::holds_as_corrected));
  c.checks.push_back(existence_check("dpo-order", "of these, fits that prefer an action that is not the best one",
                                     random.sum("wrong_choice"), count_of(random), verdict::holds_as_corrected));
}

void conclude_shaping(conclusion& c, const outcomes& all) {
  c.checks.push_back(identity_check(
      "shaping-policy", "largest change of an optimal probability under a random potential, coefficients 0 to ∞",
      all.maximum("policy"), 1e-8, count_of(all)));
  c.checks.push_back(identity_check("shaping-value",
                                    "V* and V<sup>π</sup> of random policies against the old values less the potential",
                                    std::max(all.maximum("value"), all.maximum("policy_value")), 1e-10, count_of(all)));
  check control = control_check("instances whose optimum is changed by noise of the same size", all.values("control"));
  control.id = "control-shaping";
  c.checks.push_back(control);
}

void conclude_temperature(conclusion& c, const outcomes& all) {
  const double n = count_of(all);
  c.checks.push_back(identity_check(
      "temperature",
      "largest |π<sub>RTO</sub> − π*<sub>β<sub>eff</sub></sub>|, the planner on (4.6) against the planner on r at "
      "β<sub>eff</sub> = β β<sub>2</sub>/β<sub>1</sub>",
      all.maximum("policy"), 1e-8, n, verdict::holds_as_corrected));
  c.checks.push_back(
      identity_check("sequences",
                     "log P<sub>RTO</sub> − (1 − ρ) log P<sub>ref</sub> − ρ log P<sub>dpo</sub> of all answers to one "
                     "prompt, ρ = β<sub>1</sub>/β<sub>2</sub>: largest relative deviation from a constant",
                     all.maximum("sequence"), 1e-10, n, verdict::holds_as_corrected));
  const outcomes one = cells_where(all, "ratio", [](double r) { return r == 1; });
  if (!one.cells.empty())
    c.checks.push_back(identity_check(
        "no-gain",
        "β<sub>1</sub> = β<sub>2</sub>: largest |π<sub>RTO</sub> − π<sub>dpo</sub>|; there is nothing to gain",
        one.maximum("from_dpo"), 1e-8, count_of(one), verdict::holds_as_corrected));
  outcomes equal = one, strict;
  for (const cell_outcomes& cell : all.cells) {
    if (to_number(cell.point.at("ratio"), "ratio") == 1) continue;
    (cell.point.at("tree") == "random" ? strict : equal).cells.push_back(cell);
  }
  // The loss is a divergence, computed as a sum of non-negative terms: log-probabilities that are rounded by 1e-14 move
  // it by the square of that, so far smaller losses than 1e-10 are seen.
  constexpr double resolution = 1e-28;
  c.checks.push_back(
      identity_check("product-equal",
                     "what the token-wise product of π<sub>ref</sub> and π<sub>dpo</sub> loses against π<sub>RTO</sub> "
                     "in (4.6), nats an "
                     "answer, where it must lose nothing: β<sub>1</sub> = β<sub>2</sub>, one token, separable reward",
                     equal.maximum("product_gap"), resolution, count_of(equal), verdict::holds_as_corrected));
  c.checks.push_back(always_check("product-better",
                                  "instances on which the product is better than the planner's policy",
                                  all.sum("product_better"), n, verdict::holds_as_corrected));
  if (!strict.cells.empty())
    c.checks.push_back(existence_check(
        "product-worse",
        "the same on other trees: instances on which it loses more than rounding explains (1e-28 nats); where both "
        "policies are all but deterministic the loss can be smaller than that",
        count_above(strict.values("product_gap"), resolution), count_of(strict), verdict::holds_as_corrected));
}

void conclude_objective(conclusion& c, const outcomes& all) {
  const double n = count_of(all);
  const auto add = [&](const char* id, std::string text, const char* field, double tolerance) {
    c.checks.push_back(
        identity_check(id, std::move(text), all.maximum(field), tolerance, n, verdict::holds_as_corrected));
  };
  add("one-objective",
      "J(π) under RTO's reward, under DPPO's, and paid at the ends of random segments (“Semi-RTO”): largest relative "
      "difference over random policies",
      "objective", 1e-12);
  add("critics", "their exact critics differ by what has accrued and was not paid", "critic", 1e-12);
  add("advantages", "their advantages with exact critics, every λ: largest difference relative to the largest value",
      "advantage", 1e-12);
  add("rs-ppo", "the implicit reward as pure shaping beside a sentence reward: J(π) against PPO's (2.3)", "rs_ppo",
      1e-12);
  check control = control_check("instances whose advantages differ where all share an untrained critic (zero) instead",
                                all.values("crude_dppo"));
  control.id = "control-critic";
  c.checks.push_back(control);
}

void conclude_clip(conclusion& c, const outcomes& all) {
  double bites = 0, changed = 0, idle_change = 0, idle = 0;
  for (const cell_outcomes& cell : all.cells)
    for (const json& one : cell.replicates) {
      const bool hit = one.at("clipped_edges").get<double>() > 0;
      const double moved = one.at("policy");
      if (hit) ++bites, changed += moved > 1e-6 ? 1 : 0;
      if (!hit) ++idle, idle_change = std::max(idle_change, moved);
    }
  if (bites > 0)
    c.checks.push_back(existence_check(
        "clip",
        "the released code's clip is no shaping: instances with a clipped token whose optimum moves by more than "
        "1e-6",
        changed, bites, verdict::holds_as_corrected));
  if (idle > 0)
    c.checks.push_back(identity_check("clip-idle", "change of the optimum where the clip touches no token", idle_change,
                                      1e-10, idle, verdict::holds_as_corrected));
}

void conclude_equivalence(conclusion& c, const outcomes& all) {
  c.checks.push_back(always_check("fits", "fits (DPO or maximum likelihood) that did not reach a zero gradient",
                                  count_of(all) - all.sum("converged"), count_of(all)));
  // Seven free differences of rewards, and as many free probabilities.
  const auto unrestricted = [](double d) { return d == 0 || d >= 7; };
  const outcomes full = cells_where(all, "features", unrestricted);
  const outcomes narrow = cells_where(all, "features", [&](double d) { return !unrestricted(d); });
  if (!full.cells.empty()) {
    c.checks.push_back(identity_check("equivalence",
                                      "(C.1): classes that hold every reward and every policy: largest difference of a "
                                      "fitted preference probability, DPO against maximum likelihood",
                                      full.maximum("probability"), 1e-6, count_of(full)));
    c.checks.push_back(identity_check(
        "equivalence-policy", "and of a probability of DPO's policy against the best policy of the fitted reward",
        full.maximum("policy"), 1e-6, count_of(full)));
  }
  if (!narrow.cells.empty())
    c.checks.push_back(existence_check(
        "restricted",
        "rewards linear, logits linear in fewer than 7 features: instances whose fitted probabilities differ "
        "by more than 0.01",
        count_above(narrow.values("probability"), 0.01), count_of(narrow), verdict::holds_as_corrected));
}

panel lottery_panel(const outcomes& all) {
  panel p{.title = "random outcomes",
          .x = {.label = "spread of outcomes (reward units)"},
          .y = {.label = "error of DPO's margin (reward units)", .minimum = 0}};
  p.curves.push_back(spread_against("DPO, infinite data", all, "spread", "margin_error"));
  p.curves.push_back(spread_against("size of the true margin", all, "spread", "margin_scale"));
  p.curves.back().style = mark::prediction;
  p.curves.back().low.clear(), p.curves.back().high.clear();
  return p;
}

panel choice_panel(const outcomes& all) {
  panel p{.title = "and what it costs",
          .x = {.label = "spread of outcomes (reward units)"},
          .y = {.label = "SubOpt / β (nats)", .minimum = 0}};
  p.curves.push_back(spread_against("DPO, infinite data", all, "spread", "suboptimality"));
  return p;
}

panel identity_panel(const outcomes& all) {
  panel p{.title = "(4.3) on trajectories",
          .x = {.label = "largest relative error", .logarithmic = true},
          .y = {.label = "share of instances", .minimum = 0, .maximum = 1}};
  for (const std::string& kind : problem_kinds()) {
    const outcomes some = all.where({{"kind", kind}});
    if (!some.cells.empty()) p.curves.push_back(error_distribution(kind, some.values("trajectory")));
  }
  const outcomes chance = all.where({{"kind", "stochastic MDP"}});
  if (!chance.cells.empty())
    p.curves.push_back(error_distribution("stochastic, without (*)", chance.values("without_star"), mark::prediction));
  return p;
}

panel product_panel(const outcomes& all) {
  panel p{.title = "token-wise product",
          .x = {.label = "β₁/β₂", .logarithmic = true},
          .y = {.label = "loss in (4.6) / β₂ (nats an answer)", .logarithmic = true, .minimum = 1e-6}};
  const outcomes random = cells_where(all.where({{"tree", "random"}}), "ratio", [](double r) { return r != 1; });
  const series whole = spread_against("random trees", random, "ratio", "product_gap", 1e-6);
  // At equal coefficients the loss is zero, which a logarithmic axis cannot show: two curves, one on either side.
  series low = whole, high = whole;
  const auto keep = [](series& s, auto&& wanted) {
    series kept{.label = s.label, .style = s.style};
    for (std::size_t k = 0; k < s.x.size(); ++k)
      if (wanted(s.x[k])) {
        kept.x.push_back(s.x[k]), kept.y.push_back(s.y[k]);
        kept.low.push_back(s.low[k]), kept.high.push_back(s.high[k]);
      }
    s = kept;
  };
  keep(low, [](double r) { return r < 1; }), keep(high, [](double r) { return r > 1; });
  low.label = "β₁ < β₂", high.label = "β₁ > β₂";
  if (!low.x.empty()) p.curves.push_back(low);
  if (!high.x.empty()) p.curves.push_back(high);
  return p;
}

panel clip_panel(const outcomes& all) {
  panel p{.title = "clipped implicit reward",
          .x = {.label = "clip (nats a token)", .logarithmic = true},
          .y = {.label = "SubOpt / β (nats an answer)"}};
  p.y.minimum = 0;
  p.curves.push_back(spread_against("optimum of the clipped reward", all, "clip", "suboptimality"));
  return p;
}

panel equivalence_panel(const outcomes& all) {
  panel p{.title = "DPO and reward MLE",
          .x = {.label = "features of both classes"},
          .y = {.label = "largest difference of a probability", .minimum = 0}};
  const outcomes linear = cells_where(all, "features", [](double d) { return d > 0; });
  p.curves.push_back(spread_against("DPO − MLE", linear, "features", "probability"));
  p.curves.push_back(spread_against("MLE − truth (sampling)", linear, "features", "sampling"));
  p.curves.back().style = mark::prediction;
  p.curves.back().low.clear(), p.curves.back().high.clear();
  return p;
}

panel advantage_panel(const outcomes& all) {
  panel p{.title = "RTO's advantages less the other's",
          .x = {.label = "λ", .minimum = 0, .maximum = 1},
          .y = {.label = "root mean square, relative", .logarithmic = true}};
  p.curves.push_back(spread_against("DPPO, one untrained critic", all, "lambda", "crude_dppo", 1e-18));
  p.curves.push_back(spread_against("Semi-RTO, one untrained critic", all, "lambda", "crude_semi", 1e-18));
  p.curves.push_back(spread_against("either, exact critics (largest)", all, "lambda", "advantage", 1e-18));
  return p;
}

}  // namespace

conclusion conclude_dpo_token_mdp(const settings&, const outcomes& results) {
  const outcomes identity = part(results, "identity"), lottery = part(results, "lottery"),
                 shaping = part(results, "shaping"), temperature = part(results, "temperature"),
                 objective = part(results, "objective"), clip = part(results, "clip"),
                 equivalence = part(results, "equivalence");
  conclusion c;
  c.tested = fmt::format(
      "{} random instances: trees with and without end-of-sequence token, stochastic MDPs, bandits with random "
      "outcomes; "
      "everything by exact sums over states or trajectories, but for the trajectories that are sampled to be looked "
      "at.",
      results.count());
  conclude_identity(c, identity);
  conclude_shaping(c, shaping);
  conclude_lottery(c, lottery);
  conclude_equivalence(c, equivalence);
  conclude_temperature(c, temperature);
  conclude_objective(c, objective);
  conclude_clip(c, clip);

  c.figures.push_back(
      {"eq-4.3-4.6-identity",
       "Where DPO's reading of a trajectory is exact, and where not",
       "First: share of instances whose largest error of (4.3) on 20 trajectories is at most x (exact zeros at 1e-18); "
       "dashed: stochastic MDPs with the term (*) left out. Second and third: one choice among three actions, each "
       "with "
       "random outcomes; DPO sees all preferences of the population. Lines are medians over instances, bands the "
       "middle "
       "80 %.",
       {identity_panel(identity), lottery_panel(lottery), choice_panel(lottery)},
       ""});
  c.figures.push_back(
      {"eq-4.3-4.6-optimum",
       "What (4.6) optimises, and what does not",
       "First: what the token-wise product π<sub>ref</sub><sup>1−ρ</sup>π<sub>dpo</sub><sup>ρ</sup>, renormalised at "
       "every token, loses against the optimum of (4.6); nothing at ρ = β<sub>1</sub>/β<sub>2</sub> = 1 (losses below "
       "1e-6 are drawn there). Second: what "
       "clipping log(π<sub>dpo</sub>/π<sub>ref</sub>) costs under the true reward, β<sub>1</sub> = β<sub>2</sub>. "
       "Third: preference probabilities fitted by DPO and by maximum likelihood of the reward, both linear in the same "
       "features; from 7 features on the classes hold every reward and every policy of the tree. Medians and the "
       "middle "
       "80 % of instances.",
       {product_panel(temperature), clip_panel(clip), equivalence_panel(equivalence)},
       ""});
  c.figures.push_back({"eq-4.3-4.6-advantages",
                       "Rewards that are paid late have the same advantages, once critics know what is owed",
                       "Root mean square difference of the advantages of sampled answers from RTO's, relative to the "
                       "largest value. With "
                       "one untrained critic (zero) for all they differ; with the exact critic of each reward the "
                       "largest difference is "
                       "rounding. Medians and the middle 80 % of instances.",
                       {advantage_panel(objective)},
                       ""});

  c.notes.push_back(
      {note::kind::remark, "The implicit reward is one shaping among all",
       "β log(π*/π<sub>ref</sub>) = r + V*(s') − V*(s) is r shaped by the potential V*. Preferences see only sums over "
       "trajectories of one prompt, which no potential changes: that DPO “resolves” token-wise credit is the "
       "normalisation V* = 0 in every state, a convention and not information in the data."});
  c.notes.push_back(
      {note::kind::remark, "Deterministic transitions are needed",
       "The paper drops (*) with a reference to “(4.2)”; it means (4.3). With stochastic transitions (*) has mean zero "
       "and does not vanish: the preference of two trajectories then depends on luck that no policy controls, and DPO, "
       "fitted without end to data without end, misses the margins of the optimal policy. Where the better action is a "
       "lottery with rare large wins it even prefers the wrong one."});
  c.notes.push_back(
      {note::kind::remark, "RTO and DPO differ by a temperature",
       "The optimum of (4.6) is the optimum of r at β<sub>eff</sub> = β β<sub>2</sub>/β<sub>1</sub>. With the paper's "
       "numbers (β = β<sub>1</sub> = 0.1, if “KL coefficient of DPO” is both) that is 0.1 for DPO, 0.05 for DPPO and "
       "0.03 for RTO: their win rates compare temperatures as well as algorithms. At β<sub>1</sub> = β<sub>2</sub> the "
       "optimum is DPO's own policy."});
  c.notes.push_back(
      {note::kind::remark, "RTO and DPPO are one objective",
       "The two rewards have the same sum on every answer, so the same J(π) for every policy, and with exact critics "
       "the "
       "same advantages for every λ. Whatever RTO gains over DPPO is a property of critics that are still wrong (or of "
       "γ &lt; 1). With an untrained critic the late reward reaches token <i>t</i> only with weight "
       "λ<sup><i>n</i>−<i>t</i></sup>; at λ = 1 the two differ by what has accrued before the token, a baseline that "
       "changes the variance of the gradient and not its mean."});
  c.notes.push_back(
      {note::kind::remark, "Reward and policy class must match",
       "“DPO and reward learning have the same solution” holds when every reward and every policy of full support is "
       "allowed. With a reward linear in features and logits linear in the same features both fits are well-defined "
       "and "
       "differ: a softmax at every token subtracts a normaliser that is not linear."});
  c.notes.push_back(
      {note::kind::reconstruction, "The formulas are reconstructed",
       "The text at hand has no formulas; (4.3) to (4.6) follow from its words and from Rafailov et al. 2024, "
       "<i>From r to Q*</i>."});
  return c;
}

}  // namespace rto::sim
