// Held-out losses, preference accuracy, judged answers, token rewards: against numbers made by hand and from the
// definitions.
#include <cmath>
#include <fstream>
#include <numeric>

#include "fixtures.hpp"
#include "llm/evaluation/answer_judge.hpp"
#include "llm/evaluation/held_out_loss.hpp"
#include "llm/evaluation/linear_answer_reward.hpp"
#include "llm/evaluation/preference_accuracy.hpp"
#include "llm/evaluation/run_page.hpp"
#include "llm/evaluation/token_page.hpp"
#include "llm/evaluation/token_rewards.hpp"
#include "llm/training/reward_objective.hpp"
#include "sim/temporary_folder.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;

namespace {

const std::filesystem::path models = std::filesystem::path(RTO_TEST_DATA) / "llm" / "models";

std::vector<encoded_answer> some_answers() {
  return {side_by_side({5, 9, 30}, {7, 8, 9, 2}), side_by_side({11}, {40, 2}), side_by_side({}, {12, 13, 14})};
}

}  // namespace

TEST_CASE("summarize_preferences counts what a reward gets right, ties as half, and what length alone would reach") {
  std::vector<encoded_pair> pairs(4);
  for (std::size_t i = 0; i < 4; ++i) pairs[i] = {{1}, token_ids(i + 1, 3), token_ids(2, 4)};  // lengths 1 2 3 4, 2
  const std::vector<double> rewards{2, 1, 0, 0, -1, 3, 5, 5.5};                                // margins 1, 0, -4, -0.5
  const preference_summary s = summarize_preferences(pairs, [&](std::span<const encoded_answer> answers) {
    REQUIRE(answers.size() == 8);
    CHECK(answers[6].ids == token_ids{1, 3, 3, 3, 3});
    return rewards;
  });
  CHECK(s.pairs == 4);
  CHECK(s.ties == 1);
  CHECK(s.accuracy.value == Approx(1.5 / 4));
  CHECK(s.margin.value == Approx(-3.5 / 4));
  const auto loss = [](double m) { return std::log1p(std::exp(-m)); };
  CHECK(s.loss.value == Approx((loss(1) + loss(0) + loss(-4) + loss(-0.5)) / 4));
  CHECK(s.longer.value == Approx(2.5 / 4));
  CHECK(s.accuracy.range.contains(s.accuracy.value));
  CHECK_THROWS_AS(summarize_preferences({}, [](auto) { return std::vector<double>(); }), std::invalid_argument);
}

TEST_CASE("evaluate_loss is the mean over tokens, whatever the batch, and its interval is that of samples") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const json& sft = f.expected.at("sft");
    std::vector<encoded_answer> samples;
    for (std::size_t i = 0; i < sft.at("rows").size(); ++i)
      samples.push_back({sft.at("rows")[i].get<token_ids>(), sft.at("prompt_lens")[i].get<std::int64_t>()});
    const held_out_loss loss = evaluate_loss(m, samples, 2);
    CHECK(loss.loss.value == Approx(sft.at("loss").get<double>()).epsilon(1e-5));
    CHECK(loss.perplexity.value == Approx(std::exp(loss.loss.value)));
    CHECK(loss.loss.range.contains(loss.loss.value));
    CHECK(evaluate_loss(m, samples, 1).loss.value == Approx(loss.loss.value).epsilon(1e-6));
    // The same text four times over is four samples of one loss: an interval of no width.
    const std::vector<encoded_answer> same(4, samples.front());
    const held_out_loss alike = evaluate_loss(m, same, 4);
    CHECK(alike.loss.range.high - alike.loss.range.low == Approx(0).margin(1e-5));
    CHECK_FALSE(evaluate_loss(m, std::span(samples).first(1), 1).loss.range.given());
  }
  const language_model m = language_model::load(models / "neox");
  CHECK_THROWS_AS(evaluate_loss(m, std::vector{side_by_side({}, {3})}, 1), std::invalid_argument);
}

