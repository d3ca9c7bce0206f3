#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "llm/judging/verdicts.hpp"
#include "llm/judging/win_rate.hpp"
#include "sim/io/error.hpp"
#include "sim/io/json.hpp"
#include "support/catch.hpp"

using namespace rto::llm;

namespace {

double sigma(double x) { return 1 / (1 + std::exp(-x)); }

judgement of_lengths(double preference, std::int64_t length, std::int64_t baseline_length) {
  return {"m", "base", preference, {.characters = length}, {.characters = baseline_length}};
}

std::filesystem::path written(const std::string& name, const std::string& content) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / ("rto_judging_" + name);
  std::ofstream(file) << content;
  return file;
}

}  // namespace

TEST_CASE("the style of an answer counts what a reader would, and not inside code") {
  const answer_style style = style_of(
      "# Title\n\nSome **bold** and **more**.\n- one\n  * two\n3. three\n####### no header\n```\n# code\n- "
      "x\n```\n\u00e9");
  CHECK(style.headers == 1);
  CHECK(style.list_items == 3);
  CHECK(style.bold == 2);
  CHECK(style_of("\u00e9\u00e9").characters == 2);
  CHECK(style_of("").characters == 0);
  CHECK(style_of("-no **open").bold == 0);
}

TEST_CASE("the raw win rate counts wins, a tie as half of one") {
  std::vector<judgement> judgements(10, of_lengths(1, 5, 5));
  for (int i = 0; i < 4; ++i) judgements[static_cast<std::size_t>(i)].preference = 0;
  const win_rate rate = raw_win_rate(judgements);
  CHECK(rate.rate.value == 0.6);
  CHECK(rate.count == 10);
  CHECK(rate.rate.range.low == Approx(0.3127).margin(1e-4));  // Wilson's interval, worked out by hand
  CHECK(rate.rate.range.high == Approx(0.8318).margin(1e-4));
  judgements[0].preference = 0.5;
  CHECK(raw_win_rate(judgements).rate.value == Approx(0.65));
  CHECK(raw_win_rate(judgements).ties == 1);
  judgements[9].weight = 3;
  CHECK(raw_win_rate(judgements).rate.value == Approx(8.5 / 12));
  CHECK_THROWS_AS(raw_win_rate({}), std::invalid_argument);
  judgements[0].preference = 1.5;
  CHECK_THROWS_AS(raw_win_rate(judgements), std::domain_error);
}

TEST_CASE("the length-controlled win rate takes out what the judge gives for length") {
  // The model is truly worse (logit -0.5) and much longer on average, which the judge likes (2 a unit of tanh).
  std::mt19937_64 rng(7);
  std::normal_distribution<double> normal;
  std::vector<double> differences;
  for (int i = 0; i < 20000; ++i) differences.push_back(std::round(300 + 400 * normal(rng)));
  double mean = 0, square = 0;
  for (const double d : differences) mean += d / 20000;
  for (const double d : differences) square += (d - mean) * (d - mean) / 19999;
  std::vector<judgement> judgements;
  for (const double d : differences) {
    const double p = sigma(-0.5 + 2 * std::tanh(d / std::sqrt(square)));
    judgements.push_back(of_lengths(std::uniform_real_distribution<double>()(rng) < p ? 1 : 0,
                                    2000 + static_cast<std::int64_t>(d), 2000));
  }
  const controlled_win_rate rate = length_controlled_win_rate(judgements);
  CHECK(rate.raw.rate.value > 0.5);
  CHECK(rate.controlled.rate.range.contains(sigma(-0.5)));
  CHECK(rate.controlled.rate.value < 0.45);
  CHECK(std::abs(rate.effect - 2) < 4 * rate.effect_error);
  CHECK_FALSE(rate.separated);
}

TEST_CASE("with equal lengths, or where all agree, the controlled win rate is the raw one") {
  std::vector<judgement> judgements(8, of_lengths(1, 5, 4));
  judgements[0].preference = judgements[1].preference = 0;
  const controlled_win_rate equal = length_controlled_win_rate(judgements);
  CHECK(equal.controlled.rate.value == Approx(0.75));
  CHECK(equal.effect == 0);
  for (judgement& j : judgements) j.preference = 1;
  const controlled_win_rate unanimous = length_controlled_win_rate(judgements);
  CHECK(unanimous.separated);
  CHECK(unanimous.controlled.rate.value == 1);
}

