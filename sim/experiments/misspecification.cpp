// Learned rewards that are wrong: noisy labels, few comparisons, poor coverage; with and without pessimism.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <rto/array/eigen_matrix.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/implicit_reward.hpp>
#include <rto/reward/pessimism.hpp>

#include "sim/engine/curve.hpp"
#include "sim/experiments/alignment.hpp"
#include "sim/statistics/cross_fitting.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;
using matrix = rto::eigen_matrix<double>;

constexpr double confidence = 0.999;

struct scenario {
  const char* id;
  const char* label;
};
constexpr scenario scenarios[] = {
    {"clean", "as given"}, {"noise", "labels flipped"}, {"few", "few comparisons"}, {"coverage", "a token is missing"}};

// Small worlds, and many of them: what one world adds to what another one tells is far more than what a larger one
// does.
settings_schema make_schema() {
  settings_schema schema;
  for (setting& one : alignment_settings({1, 1, 1}))
    for (const char* key : {"reward_deviation", "unexplained", "beta", "temperature", "preference_rate"})
      if (one.key == key) schema.push_back(one);
  // One pass over a hundred pairs would be four steps of Adam: an untrained reward, not a wrong one.
  schema.push_back(integer("preference_epochs", "passes over the preference pairs", {4, 4, 4}, {1}));
  schema.push_back(integer("A", "tokens; the last one ends the answer, token 0 is the delimiter", {4, 4, 4}, {3, 64}));
  schema.push_back(integer("H", "largest length of an answer, tokens", {4, 4, 4}, {2, 12}));
  schema.push_back(integer("prompts", "prompts", {2, 2, 2}, {1, 64}));
  schema.push_back(integer("pairs", "preference pairs", {1000, 1000, 1000}, {1}));
  schema.push_back(
      real("flipped", "probability that a label is flipped where labels are noisy", {0.3, 0.3, 0.3}, {0, 0.5}));
  schema.push_back(integer("few", "pairs where comparisons are few", {100, 100, 100}, {1}));
  schema.push_back(real("covered", "factor on the probability of token A - 2 in the data where it is missing",
                        {0.01, 0.01, 0.01}, {0, 1}));
  schema.push_back(reals("temperatures",
                         "KL coefficients at which each learned reward is optimised exactly, from large to small",
                         {{2, 0.5, 0.1, 0.02, 0.005},
                          {2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.005},
                          {5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005}},
                         {1e-4, 100}));
  schema.push_back(
      reals("radius", "pessimism coefficients rho", {{0.1, 1}, {0.1, 0.3, 1}, {0.03, 0.1, 0.3, 1, 3}}, {1e-6, 1e3}));
  schema.push_back(real("ridge", "lambda of the covariance of the comparisons", {1, 1, 1}, {1e-9}));
  schema.push_back(
      real("margin", "a mean difference of less than this counts as none, reward units", {0.05, 0.05, 0.05}, {0}));
  schema.push_back(integer("replicates", "independent worlds", {20, 300, 2000}, {2}));
  return schema;
}

std::vector<cell> plan(const settings& s) {
  // What the experiment does not set stays at the defaults of the pipeline.
  const settings_schema all = alignment_settings({1, 1, 1});
  json point = alignment_point(settings("misspecification", all, level::standard));
  point.update(alignment_point(s));
  point["parametrization"] = "linear";
  for (const char* key : {"flipped", "covered", "ridge"}) point[key] = s.real(key);
  point["few"] = s.integer("few");
  std::vector<double> temperatures = s.reals("temperatures");
  std::sort(temperatures.rbegin(), temperatures.rend());
  point["temperatures"] = temperatures;
  point["radius"] = s.reals("radius");
  return {{.point = point, .replicates = s.integer("replicates")}};
}