TEST_CASE("token rewards sum to what a whole answer's reward is") {
  const language_model policy = language_model::load(models / "neox_dpo"),
                       reference = language_model::load(models / "neox"),
                       scorer = language_model::load(models / "neox_rm");
  const std::vector<encoded_answer> answers = some_answers();
  const std::vector<double> implicit = implicit_reward_scorer(policy, reference, 0.3, 2)(answers),
                            scores = reward_model_scorer(scorer, 2)(answers);
  const token_reward_rows tokens = implicit_token_rewards(policy, reference, answers, 0.3, 2),
                          increments = score_increments(scorer, answers, 2);
  REQUIRE(tokens.size() == 3);
  const std::vector<std::size_t> lengths{4, 2, 2};  // a first token has nothing to be predicted from
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(tokens[i].size() == lengths[i]);
    REQUIRE(increments[i].size() == lengths[i]);
    CHECK(std::accumulate(tokens[i].begin(), tokens[i].end(), 0.0) == Approx(implicit[i]).margin(1e-5));
    const token_ids before(answers[i].ids.begin(), answers[i].ids.end() - static_cast<std::ptrdiff_t>(lengths[i]));
    const double start = text_rewards(scorer, {before}).item<double>();
    CHECK(std::accumulate(increments[i].begin(), increments[i].end(), 0.0) == Approx(scores[i] - start).margin(1e-5));
  }
  const token_reward_rows none = implicit_token_rewards(reference, reference, answers, 0.3, 3);
  for (const double r : none.front()) CHECK(r == 0);
  CHECK(std::abs(implicit[0]) > 1e-3);
}

TEST_CASE("judge prefers the answer of the larger reward, whichever file it is in") {
  const auto letters = [](std::string_view text) {
    token_ids ids;
    for (const char c : text) ids.push_back(c);
    return ids;
  };
  text_coder coder;
  coder.encode = letters;
  coder.eos = 0;
  const answer_scorer longer = [](std::span<const encoded_answer> answers) {
    std::vector<double> lengths;
    for (const encoded_answer& a : answers) {
      CHECK(a.ids.back() == 0);
      lengths.push_back(static_cast<double>(a.ids.size()));
    }
    return lengths;
  };
  const answer_file one{"one", {"p", "q", "r"}, {"aaa", "b", "cc"}}, other{"other", {"r", "q", "p"}, {"cc", "bb", "a"}};
  const auto pairs = paired_answers(one, other, 1, 0);
  const std::vector<judgement> judged = judge(one, other, pairs, coder, {}, longer);
  REQUIRE(judged.size() == 3);
  CHECK(judged[0].preference == 1);
  CHECK(judged[1].preference == 0);
  CHECK(judged[2].preference == 0.5);
  CHECK(judged[0].style.characters == 3);
  encoding_options short_ones;
  short_ones.max_length = 4;
  CHECK_THROWS_AS(judge(one, other, pairs, coder, short_ones, longer), rto::sim::user_error);
}

TEST_CASE("the page shows every token in the colour of its reward, and no markup of the texts'") {
  const std::string page =
      token_page("A <title>", {{"ask <b>", {{"preferred", {{"reward", {" <i>", "\n", ""}, {2, -1, 0.5}}}}}}});
  CHECK(page.find("<b>") == std::string::npos);
  CHECK(page.find("<i>") == std::string::npos);
  CHECK(page.find(R"(<span class="up" style="--a:0.70" title="+2.0000"> &lt;i&gt;</span>)") != std::string::npos);
  CHECK(page.find(R"(class="down")") != std::string::npos);
  CHECK(page.find("preferred, reward: +1.500") != std::string::npos);
}

TEST_CASE("the features of an answer are the sum of its tokens' hidden states, and of nothing else") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const std::vector<encoded_answer> answers = some_answers();
    const at::Tensor features = answer_features(m, answers, 2);
    REQUIRE(features.size(0) == 3);
    const at::Tensor states = m.hidden_states(make_packed_rows(answers[0].ids)).to(at::kDouble);
    const at::Tensor want = states.narrow(0, 3, 4).sum(0) / std::sqrt(static_cast<double>(m.config().hidden));
    CHECK((features[0] - want).abs().max().item<double>() <= 1e-4);
    CHECK((features - answer_features(m, answers, 3)).abs().max().item<double>() <= 1e-4);
  }
}

