// rto-llm sft: supervised fine-tuning.
#include <memory>

#include "llm/cli/training_data.hpp"
#include "llm/cli/training_session.hpp"
#include "llm/training/sft_objective.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

struct sft_options : training_options {
  bool blocks = false;
};

int run_sft(const CLI::App& app, const sft_options& options) {
  training_session session(app, options, "sft", head_kind::language_model);
  const training_data<encoded_answer> data = load_answers(options, session.model().config(), options.blocks);
  sft_objective task(session.model(), data.training, options.recompute);
  sft_objective held_out(session.model(), data.held_out, options.recompute);
  const auto rows = static_cast<std::int64_t>(options.micro_batch());
  std::int64_t predicted = 0;
  for (const encoded_answer& a : data.training)
    predicted = std::max(predicted, static_cast<std::int64_t>(a.ids.size()) - a.prompt_length);
  return session.run(task, data.held_out.empty() ? nullptr : &held_out, data.lengths(),
                     {{"data", digest_of(data.training)}, {"held_out", digest_of(data.held_out)}},
                     {.tokens = rows * static_cast<std::int64_t>(data.longest()),
                      .predicted = rows * predicted,
                      .recompute = options.recompute,
                      .sixteen_bit = options.precision == "bf16"});
}

const sim::registered_command command{
    "sft", "Fine-tune a language model on prompts with their answers, or on plain text", [](CLI::App& app) {
      auto options = std::make_shared<sft_options>();
      options->learning_rate = 2e-5;
      options->epochs = 3;
      add_training_options(app, *options);
      app.add_flag("--blocks", options->blocks,
                   "Texts as one stream in blocks of --max-length tokens (as plain text always is)")
          ->group("Data");
      return [options, &app] { return run_sft(app, *options); };
    }};

}  // namespace
}  // namespace rto::llm
