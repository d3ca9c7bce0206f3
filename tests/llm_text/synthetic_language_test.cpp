#include "llm/data/synthetic_language.hpp"

#include <cmath>
#include <numeric>

#include "llm/data/encoding.hpp"
#include "llm/text/tokenizer.hpp"
#include "sim/io/file.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

std::filesystem::path made(const synthetic_options& options, const std::string& name) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / name;
  write_synthetic_language(folder, options, {200, 400, 100, 50});
  return folder;
}

}  // namespace

TEST_CASE("the reference policy is a distribution, and answers follow it") {
  const synthetic_language language({.seed = 3, .words = 6, .topics = 2});
  const std::vector<double> first = language.log_probabilities(6, 1);
  double total = 0;
  for (const double l : first) total += std::exp(l);
  CHECK(total == Approx(1));
  rto::sim::stream random(11);
  std::vector<double> counts(6);
  constexpr int draws = 20000;
  double length = 0;
  for (int k = 0; k < draws; ++k) {
    const auto answer = language.sample_answer({0, 1}, random);
    REQUIRE(!answer.empty());
    REQUIRE(answer.size() <= 12);
    ++counts[answer[0]];
    length += static_cast<double>(answer.size());
  }
  // Five standard deviations of a binomial share: a false alarm in a million for each word.
  for (std::size_t w = 0; w < 6; ++w) {
    const double p = std::exp(first[w]);
    CHECK(std::abs(counts[w] / draws - p) < 5 * std::sqrt(p * (1 - p) / draws));
  }
  const double expected = (1 - std::pow(1 - 0.12, 12)) / 0.12;  // of a geometric length cut at 12
  CHECK(std::abs(length / draws - expected) < 5 * 12 / std::sqrt(draws));
}

TEST_CASE("rewards are those of the words, of the topic and of repeating") {
  const synthetic_options options{
      .seed = 3, .words = 6, .topics = 2, .reward_scale = 0, .topic_reward = 0.75, .repeat_reward = -0.25};
  const synthetic_language language(options);
  CHECK(language.rewards({0, 3}, {1, 2, 2, 5, 5}) == std::vector<double>{0.75, 0, -0.25, 0.75, 0.5});
  CHECK(language.reward({0, 3}, {1, 2, 2, 5, 5}) == 1.75);
  CHECK_THROWS_AS(synthetic_language({.words = 1}), std::domain_error);
  CHECK_THROWS_AS(synthetic_language({.words = 4, .topics = 5}), std::domain_error);
  CHECK_THROWS_AS(synthetic_language({.stop = 0}), std::domain_error);
}

TEST_CASE("the files are a function of the seed, and a word is one token") {
  const auto a = made({.seed = 5}, "rto_synthetic_a"), b = made({.seed = 5}, "rto_synthetic_b"),
             c = made({.seed = 6}, "rto_synthetic_c");
  for (const char* name : {"completions.jsonl", "comparisons.jsonl", "held_out.jsonl", "prompts.jsonl", "truth.json"}) {
    CHECK(rto::sim::read_file(a / name) == rto::sim::read_file(b / name));
    CHECK(rto::sim::read_file(a / name) != rto::sim::read_file(c / name));
  }
  const tokenizer t = tokenizer::load(a / "tokenizer");
  const text_coder coder = coder_of(t);
  const synthetic_language language({.seed = 5});
  for (const std::string& word : language.words()) CHECK(t.encode(' ' + word).size() == 1);
  CHECK(t.decode(t.encode("\n\nHuman: \xc3\xa9")) == "\n\nHuman: \xc3\xa9");
  const record_set comparisons = read_records(a / "comparisons.jsonl");
  const auto pairs = encode_pairs(comparisons, coder, {});
  CHECK(pairs.samples.size() == 400);
  CHECK(pairs.report.joint_differs == 0);
  CHECK(pairs.report.without_end == 0);
  CHECK(encode_answers(read_records(a / "completions.jsonl"), coder, {}).samples.size() == 200);
  CHECK(encode_prompts(read_records(a / "prompts.jsonl"), coder, {}).report.records == 50);
}

TEST_CASE("the preferred answer is the better one as often as Bradley-Terry has it") {
  const synthetic_options options{.seed = 5, .reward_scale = 1};
  const auto folder = made(options, "rto_synthetic_d");
  const auto truth = rto::sim::read_json(folder / "truth.json");
  REQUIRE(truth["held_out"].size() == 100);
  double surprise = 0, variance = 0;
  for (const auto& pair : truth["held_out"]) {
    const auto sum = [](const rto::sim::json& list) {
      const auto values = list.get<std::vector<double>>();
      return std::accumulate(values.begin(), values.end(), 0.0);
    };
    const double margin = std::abs(sum(pair["chosen"]) - sum(pair["rejected"])), p = 1 / (1 + std::exp(-margin));
    surprise += (sum(pair["chosen"]) >= sum(pair["rejected"]) ? 1 : 0) - (margin == 0 ? 1 : p);
    variance += p * (1 - p);
  }
  CHECK(std::abs(surprise) < 5 * std::sqrt(variance));
}
