// rto-llm evaluate --answers: who wins against whom.
#include <fmt/format.h>

#include <cmath>

#include "llm/cli/evaluate_options.hpp"
#include "llm/evaluation/answer_judge.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;
using sim::user_error;

judge_task task_of(const evaluate_options& o) {
  return o.task == "summarization" ? judge_task::summarization : judge_task::dialogue;
}

std::int64_t limit_of(const evaluate_options& o) {
  if (o.limit > 0) return o.limit;
  return o.preset == "paper-oracle" ? 400 : o.preset == "paper-gpt4" ? 100 : 0;  // prompts, as the paper counts
}

ordered_json with_counts(const win_rate& w) {
  ordered_json out = to_json(w.rate);
  out.update({{"judgements", w.count}, {"ties", w.ties}});
  return out;
}

// Every model against the baseline: as counted, and with length and style held fixed.
ordered_json win_rates_of(const evaluate_options& o, const std::vector<std::vector<judgement>>& by_model,
                          const std::string& baseline) {
  ordered_json all = ordered_json::array();
  std::vector<judgement> together;
  for (const auto& judgements : by_model) together.insert(together.end(), judgements.begin(), judgements.end());
  const style_controlled_rates styled = style_controlled_win_rates(together, baseline, o.seed, 100, o.confidence);
  for (const auto& judgements : by_model) {
    const std::string& name = judgements.front().model;
    const controlled_win_rate rate = length_controlled_win_rate(judgements, o.confidence);
    const auto place = std::find(styled.models.begin(), styled.models.end(), name) - styled.models.begin();
    const win_rate& style = styled.rates[static_cast<std::size_t>(place)];
    fmt::print("{} against {}: {} judgements, {} ties\n", name, baseline, rate.raw.count, rate.raw.ties);
    fmt::print("  win rate           {}\n", with_interval(rate.raw.rate));
    fmt::print("  of equal length    {}{}\n", with_interval(rate.controlled.rate),
               rate.separated ? " (not identified: the judgements agree, or lengths decide them)" : "");
    fmt::print("  of equal style     {}\n", with_interval(style.rate));
    all.push_back({{"model", name},
                   {"baseline", baseline},
                   {"win_rate", with_counts(rate.raw)},
                   {"length_controlled", with_counts(rate.controlled)},
                   {"length_effect", sim::number(rate.effect)},
                   {"length_separates", rate.separated},
                   {"style_controlled", with_counts(style)}});
  }
  return all;
}

std::vector<answer_file> read_models(const evaluate_options& o, const answer_file& baseline) {
  std::vector<answer_file> models;
  for (const std::string& file : o.answers) {
    models.push_back(read_answers(file));
    const auto named = [&](const answer_file& other) { return other.name == models.back().name; };
    if (named(baseline) || std::count_if(models.begin(), models.end(), named) > 1)
      models.back().name = file;  // two files of one name in different folders
  }
  return models;
}

ordered_json by_verdicts(const evaluate_options& o) {
  std::vector<std::vector<judgement>> by_model;
  const std::string baseline = o.baseline.empty() ? "baseline" : std::filesystem::path(o.baseline).stem().string();
  for (const std::string& file : o.verdicts) {
    std::string name = std::filesystem::path(file).stem().string();
    if (name == baseline) name = file;
    by_model.push_back(import_verdicts(file, name, baseline));
  }
  return win_rates_of(o, by_model, baseline);
}

}  // namespace

sim::ordered_json evaluate_answers(const evaluate_options& o, at::Device device) {
  if (o.judge == "verdicts") return by_verdicts(o);
  const answer_file baseline = read_answers(o.baseline);
  const std::vector<answer_file> models = read_models(o, baseline);
  if (!o.export_to.empty()) {
    const std::int64_t count = export_pairs(models.front(), baseline, task_of(o), o.seed, limit_of(o), o.export_to);
    fmt::print(
        "{}: {} pairs in random order; with a \"verdict\" each they come back by --judge verdicts --verdicts FILE\n",
        o.export_to.string(), count);
    return {{"exported", o.export_to.string()}, {"pairs", count}};
  }
  const auto reward = o.judge == "reward-model"
                          ? loaded_reward::of_model(o.reward_model, o.loading(device))
                          : loaded_reward::of_policies(o.policy, o.reference, o.beta, o.loading(device));
  std::vector<std::vector<judgement>> by_model;
  for (const answer_file& model : models)
    by_model.push_back(judge(model, baseline, paired_answers(model, baseline, o.seed, limit_of(o)), reward->coder(),
                             o.encoding(reward->context()), reward->scorer(o.batch)));
  return win_rates_of(o, by_model, baseline.name);
}

}  // namespace rto::llm