// ||phi(s,a)||_{Sigma_D^-1} of every edge, Sigma_D from the features of the compared answers.
edge_table bonus_of(const alignment& data, double ridge) {
  const token_world& world = data.world();
  const rto::sim::indexed_features features = number_features(data.edge_features());
  // A comparison switches on few of the features: their products are added one by one.
  matrix gram = ridge * matrix::Identity(features.parameters(), features.parameters());
  std::vector<std::pair<std::int64_t, double>> row;
  std::vector<std::int64_t> edges;
  const auto put = [&](std::int64_t answer, double sign) {
    answer_edges(world, answer, edges);
    for (const std::int64_t item : edges)
      features.for_each_row(item, [&](std::int64_t k) { row.emplace_back(k, sign); });
  };
  for (const answer_pair& pair : data.pairs()) {
    row.clear();
    put(pair.winner, 1);
    put(pair.loser, -1);
    for (const auto& [i, x] : row)
      for (const auto& [j, y] : row) gram(i, j) += x * y;
  }
  matrix phi = matrix::Zero(features.items, features.parameters());
  for (Eigen::Index item = 0; item < phi.rows(); ++item)
    features.for_each_row(item, [&](std::int64_t k) { phi(item, k) += 1; });
  const matrix norms = rto::elliptical_norms(phi, rto::factorize_covariance(gram, ridge));
  return norms.array().reshaped<Eigen::RowMajor>(world.tree.states(), world.tree.actions());
}

// What becomes of one reward: true reward and KL at every coefficient of the sweep, and J at the common one.
json optimised(const alignment& data, const json& point, const edge_table& reward) {
  const auto value = [&](const edge_table& log_policy) { return expected_sum_along(data.world(), log_policy, reward); };
  const auto optimum = [&](double beta) {
    return rto::plan(data.world().tree, data.reference(), reward, {.beta = beta}).log_policy;
  };
  std::vector<double> kl, truth;
  for (const double beta : point["temperatures"]) {
    const policy_figures f = figures_of(data.world(), optimum(beta), data.reference());
    kl.push_back(f.kl);
    truth.push_back(f.reward);
  }
  const edge_table log_policy = optimum(data.temperature());
  const policy_figures f = figures_of(data.world(), log_policy, data.reference());
  // The proxy's zero is a convention: gains over the reference are compared.
  const double gain = f.reward - figures_of(data.world(), data.reference(), data.reference()).reward;
  return {{"kl", kl},
          {"true", truth},
          {"objective", f.objective(data.temperature())},
          {"overestimate", value(log_policy) - value(data.reference()) - gain}};
}

// All scenarios on one world, with the same random numbers as far as they go.
json replicate(const json& point, replicate_context& context) {
  json outcome;
  for (const scenario& one : scenarios) {
    json its = point;
    const std::string id = one.id;
    if (id == "noise") its["label_noise"] = point["flipped"];
    if (id == "few") its["pairs"] = point["few"];
    if (id == "coverage") its["coverage"] = point["covered"];
    stream rng = context.rng;
    const alignment data(its, rng);
    const edge_table bonus = bonus_of(data, point["ridge"]);
    json& rewards = outcome[id];
    rewards["truth"] = optimised(data, point, data.world().reward);
    rewards["implicit"] = optimised(data, point, rto::implicit_reward(data.dpo(), data.reference(), point["beta"]));
    rewards["model"] = optimised(data, point, data.token_reward());
    std::size_t k = 0;
    for (const double radius : point["radius"])
      rewards[fmt::format("pessimistic_{}", k++)] = optimised(data, point, data.token_reward() - radius * bonus);
  }
  return outcome;
}

// Entry k of a list over all worlds.
std::vector<double> entries(const cell_outcomes& worlds, const std::string& which, const std::string& reward,
                            const char* field, std::size_t k) {
  std::vector<double> values;
  for (const json& r : worlds.replicates) values.push_back(r[which][reward][field][k]);
  return values;
}

// True reward at the best coefficient of the sweep less that at the smallest, world by world. The coefficient is chosen
// by other worlds than those it is used on.
std::vector<double> lost_by_optimising_on(const cell_outcomes& worlds, const std::string& which,
                                          const std::string& reward, std::size_t temperatures) {
  std::vector<std::vector<double>> truth;
  for (std::size_t k = 0; k < temperatures; ++k) truth.push_back(entries(worlds, which, reward, "true", k));
  const std::vector<std::size_t> best = cross_fitted_choice(truth);
  std::vector<double> lost;
  for (std::size_t r = 0; r < best.size(); ++r) lost.push_back(truth[best[r]][r] - truth.back()[r]);
  return lost;
}

