// Table 1 where the exact answer is known: every method on one data set, win rates by enumeration.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <boost/random/uniform_01.hpp>

#include <rto/mdp/token_mdp.hpp>

#include "sim/engine/curve.hpp"
#include "sim/experiments/alignment.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;

constexpr double confidence = 0.999;

settings_schema make_schema() {
  settings_schema schema = alignment_settings({10, 40, 100});
  schema.push_back(integer("data_sets", "independent worlds with a data set each", {4, 20, 50}, {2}));
  schema.push_back(texts("parametrization", "policies and reward model: a table, or linear in features",
                         {{"tabular", "linear"}, {"tabular", "linear"}, {"tabular", "linear"}}, {"tabular", "linear"}));
  schema.push_back(integer("judged", "comparisons of a sampled judge, each pair of methods", {400, 400, 400}, {1}));
  return schema;
}

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const std::string& parametrization : s.texts("parametrization")) {
    json point = alignment_point(s);
    point["parametrization"] = parametrization;
    point["judged"] = s.integer("judged");
    cells.push_back({.point = point, .replicates = s.integer("data_sets")});
  }
  return cells;
}

// How often an answer of one policy wins against one of another, judged `n` times by a noisy judge.
double sampled_win_rate(const token_world& world, const std::vector<double>& first, const std::vector<double>& second,
                        std::int64_t n, stream& rng) {
  boost::random::uniform_01<double> uniform;
  std::int64_t wins = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto prompt = static_cast<std::size_t>(rto::draw_index(world.tree.start_distribution(), rng));
    const auto from = static_cast<std::size_t>(world.first_answer[prompt]);
    const auto count = static_cast<std::size_t>(world.first_answer[prompt + 1]) - from;
    const auto draw = [&](const std::vector<double>& p) {
      return world
          .answer_reward[from + static_cast<std::size_t>(rto::draw_index(std::span(p).subspan(from, count), rng))];
    };
    const double one = draw(first), other = draw(second);
    wins += uniform(rng) < rto::array::sigmoid(one - other) ? 1 : 0;
  }
  return static_cast<double>(wins) / static_cast<double>(n);
}

json replicate(const json& point, replicate_context& context) {
  const alignment data(point, context.rng);
  const double optimum = optimal_objective(data.world(), data.reference(), data.temperature());
  std::vector<std::vector<double>> probabilities;
  json figures;
  std::uint64_t part = 0;
  for (const alignment_method& method : alignment_methods()) {
    stream rng = context.rng.substream(part++);
    const edge_table log_policy = data.train(method.id, rng);
    const policy_figures f = figures_of(data.world(), log_policy, data.reference());
    figures[method.id] = {{"reward", f.reward},
                          {"kl", f.kl},
                          {"length", f.length},
                          {"subopt", optimum - f.objective(data.temperature())}};
    probabilities.push_back(answer_probabilities(data.world(), log_policy));
  }
  // RTO against every other method by a judge who samples, as an experiment on language models must.
  const auto& methods = alignment_methods();
  const auto rto_at = static_cast<std::size_t>(
      std::find_if(methods.begin(), methods.end(), [](const alignment_method& m) { return m.id == "rto"; }) -
      methods.begin());
  stream judge_rng = context.rng.substream(part);
  std::vector<double> sampled;
  for (const auto& other : probabilities)
    sampled.push_back(sampled_win_rate(data.world(), probabilities[rto_at], other, point["judged"], judge_rng));
  return {{"methods", figures},
          {"exact", win_rates(data.world(), probabilities, judge::true_reward)},
          {"noisy", win_rates(data.world(), probabilities, judge::bradley_terry)},
          {"sampled", sampled},
          {"optimum_gap", optimum - figures_of(data.world(), data.reference(), data.reference()).reward}};
}

std::vector<double> entry(const cell_outcomes& cell, const char* matrix, std::size_t i, std::size_t j) {
  std::vector<double> values;
  for (const json& r : cell.replicates) values.push_back(r[matrix][i][j]);
  return values;
}

std::size_t place(const std::string& id) {
  const auto& methods = alignment_methods();
  for (std::size_t i = 0; i < methods.size(); ++i)
    if (methods[i].id == id) return i;
  throw std::logic_error("table-1: no method " + id);
}

