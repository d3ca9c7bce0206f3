// rto-llm evaluate: held-out loss, preference accuracy, win rates.
#include <fmt/format.h>

#include "llm/cli/evaluate_options.hpp"
#include "llm/cli/training_options.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {

std::string with_interval(const sim::estimate& e) {
  if (!e.range.given()) return fmt::format("{:.4g}", e.value);
  return fmt::format("{:.4g} [{:.4g}, {:.4g}]", e.value, e.range.low, e.range.high);
}

sim::ordered_json to_json(const sim::estimate& e) {
  sim::ordered_json out{{"value", sim::number(e.value)}};
  if (e.range.given()) out["interval"] = {sim::number(e.range.low), sim::number(e.range.high)};
  return out;
}

namespace {

// Every option that was given must have something to do.
void check(const CLI::App& app, const evaluate_options& o) {
  const bool wins = !o.answers.empty() || !o.verdicts.empty();
  if (o.data.empty() == !wins)
    throw sim::user_error(
        "expected --data FILE (held-out data), or --answers FILE --baseline FILE or --verdicts FILE (win rates)");
  o.check_rewards(app);
  refuse_unused(app, "--model", !wins, "--data");
  for (const char* name : {"--judge", "--preset", "--limit", "--seed", "--export", "--task"})
    refuse_unused(app, name, wins, "--answers or --verdicts");
  refuse_unused(app, "--task", !o.export_to.empty(), "--export");
  if (!wins) return;
  if (o.judge == "verdicts") {
    if (o.verdicts.empty() || !o.answers.empty()) throw sim::user_error("--judge verdicts: expected --verdicts FILE");
    for (const char* name : {"--reward-model", "--policy", "--limit", "--preset"})
      refuse_unused(app, name, false, "judges other than verdicts");
    return;
  }
  refuse_unused(app, "--verdicts", false, "--judge verdicts");
  if (o.answers.empty() || o.baseline.empty()) throw sim::user_error("--answers and --baseline go together");
  if (!o.export_to.empty()) {
    if (!o.judge.empty() || o.answers.size() > 1)
      throw sim::user_error("--export: expected one file of --answers and no --judge");
    return;
  }
  if (o.judge.empty())
    throw sim::user_error("--answers: expected --judge reward-model, dpo-implicit or verdicts, or --export FILE");
  if (o.judge == "reward-model" && o.reward_model.empty())
    throw sim::user_error("--judge reward-model: expected --reward-model DIR");
  if (o.judge == "dpo-implicit" && o.policy.empty())
    throw sim::user_error("--judge dpo-implicit: expected --policy DIR --reference DIR");
  refuse_unused(app, "--reward-model", o.judge == "reward-model", "--judge reward-model");
  refuse_unused(app, "--policy", o.judge == "dpo-implicit", "--judge dpo-implicit");
}

int run_evaluate(const CLI::App& app, const evaluate_options& o) {
  check(app, o);
  const at::Device device = o.prepare_device();
  sim::ordered_json out{{"format", "rto-evaluation/1"}, {"confidence", o.confidence}};
  if (!o.data.empty())
    out["held_out"] = evaluate_data(o, device);
  else
    out["win_rates"] = evaluate_answers(o, device);
  if (!o.output.empty()) sim::write_file(o.output, out.dump(1) + "\n");
  return 0;
}

const sim::registered_command command{
    "evaluate", "Evaluate on held-out data: loss, preference accuracy of rewards, win rates between files of answers",
    [](CLI::App& app) {
      auto o = std::make_shared<evaluate_options>();
      const std::string held_out = "Held-out data", wins = "Win rates", run = "Run";
      app.add_option("--data", o->data, "Held-out data of any kind that training takes")
          ->type_name("FILE")
          ->group(held_out);
      app.add_option("--model", o->model, "A language model: its loss and perplexity (on preferred answers)")
          ->type_name("DIR")
          ->group(held_out);
      app.add_option("--answers", o->answers, "Answers as `generate` writes them; several models: several files")
          ->type_name("FILE")
          ->group(wins);
      app.add_option("--baseline", o->baseline, "The answers they are compared with, to the same prompts")
          ->type_name("FILE")
          ->group(wins);
      app.add_option("--judge", o->judge, "Who prefers: reward-model, dpo-implicit, or verdicts from outside")
          ->check(CLI::IsMember({"reward-model", "dpo-implicit", "verdicts"}))
          ->group(wins);
      app.add_option("--export", o->export_to, "Write pairs in random order with the question for a judge outside")
          ->type_name("FILE")
          ->group(wins);
      app.add_option("--task", o->task, "The question of --export: which is more helpful, which summarises better")
          ->check(CLI::IsMember({"dialogue", "summarization"}))
          ->capture_default_str()
          ->group(wins);
      app.add_option("--verdicts", o->verdicts, "Exported pairs with a \"verdict\" each")
          ->type_name("FILE")
          ->group(wins);
      app.add_option("--preset", o->preset, "As many prompts as in the paper: paper-oracle 400, paper-gpt4 100")
          ->check(CLI::IsMember({"paper-oracle", "paper-gpt4"}))
          ->group(wins);
      app.add_option("--limit", o->limit, "A random choice of so many prompts, the same for all models (0: all)")
          ->check(CLI::NonNegativeNumber)
          ->group(wins);
      app.add_option("--seed", o->seed, "Of that choice, of the order of pairs and of the bootstrap")
          ->capture_default_str()
          ->group(wins);
      app.get_option("--preset")->excludes(app.get_option("--limit"));
      o->declare_rewards(app);
      o->declare_data(app, "Data");
      o->declare_compute(app, run);
      app.add_option("--dtype", o->dtype, "Of the weights in memory")
          ->check(CLI::IsMember({"float32", "bfloat16"}))
          ->capture_default_str()
          ->group(run);
      app.add_option("--batch", o->batch, "Texts of one pass")
          ->check(CLI::PositiveNumber)
          ->capture_default_str()
          ->group(run);
      app.add_option("--confidence", o->confidence, "Level of the intervals")
          ->check(CLI::Range(0.5, 0.9999))
          ->capture_default_str()
          ->group(run);
      app.add_option("--output", o->output, "The same numbers as JSON")->type_name("FILE")->group(run);
      return [o, &app] { return run_evaluate(app, *o); };
    }};

}  // namespace
}  // namespace rto::llm
