#include "llm/data/synthetic_language.hpp"

#include <fmt/format.h>

#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace rto::llm {
namespace {

// "ba", "be", ... then "bab": words of one, two, three syllables, none the beginning of another's spelling by chance
// only: a word is one token with the blank before it.
std::vector<std::string> make_words(std::size_t count) {
  constexpr std::string_view consonants = "bdfgklmnprstvz", vowels = "aeiou";
  std::vector<std::string> words;
  for (const char first : consonants) {
    for (const char vowel : vowels) {
      for (const char last : consonants) words.push_back({first, vowel, last});
    }
  }
  // Spread over the alphabet: a step that shares no factor with the number of words.
  std::vector<std::string> spread;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t place = k * 397 % words.size();
    const std::size_t round = k / words.size();
    spread.push_back(round == 0 ? words[place] : words[place] + words[(place + round) % words.size()]);
  }
  return spread;
}

std::size_t draw(const std::vector<double>& log_probability, sim::stream& random) {
  double rest = boost::random::uniform_01<double>()(random);
  for (std::size_t w = 0; w + 1 < log_probability.size(); ++w) {
    rest -= std::exp(log_probability[w]);
    if (rest < 0) return w;
  }
  return log_probability.size() - 1;
}

}  // namespace

synthetic_language::synthetic_language(const synthetic_options& options) : options_(options) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw std::domain_error("rto::llm::synthetic_language: " + what);
  };
  require(options.words >= 2 && options.words <= 2000,
          fmt::format("words must be from 2 to 2000, got {}", options.words));
  require(options.topics >= 1 && options.topics <= options.words,
          fmt::format("topics must be from 1 to the number of words, got {}", options.topics));
  require(options.prompt_words >= 1 && options.longest_answer >= 1, "prompts and answers must have a word at least");
  require(options.stop > 0 && options.stop <= 1, fmt::format("stop must be in (0, 1], got {}", options.stop));
  require(std::isfinite(options.reward_scale) && options.reward_scale >= 0 && std::isfinite(options.topic_reward) &&
              std::isfinite(options.repeat_reward),
          "rewards must be finite");
  words_ = make_words(options.words);
  sim::stream random(options.seed, 0x1a9);
  boost::random::normal_distribution<double> normal;
  for (std::size_t w = 0; w < options.words; ++w) own_reward_.push_back(options.reward_scale * normal(random));
  transitions_.resize(options.words + 1);
  for (std::vector<double>& row : transitions_) {
    for (std::size_t w = 0; w < options.words; ++w) row.push_back(normal(random));
  }
}

std::vector<double> synthetic_language::log_probabilities(std::size_t previous, std::size_t topic) const {
  std::vector<double> logit = transitions_.at(previous);
  double total = 0;
  for (std::size_t w = 0; w < logit.size(); ++w) {
    if (this->topic(w) == topic) logit[w] += 1;
    total += std::exp(logit[w]);
  }
  for (double& z : logit) z -= std::log(total);
  return logit;
}

synthetic_language::sentence synthetic_language::sample_prompt(sim::stream& random) const {
  boost::random::uniform_int_distribution<std::size_t> word(0, words_.size() - 1);
  sentence prompt;
  for (std::size_t k = 0; k < options_.prompt_words; ++k) prompt.push_back(word(random));
  return prompt;
}

synthetic_language::sentence synthetic_language::sample_answer(const sentence& prompt, sim::stream& random) const {
  sentence answer;
  do {
    answer.push_back(draw(log_probabilities(answer.empty() ? words_.size() : answer.back(), topic_of(prompt)), random));
  } while (answer.size() < options_.longest_answer && boost::random::uniform_01<double>()(random) >= options_.stop);
  return answer;
}

std::vector<double> synthetic_language::rewards(const sentence& prompt, const sentence& answer) const {
  std::vector<double> reward;
  for (std::size_t k = 0; k < answer.size(); ++k) {
    double r = own_reward_.at(answer[k]);
    if (topic(answer[k]) == topic_of(prompt)) r += options_.topic_reward;
    if (k > 0 && answer[k] == answer[k - 1]) r += options_.repeat_reward;
    reward.push_back(r);
  }
  return reward;
}

double synthetic_language::reward(const sentence& prompt, const sentence& answer) const {
  const std::vector<double> words = rewards(prompt, answer);
  return std::accumulate(words.begin(), words.end(), 0.0);
}

std::string synthetic_language::answer_text(const sentence& answer) const {
  std::string text;
  for (const std::size_t w : answer) text += ' ' + words_.at(w);
  return text;
}

std::string synthetic_language::prompt_text(const sentence& prompt) const {
  return "\n\nHuman:" + answer_text(prompt) + "\n\nAssistant:";
}

}  // namespace rto::llm
