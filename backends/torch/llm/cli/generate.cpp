// rto-llm generate: answers on the terminal as they grow, or files of prompts into files of answers.
#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "llm/cli/generate_options.hpp"
#include "llm/cli/reward_options.hpp"
#include "llm/cli/training_options.hpp"
#include "llm/evaluation/answer_judge.hpp"
#include "llm/evaluation/sampling_difference.hpp"
#include "llm/generation/end_tokens.hpp"
#include "llm/generation/stop_strings.hpp"
#include "llm/model/lora.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;
using sim::user_error;

class session {
 public:
  explicit session(const generate_options& o) : options_(o), tokenizer_(tokenizer::load(o.folder)), model_(load()) {
    const std::int64_t vocabulary = model_.config().vocabulary;
    if (tokenizer_.vocabulary_size() > vocabulary)
      throw user_error(fmt::format("{}: the tokenizer does not fit the model: it has {} tokens, the model {}", o.folder,
                                   tokenizer_.vocabulary_size(), vocabulary));
    if (!o.ignore_end) options_.generation.stop_tokens = end_tokens(o.folder, model_.config(), tokenizer_);
    if (o.greedy) options_.generation.sampling.temperature = 0;
    require_valid(options_.generation.sampling);
  }

  prompt_reader prompts() const { return {options_, tokenizer_, model_.config().context, model_.config().begin_token}; }

  /// Writes each answer as it grows.
  void stream(const generation_request& r, std::uint64_t number) {
    const std::vector<token_ids> prompts{r.ids};
    generation_options g = options_.generation;
    g.first_sequence = number;
    answer_text text(tokenizer_, options_.stops);
    const auto answers = generate(model_, prompts, g, [&](std::size_t, const generated_text& a) {
      if (!ends(a)) std::cout << text.add(a.tokens.back()) << std::flush;
      return text.stopped();
    });
    std::cout << text.finish() << '\n' << std::flush;
  }

  /// A record for every request, with the answer; of several answers the one that `reward` likes best.
  std::vector<ordered_json> answer(const std::vector<generation_request>& requests, const loaded_reward* reward) {
    const auto n = static_cast<std::size_t>(options_.best_of);
    std::vector<token_ids> prompts;
    for (const generation_request& r : requests) prompts.insert(prompts.end(), n, r.ids);
    std::vector<answer_text> growing;
    for (std::size_t i = 0; i < prompts.size(); ++i) growing.emplace_back(tokenizer_, options_.stops);
    std::vector<std::string> texts(prompts.size());
    const auto answers = generate(model_, prompts, options_.generation, [&](std::size_t i, const generated_text& a) {
      if (!ends(a)) texts[i] += growing[i].add(a.tokens.back());
      return growing[i].stopped();
    });
    for (std::size_t i = 0; i < texts.size(); ++i) texts[i] += growing[i].finish();
    if (options_.compare) {
      const sampling_difference d = compare_with_scoring(model_, prompts, answers, 16);
      fmt::print(stderr, "log-probabilities: sampling and training differ by at most {:.3g} nats ({} tokens)\n",
                 d.largest, d.tokens);
    }
    const std::vector<double> rewards =
        reward == nullptr ? std::vector<double>() : rewards_of(requests, texts, *reward);
    std::vector<ordered_json> result;
    for (std::size_t r = 0; r < requests.size(); ++r) {
      const std::size_t first = r * n;
      const std::size_t best =
          rewards.empty()
              ? first
              : static_cast<std::size_t>(std::max_element(rewards.begin() + static_cast<std::ptrdiff_t>(first),
                                                          rewards.begin() + static_cast<std::ptrdiff_t>(first + n)) -
                                         rewards.begin());
      ordered_json out = requests[r].record;
      out["text"] = texts[best];
      out["tokens"] = answers[best].tokens;
      if (options_.probabilities) out["log_probabilities"] = answers[best].log_probabilities;
      out["finish_reason"] = answers[best].reason == finish_reason::stop ? "stop" : "length";
      if (!rewards.empty()) out["reward"] = rewards[best];
      for (std::size_t k = first; n > 1 && k < first + n; ++k)
        out["candidates"].push_back({{"text", texts[k]}, {"reward", rewards[k]}});
      result.push_back(std::move(out));
    }
    return result;
  }

  const language_model& model() const { return model_; }

 private:
  bool ends(const generated_text& a) const {
    const auto& stops = options_.generation.stop_tokens;
    return std::find(stops.begin(), stops.end(), a.tokens.back()) != stops.end();
  }

  std::vector<double> rewards_of(const std::vector<generation_request>& requests, const std::vector<std::string>& texts,
                                 const loaded_reward& reward) const {
    answer_file answers{"answers", {}, texts};
    std::vector<std::size_t> which(texts.size());
    for (std::size_t i = 0; i < which.size(); ++i) {
      which[i] = i;
      answers.prompts.push_back(requests[i / static_cast<std::size_t>(options_.best_of)].prompt);
    }
    encoding_options encoding;
    encoding.max_length = reward.context();
    return score_answers(answers, which, reward.coder(), encoding, reward.scorer(16)).rewards;
  }

  language_model load() const {
    const at::Device device = options_.prepare_device();
    const load_options loading{
        .device = device, .dtype = scalar_type(options_.dtype), .head = head_kind::language_model};
    const language_model base = load_with_adapter(options_.folder, loading);
    return options_.adapter.empty() ? base : lora_adapter::load(base, options_.adapter, loading.dtype).adapted(base);
  }

