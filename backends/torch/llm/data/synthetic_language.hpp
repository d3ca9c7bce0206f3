#pragma once
// A small language with preferences that are known: words, a policy that speaks it, and a reward of every word. What is
// learnt from its comparisons can be held against the truth.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sim/engine/stream.hpp"

namespace rto::llm {

struct synthetic_options {
  std::uint64_t seed = 1;
  std::size_t words = 32;  ///< of the vocabulary, in `topics` groups of about equal size
  std::size_t topics = 4;
  std::size_t prompt_words = 3;
  std::size_t longest_answer = 12;  ///< words
  double stop = 0.12;               ///< probability that an answer ends after a word
  double reward_scale = 0.5;        ///< standard deviation of a word's own reward (nats)
  double topic_reward = 0.5;        ///< for a word of the prompt's topic
  double repeat_reward = -0.5;      ///< for the word that came just before
};

/// A word is one place in `words()`; an answer is a list of them, then the end.
class synthetic_language {
 public:
  using sentence = std::vector<std::size_t>;

  /// \throws std::domain_error for fewer than two words, no topic, more topics than words, more than 2000 words, a
  ///   probability outside (0, 1]
  explicit synthetic_language(const synthetic_options& options);

  const std::vector<std::string>& words() const { return words_; }
  std::size_t topic(std::size_t word) const { return word % options_.topics; }
  /// The topic of a prompt: that of its last word.
  std::size_t topic_of(const sentence& prompt) const { return topic(prompt.back()); }

  /// Uniform words.
  sentence sample_prompt(sim::stream& random) const;
  /// The reference policy: word w after v with probability proportional to exp(u(v, w) + c[w is of the topic]), at
  /// least one word; after each word the end with probability `stop`, and for certain at the longest answer.
  sentence sample_answer(const sentence& prompt, sim::stream& random) const;
  /// log pi_0(w | v, topic) without the end, [words]; `previous` = words().size(): the answer's first word.
  std::vector<double> log_probabilities(std::size_t previous, std::size_t topic) const;

  /// The reward of each word of an answer (nats): its own, for the topic, for repeating. The end has none.
  std::vector<double> rewards(const sentence& prompt, const sentence& answer) const;
  double reward(const sentence& prompt, const sentence& answer) const;  // their sum

  /// "\n\nHuman: w w w\n\nAssistant:" and " w w w".
  std::string prompt_text(const sentence& prompt) const;
  std::string answer_text(const sentence& answer) const;

 private:
  synthetic_options options_;
  std::vector<std::string> words_;
  std::vector<double> own_reward_;                // [words]
  std::vector<std::vector<double>> transitions_;  // u, [words + 1][words]
};

struct synthetic_sizes {
  std::size_t completions = 2000, comparisons = 4000, held_out = 1000, prompts = 500;
};

/// Writes into `folder`: completions.jsonl (prompt, completion), comparisons.jsonl and held_out.jsonl (prompt, chosen,
/// rejected), prompts.jsonl, truth.json (words, rewards, probabilities, and the rewards of each held-out answer) and
/// tokenizer/ (a tokenizer.json in which " word" is one token). The preferred answer is drawn by Bradley-Terry from the
/// two rewards. All of it is a function of the options. \throws sim::user_error
void write_synthetic_language(const std::filesystem::path& folder, const synthetic_options& options,
                              const synthetic_sizes& sizes);

}  // namespace rto::llm
