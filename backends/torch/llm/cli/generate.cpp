// rto-llm generate: answers on the terminal as they grow, or files of prompts into files of answers.
#include <fmt/format.h>
#include <torch/torch.h>

#include <iostream>
#include <memory>
#include <optional>
#include <set>

#include "llm/generation/generate.hpp"
#include "llm/generation/stop_strings.hpp"
#include "llm/model/lora.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

struct generate_options {
  std::string folder, input, output, field = "prompt", adapter, dtype = "float32", device = "cpu";
  std::vector<std::string> prompts, stops;
  generation_options generation;
  int threads = 0;
  bool greedy = false, ignore_end = false, special_tokens = false, probabilities = false;
};

struct request {
  std::string prompt;
  sim::ordered_json record;  // of the file, written back with the answer
  std::string place;
};

std::vector<request> read_requests(const generate_options& o) {
  std::vector<request> all;
  for (const std::string& p : o.prompts) all.push_back({p, {}, "--prompt"});
  if (o.input.empty()) return all;
  sim::json_lines_reader reader(o.input);
  for (sim::json object; reader.next(object);) {
    const std::string& prompt = reader.text(object, o.field);
    all.push_back({prompt, sim::ordered_json(object), reader.place()});
  }
  if (all.empty()) throw user_error(fmt::format("{}: expected prompts, found none", o.input));
  return all;
}

/// Whatever ends a text by the model's and the tokenizer's files.
std::vector<token_id> end_tokens(const std::filesystem::path& folder, const model_config& config, const tokenizer& t) {
  std::set<token_id> all(config.end_tokens.begin(), config.end_tokens.end());
  if (t.eos()) all.insert(*t.eos());
  const std::filesystem::path file = folder / "generation_config.json";
  if (std::filesystem::exists(file)) {
    const sim::json generation = sim::read_json(file);
    const auto eos = generation.is_object() ? generation.find("eos_token_id") : generation.end();
    if (eos != generation.end())
      for (const sim::json& id : eos->is_array() ? *eos : sim::json::array({*eos}))
        if (id.is_number_integer()) all.insert(id.get<token_id>());
  }
  return {all.begin(), all.end()};
}

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

  token_ids encode(const request& r) const {
    token_ids ids = tokenizer_.encode(r.prompt, options_.special_tokens);
    if (ids.empty() && model_.config().begin_token >= 0) ids = {model_.config().begin_token};
    if (ids.empty())
      throw user_error(fmt::format("{}: expected a prompt of at least one token, found an empty one", r.place));
    if (static_cast<std::int64_t>(ids.size()) >= model_.config().context)
      throw user_error(fmt::format("{}: expected a prompt below the model's context of {} tokens, found one of {}",
                                   r.place, model_.config().context, ids.size()));
    return ids;
  }

  /// Writes each answer as it grows.
  void stream(const request& r, std::uint64_t number) {
    const std::vector<token_ids> prompts{encode(r)};
    generation_options g = options_.generation;
    g.first_sequence = number;
    answer_text text(tokenizer_, options_.stops);
    const auto answers = generate(model_, prompts, g, [&](std::size_t, const generated_text& a) {
      const token_id last = a.tokens.back();
      const bool end = std::find(g.stop_tokens.begin(), g.stop_tokens.end(), last) != g.stop_tokens.end();
      if (!end) std::cout << text.add(last) << std::flush;
      return text.stopped();
    });
    std::cout << text.finish() << '\n' << std::flush;
  }

  std::vector<sim::ordered_json> answer(const std::vector<request>& requests) {
    std::vector<token_ids> prompts;
    for (const request& r : requests) prompts.push_back(encode(r));
    std::vector<answer_text> growing;
    for (std::size_t i = 0; i < requests.size(); ++i) growing.emplace_back(tokenizer_, options_.stops);
    std::vector<std::string> texts(requests.size());
    const auto& stops = options_.generation.stop_tokens;
    const auto answers = generate(model_, prompts, options_.generation, [&](std::size_t i, const generated_text& a) {
      if (std::find(stops.begin(), stops.end(), a.tokens.back()) == stops.end())
        texts[i] += growing[i].add(a.tokens.back());
      return growing[i].stopped();
    });
    std::vector<sim::ordered_json> result;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      sim::ordered_json out =
          requests[i].record.is_null() ? sim::ordered_json{{"prompt", requests[i].prompt}} : requests[i].record;
      out["text"] = texts[i] + growing[i].finish();
      out["tokens"] = answers[i].tokens;
      if (options_.probabilities) out["log_probabilities"] = answers[i].log_probabilities;
      out["finish_reason"] = answers[i].reason == finish_reason::stop ? "stop" : "length";
      result.push_back(std::move(out));
    }
    return result;
  }

 private:
  language_model load() const {
    const at::Device device(options_.device);
    if (device.is_cuda() && !torch::cuda::is_available())
      throw user_error("--device: expected cpu, found cuda, which this machine or this build has not");
    const at::ScalarType type = scalar_type(options_.dtype);
    language_model base =
        language_model::load(options_.folder, {.device = device, .dtype = type, .head = head_kind::language_model});
    return options_.adapter.empty() ? base : lora_adapter::load(base, options_.adapter, type).adapted(base);
  }

  generate_options options_;
  tokenizer tokenizer_;
  language_model model_;
};

int run(const generate_options& o) {
  if (o.threads > 0) at::set_num_threads(o.threads);
  if (!o.output.empty() && o.input.empty() && o.prompts.empty())
    throw user_error("--output: needs --input or --prompt");
  const std::vector<request> requests = read_requests(o);
  session s(o);
  if (o.output.empty() && o.input.empty()) {
    std::uint64_t number = 0;
    for (const request& r : requests) s.stream(r, number++);
    if (requests.empty())  // a prompt a line
      for (std::string line; std::getline(std::cin, line);)
        s.stream({line, {}, fmt::format("standard input: line {}", number + 1)}, number++);
    return 0;
  }
  std::string lines;
  for (const sim::ordered_json& answer : s.answer(requests))
    lines += answer.dump(-1, ' ', false, sim::ordered_json::error_handler_t::replace) + "\n";
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
  app.add_option("--output", o.output, "Where the JSON lines go; default: standard output");
  app.add_option("--field", o.field, "Field of the prompt")->capture_default_str();
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
  app.add_option("--seed", o.generation.seed)->capture_default_str();
  app.add_option("--batch", o.generation.batch, "Answers in work at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--dtype", o.dtype)->check(CLI::IsMember({"float32", "float16", "bfloat16"}))->capture_default_str();
  app.add_option("--device", o.device)->check(CLI::IsMember({"cpu", "cuda"}))->capture_default_str();
  app.add_option("--threads", o.threads, "0: as many as there are cores")->check(CLI::NonNegativeNumber);
}

const sim::registered_command command{"generate", "Continue prompts, on the terminal or from file to file",
                                      [](CLI::App& app) {
                                        auto options = std::make_shared<generate_options>();
                                        declare(app, *options);
                                        return [options] { return run(*options); };
                                      },
                                      60};

}  // namespace
}  // namespace rto::llm