TEST_CASE("style-controlled strengths are those of Bradley-Terry, the effect of style apart") {
  std::mt19937_64 rng(3);
  std::uniform_real_distribution<double> uniform;
  const std::vector<std::string> names{"base", "a", "b"};
  const double strength[] = {0, 0.8, -0.4};
  std::vector<judgement> judgements;
  for (int i = 0; i < 12000; ++i) {
    const std::size_t x = static_cast<std::size_t>(i % 3), y = (x + 1 + static_cast<std::size_t>(i / 3 % 2)) % 3;
    // Model a writes twice as long, which alone is worth a good deal to the judge.
    const auto length = [&](std::size_t m) {
      return 500 + (m == 1 ? 400 : 0) + static_cast<std::int64_t>(400 * uniform(rng));
    };
    judgement j{names[x], names[y], 0, {.characters = length(x)}, {.characters = length(y)}};
    const double style = static_cast<double>(j.style.characters - j.baseline_style.characters) /
                         static_cast<double>(j.style.characters + j.baseline_style.characters);
    j.preference = uniform(rng) < sigma(strength[x] - strength[y] + 3 * style) ? 1 : 0;
    judgements.push_back(j);
  }
  const style_controlled_rates rates = style_controlled_win_rates(judgements, "base", 1, 40, 0.99);
  REQUIRE(rates.models == names);
  CHECK(rates.rates[0].rate.value == 0.5);
  CHECK(rates.rates[1].rate.range.contains(sigma(0.8)));
  CHECK(rates.rates[2].rate.range.contains(sigma(-0.4)));
  CHECK(rates.effects[0] > 0);
  CHECK(rates.effects[1] == Approx(0).margin(1e-9));
  CHECK(style_controlled_win_rates(judgements, "base", 1, 5).rates[1].rate.range.low ==
        style_controlled_win_rates(judgements, "base", 1, 5).rates[1].rate.range.low);
  CHECK_THROWS_AS(style_controlled_win_rates(judgements, "nobody", 1), std::invalid_argument);
}

TEST_CASE("pairs go out in an order drawn per prompt, and verdicts come back to the right model") {
  std::string good, bad;
  for (int i = 0; i < 60; ++i) {
    const std::string prompt = "prompt " + std::to_string(i);
    good += rto::sim::json{{"prompt", prompt}, {"response", "good"}}.dump() + "\n";
    bad += rto::sim::json{{"prompt", prompt}, {"response", "bad"}}.dump() + "\n";
  }
  const answer_file a = read_answers(written("good.jsonl", good)), b = read_answers(written("bad.jsonl", bad), "other");
  CHECK(a.name == "rto_judging_good");
  const std::filesystem::path out = written("pairs.jsonl", "");
  CHECK(export_pairs(a, b, judge_task::dialogue, 5, 0, out) == 60);

  // A judge that always likes "good", in each form of a verdict.
  std::ifstream in(out);
  std::string line, judged;
  int swapped = 0, number = 0;
  while (std::getline(in, line)) {
    rto::sim::json pair = rto::sim::json::parse(line);
    CHECK(pair["ask"].get<std::string>().find("Response B:\n" + pair["b"].get<std::string>()) != std::string::npos);
    const bool first = pair["a"] == "good";
    swapped += pair["order"] == "ba";
    switch (number++ % 3) {
      case 0:
        pair["verdict"] = first ? "A" : "B";
        break;
      case 1:
        pair["verdict"] = first ? 1.0 : 0.0;
        break;
      default:
        pair["verdict"] = std::string("Comparison: A is shorter.\nMore helpful: \"") + (first ? "A\"" : "B\"");
    }
    judged += pair.dump() + "\n";
  }
  CHECK(swapped > 15);
  CHECK(swapped < 45);
  const std::vector<judgement> verdicts = import_verdicts(written("judged.jsonl", judged), "good", "other");
  REQUIRE(verdicts.size() == 60);
  CHECK(raw_win_rate(verdicts).rate.value == 1);
  CHECK(verdicts[0].style.characters == 4);

  CHECK(export_pairs(a, b, judge_task::summarization, 5, 10, out) == 10);
  CHECK_THROWS_AS(import_verdicts(out, "a", "b"), rto::sim::user_error);  // without verdicts
  CHECK_THROWS_AS(import_verdicts(written("torn.jsonl", R"({"order":"ab","a":"x","b":"y","verdict":"D"})"), "a", "b"),
                  rto::sim::user_error);
  CHECK_THROWS_AS(read_answers(written("empty.jsonl", "")), rto::sim::user_error);
  const answer_file none{"none", {"another prompt"}, {"x"}};
  CHECK_THROWS_AS(export_pairs(a, none, judge_task::dialogue, 5, 0, out), rto::sim::user_error);
}