conclusion conclude(const settings& s, const outcomes& results) {
  const auto& methods = alignment_methods();
  conclusion c;
  c.tested = fmt::format(
      "{} methods on {} random worlds for each parametrisation (A = {}, H = {}, {} prompts, {} preference pairs, {} "
      "rollouts of {} answers). Win rates are exact: both policies enumerated over all answers, the better answer "
      "under "
      "the true reward wins. Coefficients: {}, objective J at temperature {:g}.",
      methods.size(), s.integer("data_sets"), s.integer("A"), s.integer("H"), s.integer("prompts"), s.integer("pairs"),
      s.integer("iterations"), s.integer("batch"), s.text("coefficients"), s.real("temperature"));

  const std::size_t rto_at = place("rto");
  axis names;
  for (const alignment_method& m : methods) names.names.push_back(m.label);
  figure f{
      .id = "table-1-methods",
      .title = "How far every method ends from the optimum, and how often RTO wins against it",
      .caption =
          "Exact suboptimality at the common temperature, and the exact win rate of RTO against the method; "
          "means with 95&#8201;% intervals over data sets.",
      .panels = {{.title = "SubOpt", .x = names, .y = {.label = "SubOpt (reward units)", .minimum = 0}, .curves = {}},
                 {.title = "win rate of RTO",
                  .x = names,
                  .y = {.label = "share of comparisons won by RTO", .minimum = 0, .maximum = 1},
                  .curves = {}}}};
  for (const cell_outcomes& cell : results.cells) {
    const std::string parametrization = cell.point["parametrization"];
    const double n = static_cast<double>(cell.count());
    for (const char* rival : {"sft", "dpo", "ppo", "dppo"}) {
      c.checks.push_back(side_check(
          fmt::format("rto-{}-{}", rival, parametrization),
          fmt::format("{} policies: exact win rate of RTO against {} (the paper's Table 1 reports more than one half)",
                      parametrization, find_method(rival).label),
          {0.5, "more than 0.5"}, mean_interval(entry(cell, "exact", rto_at, place(rival)), confidence), 0.5, true, n,
          confidence, verdict::holds, verdict::fails_as_printed));
    }
    // The sampling judge estimates the noisy judge's exact rate.
    double worst = 0;
    std::int64_t used = 0;
    for (std::size_t j = 0; j < methods.size(); ++j) {
      double difference = 0, variance = 0;
      for (const json& r : cell.replicates) {
        const double p = r["noisy"][rto_at][j], q = r["sampled"][j];
        difference += q - p;
        variance += p * (1 - p) / static_cast<double>(s.integer("judged"));
      }
      worst = std::max(worst, std::abs(difference) / std::sqrt(variance));
      ++used;
    }
    check sampled;
    sampled.id = "judge-" + parametrization;
    sampled.tested = fmt::format(
        "{} policies: {} comparisons by a sampling Bradley-Terry judge against that judge's exact win rate, largest "
        "deviation over the {} rivals in standard errors",
        parametrization, s.integer("judged"), used);
    sampled.predicted = {4.5, "at most 4.5"};
    sampled.measured = worst;
    sampled.n = n;
    sampled.result = worst <= 4.5 ? verdict::holds : verdict::contradicted;
    c.checks.push_back(sampled);

    table t{.title = fmt::format("All methods, {} policies", parametrization),
            .header = {"method", "SubOpt", "true reward", "KL to SFT (nats)", "length", "win rate of RTO, exact",
                       "of RTO, noisy judge"},
            .rows = {},
            .caption =
                "Means over data sets with 95&#8201;% intervals. SubOpt is exact, at the common temperature; the "
                "noisy judge prefers by Bradley-Terry, as the labels were made."};
    series gaps{.label = parametrization + " policies", .style = mark::points};
    series wins = gaps;
    for (std::size_t i = 0; i < methods.size(); ++i) {
      const std::string field = "methods." + methods[i].id;
      const std::vector<double> gap = cell.values(field + ".subopt");
      t.rows.push_back(
          {methods[i].label, shown_interval(mean_interval(gap), 3), fmt::format("{:.3f}", cell.mean(field + ".reward")),
           fmt::format("{:.2f}", cell.mean(field + ".kl")), fmt::format("{:.2f}", cell.mean(field + ".length")),
           i == rto_at ? "&ndash;" : shown_interval(mean_interval(entry(cell, "exact", rto_at, i)), 3),
           i == rto_at ? "&ndash;" : fmt::format("{:.3f}", mean(entry(cell, "noisy", rto_at, i)))});
      add_point(gaps, static_cast<double>(i + 1), mean_interval(gap));
      if (i != rto_at) add_point(wins, static_cast<double>(i + 1), mean_interval(entry(cell, "exact", rto_at, i)));
    }
    c.tables.push_back(t);

    table w{.title = fmt::format("Exact win rates, {} policies: row against column", parametrization),
            .header = {""},
            .rows = {},
            .caption = "Means over data sets, in per cent; green where the row wins."};
    for (const alignment_method& m : methods) w.header.push_back(m.label);
    for (std::size_t i = 0; i < methods.size(); ++i) {
      std::vector<std::string> row{methods[i].label};
      for (std::size_t j = 0; j < methods.size(); ++j)
        row.push_back(i == j ? "&ndash;"
                             : fmt::format("<span class=\"heat\" style=\"--heat:{0:.0f}%\">{0:.0f}</span>",
                                           100 * mean(entry(cell, "exact", i, j))));
      w.rows.push_back(row);
    }
    c.tables.push_back(w);
    f.panels[0].curves.push_back(gaps);
    f.panels[1].curves.push_back(wins);
  }
  f.panels[1].curves.push_back(
      {.label = "one half", .x = {1, static_cast<double>(methods.size())}, .y = {0.5, 0.5}, .style = mark::prediction});
  c.figures.push_back(f);
  c.notes.push_back(
      {note::kind::finding, "One objective, two credit assignments",
       "At matched temperature RTO and DPPO maximise the same objective (docs/mathematics.md 13.5), so a difference "
       "between them is one of critics and of finite training, not of the reward. PPO uses a reward model that was "
       "fitted "
       "to the same pairs, by the same optimiser, as the DPO policy whose implicit reward RTO and DPPO use: which of "
       "the "
       "two generalises better decides the rest of the table."});
  c.notes.push_back(
      {note::kind::remark, "What carries over from the paper, and what does not",
       "The paper's Table 1 is about a language model judged by a reward model and by GPT-4; here every "
       "quantity is exact, the world is small, and the true reward is known. A row that agrees supports the "
       "mechanism, not the paper's percentages."});
  return c;
}

const registered_claim table_1{
    {.id = "table-1",
     .title = "Table 1: who wins against whom, exactly",
     .statement = "RTO wins against SFT, DPO, PPO and DPPO in more than half of all comparisons.",
     .source =
         "Table 1 and section 5.1; methods of the later version's table too (R-DPO, SimPO, TDPO, Semi-RTO, RS-PPO), "
         "TPPO after arXiv 2411.00722. An analogue on enumerable token trees",
     .origin = claim_origin::analogue,
     .schema = make_schema(),
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
