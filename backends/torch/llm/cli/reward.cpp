// rto-llm reward: a reward model from preferences.
#include <memory>

#include "llm/cli/training_data.hpp"
#include "llm/cli/training_session.hpp"
#include "llm/training/reward_objective.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

struct reward_options : training_options {
  double centering = 0;
  bool ignore_margins = false;
};

int run_reward(const CLI::App& app, const reward_options& options) {
  training_session session(app, options, "reward", head_kind::score);
  const training_data<encoded_pair> data = load_pairs(options, session.model().config());
  const bool margins = std::any_of(data.training.begin(), data.training.end(),
                                   [](const encoded_pair& p) { return p.margin.has_value(); });
  refuse_unused(app, "--ignore-margins", margins, "data with margins");
  reward_objective task(session.model(), data.training, options.centering, !options.ignore_margins, options.recompute);
  reward_objective held_out(session.model(), data.held_out, options.centering, !options.ignore_margins,
                            options.recompute);
  return session.run(task, data.held_out.empty() ? nullptr : &held_out, data.lengths(),
                     {{"centering", options.centering},
                      {"ignore_margins", options.ignore_margins},
                      {"data", digest_of(data.training)},
                      {"held_out", digest_of(data.held_out)}},
                     {.tokens = static_cast<std::int64_t>(options.micro_batch() * data.longest()),
                      .recompute = options.recompute,
                      .sixteen_bit = options.precision == "bf16"});
}

const sim::registered_command command{
    "reward", "Train a reward model on preferred and other answers", [](CLI::App& app) {
      auto options = std::make_shared<reward_options>();
      options->learning_rate = 1e-4;
      options->epochs = 1;
      add_training_options(app, *options);
      app.add_option("--centering", options->centering, "Weight of the squared sum of a pair's rewards")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str();
      app.add_flag("--ignore-margins", options->ignore_margins, "Take no notice of the margins that the data give");
      return [options, &app] { return run_reward(app, *options); };
    }};

}  // namespace
}  // namespace rto::llm