std::string pessimistic(std::size_t k) { return fmt::format("pessimistic_{}", k); }

std::vector<double> objectives(const cell_outcomes& worlds, const std::string& which, const std::string& reward) {
  return worlds.values(which + "." + reward + ".objective");
}

// J of the best radius of the sweep less J without pessimism, world by world; the radius is chosen by other worlds.
std::vector<double> gained_by_pessimism(const cell_outcomes& worlds, const std::string& which, std::size_t radii) {
  std::vector<std::vector<double>> gains;
  const std::vector<double> without = objectives(worlds, which, "model");
  for (std::size_t k = 0; k < radii; ++k)
    gains.push_back(paired_differences(objectives(worlds, which, pessimistic(k)), without));
  const std::vector<std::size_t> best = cross_fitted_choice(gains);
  std::vector<double> gained;
  for (std::size_t r = 0; r < best.size(); ++r) gained.push_back(gains[best[r]][r]);
  return gained;
}

// Above 0 or not: refuted where the whole interval is below what counts as a difference.
check effect_check(std::string id, std::string tested, const char* predicted, const std::vector<double>& effect,
                   double margin) {
  check c =
      side_check(std::move(id), std::move(tested), {0, fmt::format("above 0: {} (below {:g}: no)", predicted, margin)},
                 mean_interval(effect, confidence), 0, true, static_cast<double>(effect.size()), confidence,
                 verdict::holds, verdict::fails_as_printed);
  if (c.result == verdict::inconclusive && c.range.given() && c.range.high < margin)
    c.result = verdict::fails_as_printed;
  return c;
}

using named_rewards = std::vector<std::pair<std::string, std::string>>;

figure curves_figure(const cell_outcomes& worlds, const named_rewards& rewards, std::size_t temperatures) {
  figure f{.id = "misspecification-curves",
           .title = "True reward against what the policy pays for it",
           .caption =
               "Each curve is one learned reward, optimised exactly at falling KL coefficients (left to right); means "
               "over worlds. Where a curve bends down, more optimisation of the learned reward loses true reward.",
           .panels = {}};
  for (const scenario& one : scenarios) {
    panel p{.title = one.label,
            .x = {.label = "KL to the reference (nats)"},
            .y = {.label = "true reward (reward units)"},
            .curves = {}};
    for (const auto& [id, label] : rewards) {
      series curve{.label = label, .style = id == "truth" ? mark::prediction : mark::line};
      for (std::size_t k = 0; k < temperatures; ++k) {
        curve.x.push_back(mean(entries(worlds, one.id, id, "kl", k)));
        curve.y.push_back(mean(entries(worlds, one.id, id, "true", k)));
      }
      p.curves.push_back(curve);
    }
    f.panels.push_back(p);
  }
  return f;
}

figure effects_figure(const cell_outcomes& worlds, const named_rewards& rewards, std::size_t temperatures,
                      const std::vector<double>& radii) {
  panel lost{
      .title = "lost by optimising to the end", .x = {}, .y = {.label = "true reward (reward units)"}, .curves = {}};
  for (const auto& [id, label] : rewards) lost.x.names.push_back(label);
  panel gained{.title = "what pessimism adds to J",
               .x = {.label = "pessimism ρ", .logarithmic = true},
               .y = {.label = "J with less J without (reward units)"},
               .curves = {}};
  for (const scenario& one : scenarios) {
    series loss{.label = one.label, .style = mark::points}, gain{.label = one.label};
    for (std::size_t i = 0; i < rewards.size(); ++i)
      add_point(loss, static_cast<double>(i + 1),
                mean_interval(lost_by_optimising_on(worlds, one.id, rewards[i].first, temperatures)));
    for (std::size_t k = 0; k < radii.size(); ++k)
      add_point(gain, radii[k],
                mean_interval(paired_differences(objectives(worlds, one.id, pessimistic(k)),
                                                 objectives(worlds, one.id, "model"))));
    lost.curves.push_back(loss);
    gained.curves.push_back(gain);
  }
  return {.id = "misspecification-effects",
          .title = "Over-optimisation, and what pessimism does about wrong rewards",
          .caption =
              "Lost: true reward at the KL coefficient that is best on other worlds, minus that at the smallest. "
              "Added: J of the pessimistic reward minus J of the reward model, world by world. Means with "
              "95&#8201;% intervals over worlds.",
          .panels = {lost, gained}};
}