TEST_CASE("the linear reward of comparisons finds the true direction, and its bonus is the norm off the reference") {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const at::Tensor theta = at::tensor({1.0, -1.0, 0.5}, at::kDouble).unsqueeze(1);
  at::Tensor a = at::randn({400, 3}, generator, at::kDouble), b = at::randn({400, 3}, generator, at::kDouble);
  const at::Tensor swap = ((a - b).matmul(theta) < 0).to(at::kDouble);  // the better one was chosen, always
  const at::Tensor chosen = a + swap * (b - a), rejected = b + swap * (a - b);
  const linear_answer_reward reward = fit_linear_answer_reward(chosen, rejected, {.bound = 5, .lambda = 2});
  CHECK(reward.estimate.norm == Approx(5).epsilon(1e-6));  // separable: as long as it may be
  CHECK((reward.estimate.theta / 5 - theta / theta.norm()).norm().item<double>() < 0.1);
  const at::Tensor some = a.narrow(0, 0, 5), x = chosen - rejected;
  const at::Tensor sigma = x.t().matmul(x) + 2 * at::eye(3, at::kDouble), off = some - reward.reference;
  const at::Tensor bonus = (off.matmul(at::linalg_inv(sigma)) * off).sum(1).sqrt();
  const std::vector<double> pessimistic = reward.rewards(some, 1.5), plain = reward.rewards(some, 0);
  for (std::int64_t i = 0; i < 5; ++i) {
    const auto k = static_cast<std::size_t>(i);
    CHECK(plain[k] == Approx(some[i].matmul(reward.estimate.theta).item<double>()));
    CHECK(pessimistic[k] == Approx(plain[k] - 1.5 * bonus[i].item<double>()));
  }
  const std::vector<calibration_group> groups = calibration(reward, chosen, rejected, 8);
  REQUIRE(groups.size() == 8);
  for (std::size_t g = 0; g < 8; ++g) {
    CHECK(groups[g].pairs == 50);
    if (g > 0) CHECK(groups[g].bonus > groups[g - 1].bonus);
    CHECK(groups[g].accuracy.value > 0.85);
  }
  CHECK_THROWS_AS(fit_linear_answer_reward(a, b.narrow(0, 0, 3)), std::invalid_argument);
  CHECK_THROWS_AS(calibration(reward, a.narrow(0, 0, 3), b.narrow(0, 0, 3), 8), std::invalid_argument);
}

TEST_CASE("the page of runs draws what was logged and tabulates evaluations, and refuses other files") {
  const rto::test::temporary_folder folder;
  std::filesystem::create_directories(folder / "run<1>");
  std::ofstream(folder / "run<1>/metrics.jsonl") << R"({"step": 1, "kind": "train", "loss": 2.5, "accuracy": 0.25})"
                                                 << "\n"
                                                 << R"({"step": 2, "kind": "train", "loss": "nan", "accuracy": 0.5})"
                                                 << "\n"
                                                 << R"({"step": 2, "kind": "eval", "loss": 1.25, "accuracy": 0.75})"
                                                 << "\n";
  std::ofstream(folder / "e.json")
      << R"({"format": "rto-evaluation/1", "confidence": 0.9, "held_out": [{"file": "x", "reward_model": {"pairs": 3,
             "accuracy": {"value": 0.625, "interval": [0.5, 0.75]}}}]})";
  const std::string page = run_page("T", {folder / "run<1>"}, {folder / "e.json"});
  for (const char* part : {"run&lt;1&gt;", "<svg", "0.75", "1.25", "0.625 [0.5, 0.75]", "Intervals of 90 %"})
    CHECK_THAT(page, Catch::Matchers::ContainsSubstring(part));
  CHECK(page.find("run<1>") == std::string::npos);
  std::ofstream(folder / "other.json") << "{}";
  CHECK_THROWS_AS(run_page("T", {}, {folder / "other.json"}), rto::sim::user_error);
  CHECK_THROWS_AS(run_page("T", {folder.path()}, {}), rto::sim::user_error);
}
