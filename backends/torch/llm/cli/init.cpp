// rto-llm init: a model that nothing has been learnt by yet.
#include <fmt/format.h>

#include <memory>

#include "llm/model/language_model.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

using sim::user_error;

struct init_options {
  std::filesystem::path folder, tokenizer_folder;
  std::string family = "gpt_neox", dtype = "float32";
  std::int64_t layers = 4, hidden = 256, heads = 4, key_value_heads = 0, intermediate = 0, context = 512,
               vocabulary = 0;
  bool tied = false;
  std::uint64_t seed = 0;
};

// What an option does not say is as transformers has it for the architecture; its reader here knows.
model_config configuration(const init_options& o, const tokenizer& words) {
  const std::int64_t vocabulary = o.vocabulary == 0 ? words.vocabulary_size() : o.vocabulary;
  if (vocabulary < words.vocabulary_size())
    throw user_error(fmt::format("--vocabulary: expected at least the {} of the tokenizer, found {}",
                                 words.vocabulary_size(), vocabulary));
  const bool gpt2 = o.family == "gpt2", gated = !gpt2 && o.family != "gpt_neox";
  sim::ordered_json sizes{{"model_type", o.family}, {"vocab_size", vocabulary}, {"torch_dtype", o.dtype}};
  sizes[gpt2 ? "n_positions" : "max_position_embeddings"] = o.context;
  sizes[gpt2 ? "n_embd" : "hidden_size"] = o.hidden;
  sizes[gpt2 ? "n_layer" : "num_hidden_layers"] = o.layers;
  sizes[gpt2 ? "n_head" : "num_attention_heads"] = o.heads;
  // Three matrices in place of two: gated layers are narrower, for as many parameters.
  const std::int64_t width = gated ? (8 * o.hidden / 3 + 63) / 64 * 64 : 4 * o.hidden;
  sizes[gpt2 ? "n_inner" : "intermediate_size"] = o.intermediate == 0 ? width : o.intermediate;
  if (gated) {
    sizes["head_dim"] = o.hidden / o.heads;
    sizes["num_key_value_heads"] = o.key_value_heads == 0 ? o.heads : o.key_value_heads;
  }
  if (o.hidden % o.heads != 0)
    throw user_error(fmt::format("--hidden: expected a multiple of the {} --heads, found {}", o.heads, o.hidden));
  if (o.tied) sizes["tie_word_embeddings"] = true;
  model_config c = parse_model_config(sizes.dump(), "the new config.json");
  c.source = {};  // so that all of it is written
  c.begin_token = words.bos().value_or(-1);
  c.padding_token = words.pad().value_or(-1);
  c.end_tokens.clear();
  if (words.eos()) c.end_tokens = {*words.eos()};
  return c;
}

int run_init(const CLI::App& app, const init_options& o) {
  if (std::filesystem::exists(o.folder / "config.json"))
    throw user_error(fmt::format("{}: expected a folder without a model, found one", o.folder.string()));
  const bool grouped = o.family != "gpt_neox" && o.family != "gpt2";
  if (!grouped && app.get_option("--key-value-heads")->count() > 0)
    throw user_error("--key-value-heads is for llama, qwen2 and qwen3");
  const tokenizer words = tokenizer::load(o.tokenizer_folder);
  const language_model model = language_model::initialize(configuration(o, words), o.seed);
  sim::make_folder(o.folder);
  words.save(o.folder);
  model.save(o.folder, scalar_type(o.dtype));
  const model_config& c = model.config();
  fmt::print("{}: {} of {} layers, {} wide, vocabulary {}: {:.2f} million parameters\n", o.folder.string(),
             to_string(c.family), c.layers, c.hidden, c.vocabulary, static_cast<double>(model.parameter_count()) / 1e6);
  return 0;
}

const sim::registered_command command{
    "init", "Write a new model with random weights and a given tokenizer, to be trained from scratch",
    [](CLI::App& app) {
      auto o = std::make_shared<init_options>();
      app.add_option("FOLDER", o->folder, "Where to; it is made if it is not there")->required();
      app.add_option("--tokenizer", o->tokenizer_folder, "A model's folder, or a tokenizer.json")->required();
      app.add_option("--architecture", o->family, "gpt_neox (as Pythia), llama, qwen2, qwen3 or gpt2")
          ->check(CLI::IsMember({"gpt_neox", "llama", "qwen2", "qwen3", "gpt2"}))
          ->capture_default_str();
      const auto size = [&](const char* name, std::int64_t& value, const char* what) {
        auto* option = app.add_option(name, value, what)->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
        if (value != 0) option->capture_default_str();
      };
      size("--layers", o->layers, "Layers");
      size("--hidden", o->hidden, "Width");
      size("--heads", o->heads, "Heads of attention");
      size("--key-value-heads", o->key_value_heads, "Heads of keys and values (default: as many as there are heads)");
      size(
          "--intermediate", o->intermediate,
          "Width inside of a layer (default: 4 times the width; 8/3 times, up to a multiple of 64, where it is gated)");
      size("--context", o->context, "Longest text, tokens");
      size("--vocabulary", o->vocabulary, "Rows of the embedding (default: the tokenizer's)");
      app.add_flag("--tied", o->tied, "The head is the embedding (gpt2: always)");
      app.add_option("--dtype", o->dtype, "Of the file")
          ->check(CLI::IsMember({"float32", "float16", "bfloat16"}))
          ->capture_default_str();
      app.add_option("--seed", o->seed, "The weights are a function of it")->capture_default_str();
      return [o, &app] { return run_init(app, *o); };
    },
    9};

}  // namespace
}  // namespace rto::llm