table numbers_table(const cell_outcomes& worlds, const named_rewards& rewards, std::size_t temperatures,
                    double temperature) {
  table t{.title = fmt::format("At temperature {:g}, and beyond", temperature),
          .header = {"data", "reward optimised", "J", "J less that of clean data", "overestimate", "lost"},
          .rows = {},
          .caption =
              "J: exact objective under the true reward (reward units). Less that of clean data: same worlds, paired. "
              "Overestimate: gain promised by the learned reward minus true gain. Lost: true reward at the KL "
              "coefficient that is best on other worlds, minus that at the smallest one. Means with 95&#8201;% "
              "intervals over worlds."};
  const auto shown = [](const std::vector<double>& values) { return shown_interval(mean_interval(values), 3); };
  for (const scenario& one : scenarios) {
    const std::string which = one.id;
    for (const auto& [id, label] : rewards) {
      const std::vector<double> j = objectives(worlds, which, id);
      t.rows.push_back({one.label, label, shown(j),
                        which == "clean" ? "&ndash;" : shown(paired_differences(j, objectives(worlds, "clean", id))),
                        shown(worlds.values(which + "." + id + ".overestimate")),
                        shown(lost_by_optimising_on(worlds, which, id, temperatures))});
    }
  }
  return t;
}

// Which errors of the reward make the true reward fall, and which only keep it low.
note bending_note(const cell_outcomes& worlds, std::size_t temperatures, double margin) {
  std::string bent, flat;
  bool as_titled = true;  // clean data are no part of the statement
  for (const scenario& one : scenarios) {
    const estimate lost = mean_interval(lost_by_optimising_on(worlds, one.id, "model", temperatures), confidence);
    std::string& list = lost.range.low > 0 ? bent : flat;
    const std::string which = one.id;
    if (which != "clean")
      as_titled = as_titled && (which == "coverage" ? lost.range.low > 0 : lost.range.high < margin);
    list += fmt::format("{}{}: {}", list.empty() ? "" : ", ", one.label, shown_interval(lost, 3));
  }
  return {as_titled ? note::kind::finding : note::kind::remark,
          as_titled
              ? "The true reward falls where the data miss something; labels that are wrong or few only keep it low"
              : "What optimising to the end loses",
          fmt::format(
              "Lost by optimising the reward model to the end (reward units, {:g}&#8201;% intervals): {}; and where "
              "it cannot be told from nothing: {}. An error of the reward that does not depend on the truth "
              "makes the gain smaller, but the expected true reward still rises with the learned one; it falls "
              "where the learned reward is largest because it was never checked there.",
              100 * confidence, bent.empty() ? "nowhere" : bent, flat.empty() ? "nowhere" : flat)};
}

// How much more the largest radius promises in vain than none.
note promise_note(const cell_outcomes& worlds, const std::vector<double>& radii) {
  const std::string most = pessimistic(radii.size() - 1);
  std::string list;
  bool larger = false;
  for (const scenario& one : scenarios) {
    const auto overestimate = [&](const std::string& reward) {
      return worlds.values(fmt::format("{}.{}.overestimate", one.id, reward));
    };
    const estimate more = mean_interval(paired_differences(overestimate(most), overestimate("model")), confidence);
    larger = larger || more.range.low > 0;
    list += fmt::format("{}{}: {}", list.empty() ? "" : ", ", one.label, shown_interval(more, 3));
  }
  return {
      larger ? note::kind::finding : note::kind::remark,
      larger ? "A pessimistic reward does not always promise smaller gains" : "What a pessimistic reward promises",
      fmt::format(
          "The penalty &rho; &#8214;&phi;&#8214; lowers every promise, and that of the reference policy too. On the "
          "event of Theorem 4.2 the absolute value of a policy is not overestimated, but preferences do not fix the "
          "zero of the value; the gain over the reference, which they do fix, may be. By how much more it is "
          "overestimated with &rho; = {:g} than without (reward units, {:g}&#8201;% intervals): {}.",
          radii.back(), 100 * confidence, list)};
}

