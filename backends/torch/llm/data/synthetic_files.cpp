// The files of a synthetic language.
#include <fmt/format.h>

#include <algorithm>
#include <boost/random/uniform_01.hpp>
#include <rto/array/scalar.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <unordered_map>

#include "llm/data/synthetic_language.hpp"
#include "llm/text/byte_alphabet.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

constexpr const char* end_token = "<|endoftext|>";

// A byte-level BPE tokenizer that joins each of `wholes` from its left end, so that it is one token.
ordered_json tokenizer_of(const std::vector<std::string>& wholes) {
  ordered_json vocabulary = ordered_json::object(), merges = ordered_json::array();
  std::unordered_map<std::string, int> ids;
  const auto add = [&](const std::string& token) {
    if (ids.try_emplace(token, static_cast<int>(ids.size())).second) return true;
    return false;
  };
  for (int byte = 0; byte < 256; ++byte) add(spell_bytes(std::string(1, static_cast<char>(byte))));
  for (const std::string& whole : wholes) {
    std::string left = spell_bytes(whole.substr(0, 1));
    for (std::size_t k = 1; k < whole.size(); ++k) {
      const std::string right = spell_bytes(whole.substr(k, 1));
      if (add(left + right)) merges.push_back(ordered_json::array({left, right}));
      left += right;
    }
  }
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [token, id] : ids) order.emplace_back(id, token);
  std::sort(order.begin(), order.end());
  for (const auto& [id, token] : order) vocabulary[token] = id;
  const ordered_json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const ordered_json end = {{"id", order.size()}, {"content", end_token}, {"single_word", false}, {"lstrip", false},
                            {"rstrip", false},    {"normalized", false},  {"special", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", ordered_json::array({end})},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

void write_tokenizer(const std::filesystem::path& folder, const synthetic_language& language) {
  std::vector<std::string> wholes = {"Human", "Assistant"};
  for (const std::string& word : language.words()) wholes.push_back(' ' + word);
  sim::make_folder(folder);
  sim::write_file(folder / "tokenizer.json", tokenizer_of(wholes).dump(1) + "\n");
  const ordered_json settings = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                                 {"bos_token", end_token},
                                 {"eos_token", end_token},
                                 {"pad_token", end_token},
                                 {"model_max_length", 2048}};
  sim::write_file(folder / "tokenizer_config.json", settings.dump(1) + "\n");
}

}  // namespace

void write_synthetic_language(const std::filesystem::path& folder, const synthetic_options& options,
                              const synthetic_sizes& sizes) {
  const synthetic_language language(options);
  sim::make_folder(folder);
  ordered_json rewards = ordered_json::array();
  // Files don't depend on each other's sizes: a stream for each.
  const auto lines = [&](const char* name, std::uint64_t part, std::size_t count, const auto& make) {
    sim::stream random(options.seed, 0x1a9 + part);
    std::string text;
    for (std::size_t k = 0; k < count; ++k) text += make(random).dump() + "\n";
    sim::write_file(folder / name, text);
  };
  const auto comparison = [&](sim::stream& random, bool note) {
    const auto prompt = language.sample_prompt(random);
    auto chosen = language.sample_answer(prompt, random), rejected = language.sample_answer(prompt, random);
    const double probability =
        bradley_terry_probability(language.reward(prompt, chosen), language.reward(prompt, rejected));
    if (boost::random::uniform_01<double>()(random) >= probability) std::swap(chosen, rejected);
    if (note)
      rewards.push_back(
          {{"chosen", language.rewards(prompt, chosen)}, {"rejected", language.rewards(prompt, rejected)}});
    return ordered_json{{"prompt", language.prompt_text(prompt)},
                        {"chosen", language.answer_text(chosen)},
                        {"rejected", language.answer_text(rejected)}};
  };
  lines("completions.jsonl", 1, sizes.completions, [&](sim::stream& random) {
    const auto prompt = language.sample_prompt(random);
    return ordered_json{{"prompt", language.prompt_text(prompt)},
                        {"completion", language.answer_text(language.sample_answer(prompt, random))}};
  });
  lines("comparisons.jsonl", 2, sizes.comparisons, [&](sim::stream& random) { return comparison(random, false); });
  lines("held_out.jsonl", 3, sizes.held_out, [&](sim::stream& random) { return comparison(random, true); });
  lines("prompts.jsonl", 4, sizes.prompts, [&](sim::stream& random) {
    return ordered_json{{"prompt", language.prompt_text(language.sample_prompt(random))}};
  });

  ordered_json words = ordered_json::array();
  for (std::size_t w = 0; w < language.words().size(); ++w) {
    // On a prompt of another topic a word has its own reward alone.
    const std::size_t other = (language.topic(w) + 1) % options.topics;
    words.push_back({{"word", language.words()[w]},
                     {"topic", language.topic(w)},
                     {"reward", language.rewards({other}, {w})[0] - (options.topics == 1 ? options.topic_reward : 0)}});
  }
  const ordered_json truth = {{"format", "rto-synthetic-language/1"},
                              {"seed", options.seed},
                              {"topics", options.topics},
                              {"topic_reward", options.topic_reward},
                              {"repeat_reward", options.repeat_reward},
                              {"stop", options.stop},
                              {"longest_answer", options.longest_answer},
                              {"words", words},
                              {"held_out", rewards}};
  sim::write_file(folder / "truth.json", truth.dump(1) + "\n");
  write_tokenizer(folder / "tokenizer", language);
}

}  // namespace rto::llm