  generate_options options_;
  tokenizer tokenizer_;
  language_model model_;
};

void check(const CLI::App& app, const generate_options& o) {
  if (!o.output.empty() && o.input.empty() && o.prompts.empty() && o.data.empty())
    throw user_error("--output: needs --input, --data or --prompt");
  const bool templates = o.chat || !o.data.empty();
  for (const char* name : {"--data-format", "--max-length", "--max-prompt-length", "--too-long", "--dialogue-as-chat"})
    refuse_unused(app, name, !o.data.empty(), "--data");
  refuse_unused(app, "--template-date", templates, "--chat or --data");
  refuse_unused(app, "--field", !o.input.empty(), "--input");
  refuse_unused(app, "--special-tokens", !o.chat, "prompts that no template makes");
  if (o.best_of > 1 && o.reward_model.empty())
    throw user_error("--best-of: expected --reward-model DIR, which chooses");
  for (const char* name : {"--reward-model", "--compare-scores"})
    refuse_unused(app, name, o.as_lines(), "--input, --data or --output");
}

int run(const CLI::App& app, const generate_options& o) {
  check(app, o);
  session s(o);
  const prompt_reader prompts = s.prompts();
  const std::vector<generation_request> requests = prompts.all();
  if (!o.as_lines()) {
    std::uint64_t number = 0;
    for (const generation_request& r : requests) s.stream(r, number++);
    if (requests.empty())  // a prompt a line
      for (std::string line; std::getline(std::cin, line); ++number)
        s.stream(prompts.text(line, fmt::format("standard input: line {}", number + 1)), number);
    return 0;
  }
  const auto reward =
      o.reward_model.empty() ? nullptr : loaded_reward::of_model(o.reward_model, {.device = s.model().device()});
  std::string lines;
  for (const ordered_json& answer : s.answer(requests, reward.get()))
    lines += answer.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  if (o.output.empty())
    std::cout << lines;
  else
    sim::write_file(o.output, lines);
  return 0;
}

void declare(CLI::App& app, generate_options& o) {
  app.add_option("FOLDER", o.folder, "A Hugging Face checkpoint with its tokenizer")->required();
  app.add_option("--prompt", o.prompts,
                 "Texts to go on with; without, and without --input, the lines of standard input");
  app.add_option("--input", o.input, "JSON lines (.gz too) of prompts; answers are written as JSON lines");
  app.add_option("--data", o.data, "Files of any format that training takes: their prompts, each once")
      ->type_name("FILE");
  app.add_option("--output", o.output, "Where the JSON lines go; default: standard output");
  app.add_option("--field", o.field, "Field of the prompt in --input: a text, or messages with --chat")
      ->capture_default_str();
  app.add_flag("--chat", o.chat, "Prompts are messages (a text: one of the user's) for the chat template");
  app.add_option("--best-of", o.best_of, "So many answers a prompt, of which --reward-model chooses the best")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--reward-model", o.reward_model, "A reward model, which gives every answer its reward")
      ->type_name("DIR");
  app.add_option("--adapter", o.adapter, "Folder of a LoRA adapter (PEFT's files)");
  app.add_option("--max-new-tokens", o.generation.max_new_tokens)->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--temperature", o.generation.sampling.temperature)->capture_default_str();
  app.add_option("--top-k", o.generation.sampling.top_k, "Only the k most probable tokens; 0: all")
      ->capture_default_str();
  app.add_option("--top-p", o.generation.sampling.top_p, "Only the most probable tokens of this probability together")
      ->capture_default_str();
  app.add_option("--min-p", o.generation.sampling.min_p,
                 "Only tokens of at least this share of the largest probability")
      ->capture_default_str();
  app.add_option("--repetition-penalty", o.generation.sampling.repetition_penalty)->capture_default_str();
  app.add_flag("--greedy", o.greedy, "Always the most probable token");
  app.add_option("--stop", o.stops, "Texts that end an answer and are not part of it")->check([](const std::string& s) {
    return s.empty() ? "expected a text" : "";
  });
  app.add_flag("--ignore-end", o.ignore_end, "Go on after the model's end-of-text tokens");
  app.add_flag("--special-tokens", o.special_tokens,
               "Put the tokenizer's special tokens around prompts (as <s> before)");
  app.add_flag("--log-probabilities", o.probabilities, "Write every token's log-probability by the model");
  app.add_flag("--compare-scores", o.compare,
               "Compute the log-probabilities once more as training does, and say how much they differ");
  app.add_option("--seed", o.generation.seed)->capture_default_str();
  app.add_option("--batch", o.generation.batch, "Answers in work at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--dtype", o.dtype)->check(CLI::IsMember({"float32", "float16", "bfloat16"}))->capture_default_str();
  o.declare_compute(app);
  o.declare_data(app, "Of --data and of chat templates");
  for (const char* name : {"--last-turn-only", "--no-end-token"})
    app.remove_option(app.get_option(name));  // of answers
}

const sim::registered_command command{"generate", "Continue prompts, on the terminal or from file to file",
                                      [](CLI::App& app) {
                                        auto options = std::make_shared<generate_options>();
                                        declare(app, *options);
                                        return [options, &app] { return run(app, *options); };
                                      },
                                      60};

}  // namespace
}  // namespace rto::llm