conclusion conclude(const settings& s, const outcomes& results) {
  const cell_outcomes& worlds = results.cells.front();
  const std::vector<double> radii = s.reals("radius");
  const std::size_t temperatures = s.reals("temperatures").size();
  const double n = static_cast<double>(worlds.count());
  conclusion c;
  c.tested = fmt::format(
      "Rewards learned on {} worlds (A = {}, H = {}, {} pairs; linear features; {:g} of the true reward's variance is "
      "outside them), from data as given, with {:g}&#8201;% of the labels flipped, from {} pairs only, and from data "
      "that hardly ever show one token; the same world and random numbers for all four. Each reward is optimised "
      "exactly at {} KL coefficients: what is left to see is the reward, not the optimiser.",
      s.integer("replicates"), s.integer("A"), s.integer("H"), s.integer("pairs"), s.real("unexplained"),
      100 * s.real("flipped"), s.integer("few"), temperatures);
  named_rewards rewards{{"truth", "true reward"}, {"implicit", "implicit (DPO)"}, {"model", "reward model"}};
  for (std::size_t k = 0; k < radii.size(); ++k)
    rewards.emplace_back(pessimistic(k), fmt::format("reward model, ρ = {:g}", radii[k]));

  double falls = 0;  // of the true reward when it is what is optimised
  for (const scenario& one : scenarios)
    for (const json& r : worlds.replicates) {
      const std::vector<double> truth = r[one.id]["truth"]["true"];
      for (std::size_t k = 1; k < truth.size(); ++k) falls += truth[k] < truth[k - 1] - 1e-9 ? 1 : 0;
    }
  c.checks.push_back(always_check("true-reward",
                                  "The true reward, optimised instead: it never falls from one KL coefficient to the "
                                  "next smaller one (all scenarios)",
                                  falls, n * static_cast<double>(std::size(scenarios) * (temperatures - 1))));
  for (const scenario& one : scenarios) {
    const std::string which = one.id;
    if (which == "clean") continue;
    c.checks.push_back(effect_check(
        "over-optimisation-" + which,
        fmt::format("{}: true reward with the reward model at the KL coefficient that is best on other worlds, minus "
                    "that at the smallest of the sweep",
                    one.label),
        "over-optimised", lost_by_optimising_on(worlds, which, "model", temperatures), s.real("margin")));
    c.checks.push_back(effect_check(
        "pessimism-" + which,
        fmt::format("{}: J at temperature {:g} with the radius of the sweep that is best on other worlds, minus J "
                    "without pessimism",
                    one.label, s.real("temperature")),
        "pessimism pays", gained_by_pessimism(worlds, which, radii.size()), s.real("margin")));
  }
  c.figures.push_back(curves_figure(worlds, rewards, temperatures));
  c.figures.push_back(effects_figure(worlds, rewards, temperatures, radii));
  c.tables.push_back(numbers_table(worlds, rewards, temperatures, s.real("temperature")));
  c.notes.push_back(bending_note(worlds, temperatures, s.real("margin")));
  c.notes.push_back(promise_note(worlds, radii));
  return c;
}

const registered_claim misspecification{
    {.id = "misspecification",
     .title = "Rewards that are wrong: over-optimisation and pessimism",
     .statement =
         "Optimised too far, a learned reward loses true reward; pessimism helps where the data miss something.",
     .source = "Section 4.2 (why pessimism); the paper has no such experiment. Over-optimisation after Gao, Schulman, "
               "Hilton 2022 (arXiv 2210.10760)",
     .origin = claim_origin::own,
     .schema = make_schema(),
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
