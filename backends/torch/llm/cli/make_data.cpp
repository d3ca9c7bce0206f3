// rto-llm make-data: a language whose preferences are known.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "llm/data/synthetic_language.hpp"
#include "sim/io/error.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

struct make_data_command {
  std::string folder;
  synthetic_options options;
  synthetic_sizes sizes;
};

int run_make_data(const make_data_command& c) {
  try {
    write_synthetic_language(c.folder, c.options, c.sizes);
  } catch (const std::domain_error& e) {
    throw sim::user_error(e.what());
  }
  fmt::print("{}: {} completions, {} comparisons and {} held out, {} prompts, the truth and a tokenizer\n", c.folder,
             c.sizes.completions, c.sizes.comparisons, c.sizes.held_out, c.sizes.prompts);
  return 0;
}

const sim::registered_command command{
    "make-data", "Write data of a small language whose token rewards are known, and a tokenizer for it",
    [](CLI::App& app) {
      auto c = std::make_shared<make_data_command>();
      app.add_option("FOLDER", c->folder, "Where to; it is made if it is not there")->required();
      app.add_option("--seed", c->options.seed, "Everything is a function of it")->capture_default_str();
      app.add_option("--words", c->options.words, "Words of the vocabulary")->capture_default_str();
      app.add_option("--topics", c->options.topics, "Groups of words")->capture_default_str();
      app.add_option("--prompt-words", c->options.prompt_words, "Words of a prompt")->capture_default_str();
      app.add_option("--longest-answer", c->options.longest_answer, "Words")->capture_default_str();
      app.add_option("--stop", c->options.stop, "Probability of the end after a word")->capture_default_str();
      app.add_option("--reward-scale", c->options.reward_scale, "Standard deviation of a word's own reward, nats")
          ->capture_default_str();
      app.add_option("--topic-reward", c->options.topic_reward, "Reward of a word of the prompt's topic, nats")
          ->capture_default_str();
      app.add_option("--repeat-reward", c->options.repeat_reward, "Reward of repeating a word at once, nats")
          ->capture_default_str();
      app.add_option("--completions", c->sizes.completions, "Prompts with an answer")->capture_default_str();
      app.add_option("--comparisons", c->sizes.comparisons, "Pairs to learn from")->capture_default_str();
      app.add_option("--held-out", c->sizes.held_out, "Pairs to test on")->capture_default_str();
      app.add_option("--prompts", c->sizes.prompts, "Prompts without an answer")->capture_default_str();
      return [c] { return run_make_data(*c); };
    },
    61};

}  // namespace
}  // namespace rto::llm
