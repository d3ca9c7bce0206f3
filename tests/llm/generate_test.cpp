#include "llm/generation/generate.hpp"

#include <cmath>

#include "fixtures.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;

namespace {

sampling_options options_of(const json& params) {
  sampling_options o;
  o.repetition_penalty = params.value("repetition_penalty", 1.0);
  o.temperature = params.value("temperature", 1.0);
  o.top_k = params.value("top_k", 0);
  o.top_p = params.value("top_p", 1.0);
  o.min_p = params.value("min_p", 0.0);
  return o;
}

std::vector<token_ids> prompts_of(const fixture& f) {
  return f.expected.at("greedy").at("prompts").get<std::vector<token_ids>>();
}

}  // namespace

TEST_CASE("penalty, temperature, top-k, top-p and min-p leave the reference's probabilities") {
  const json cases =
      rto::sim::read_json(std::filesystem::path(RTO_TEST_DATA) / "llm" / "expected" / "sampling.json").at("cases");
  REQUIRE(cases.size() == 12);
  for (const json& c : cases) {
    INFO(c.at("params").dump());
    for (std::size_t r = 0; r < c.at("logits").size(); ++r) {
      auto logits = c.at("logits")[r].get<std::vector<float>>();
      const token_distribution d =
          make_token_distribution(logits, c.at("history")[r].get<token_ids>(), options_of(c.at("params")));
      std::vector<double> got(logits.size(), 0.0);
      for (std::size_t i = 0; i < d.tokens.size(); ++i) got[static_cast<std::size_t>(d.tokens[i])] = d.probabilities[i];
      for (std::size_t v = 0; v < got.size(); ++v) {
        const double want = c.at("probs")[r][v].get<double>();
        CHECK(std::abs(got[v] - want) <= 1e-6 + 1e-5 * want);
        CHECK((got[v] == 0) == (want == 0));
      }
    }
  }
}

TEST_CASE("tokens are drawn with their probabilities, from few logits and from many") {
  for (const std::size_t vocabulary : {5, 5000}) {
    std::vector<float> logits(vocabulary, -6.0F);
    logits[1] = 1;
    logits[3] = 2;
    logits[4] = -std::numeric_limits<float>::infinity();
    for (const sampling_options& o : {sampling_options{}, sampling_options{.temperature = 2},
                                      sampling_options{.top_k = 3}, sampling_options{.top_p = 0.9}}) {
      std::vector<float> copy = logits;
      const token_distribution d = make_token_distribution(copy, {}, o);
      constexpr int n = 20000;
      std::map<token_id, int> counts;
      for (int i = 0; i < n; ++i) {
        const sampled_token t = sample(copy, {}, o, sampling_uniform(5, 0, static_cast<std::uint64_t>(i)));
        ++counts[t.token];
        const auto place = std::find(d.tokens.begin(), d.tokens.end(), t.token) - d.tokens.begin();
        REQUIRE(place < static_cast<std::ptrdiff_t>(d.tokens.size()));
        REQUIRE(std::abs(std::exp(t.sampling_log_probability) - d.probabilities[static_cast<std::size_t>(place)]) <
                1e-5);
      }
      CHECK(counts.count(4) == 0);
      for (const token_id t : {token_id{1}, token_id{3}}) {
        const double p = d.probabilities[static_cast<std::size_t>(std::find(d.tokens.begin(), d.tokens.end(), t) -
                                                                  d.tokens.begin())];
        CHECK(std::abs(counts[t] / double{n} - p) <= 4 * std::sqrt(p * (1 - p) / n));
      }
    }
  }
}

TEST_CASE("greedy answers equal the reference, alone and with fewer slots than prompts") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const json& greedy = f.expected.at("greedy");
    const auto prompts = prompts_of(f);
    generation_options o;
    o.sampling.temperature = 0;
    o.max_new_tokens = greedy.at("max_new_tokens").get<std::int64_t>();
    for (const std::int64_t batch : {64, 2, 1}) {
      o.batch = batch;
      const auto answers = generate(m, prompts, o);
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        CHECK(answers[i].tokens == greedy.at("tokens")[i].get<token_ids>());
        CHECK(answers[i].reason == finish_reason::length);
      }
    }
    if (!greedy.contains("stop")) continue;
    o.stop_tokens = {greedy.at("stop").at("eos_token_id").get<token_id>()};
    const auto stopped = generate(m, prompts, o);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      token_ids want = greedy.at("stop").at("tokens")[i].get<token_ids>();
      const auto end = std::find(want.begin(), want.end(), o.stop_tokens[0]);
      if (end != want.end()) want.erase(end + 1, want.end());
      CHECK(stopped[i].tokens == want);
      CHECK((stopped[i].reason == finish_reason::stop) == (want.back() == o.stop_tokens[0]));
    }
  }
}

TEST_CASE("an answer depends on its prompt, seed and number, not on what is generated beside it") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    std::vector<token_ids> prompts;
    for (int copy = 0; copy < 4; ++copy)
      for (const token_ids& p : prompts_of(f)) prompts.push_back(p);
    generation_options o{.sampling = {.temperature = 0.9, .top_k = 50}, .max_new_tokens = 20, .seed = 11, .batch = 5};
    const auto together = generate(m, prompts, o);
    CHECK(together[0].tokens != together[prompts_of(f).size()].tokens);  // the same prompt, another number
    int divergences = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      o.first_sequence = i;
      divergences += generate(m, {&prompts[i], 1}, o).front().tokens == together[i].tokens ? 0 : 1;
    }
    CHECK(divergences <= 1);  // a uniform next to a boundary may fall on the other side by rounding
    o.first_sequence = 0;
    o.seed = 12;
    CHECK(generate(m, prompts, o)[0].tokens != together[0].tokens);
  }
}

TEST_CASE("log-probabilities of what was sampled are those of a forward pass over it") {
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model m = f.model();
    const auto prompts = prompts_of(f);
    const auto answers = generate(
        m, prompts,
        {.sampling = {.repetition_penalty = 1.2, .temperature = 0.7, .top_p = 0.9}, .max_new_tokens = 30, .seed = 3});
    double worst = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      token_ids row = prompts[i];
      row.insert(row.end(), answers[i].tokens.begin(), answers[i].tokens.end());
      const at::Tensor log_p = at::log_softmax(m.logits(m.hidden_states(make_packed_rows(row))), 1);
      for (std::size_t t = 0; t < answers[i].tokens.size(); ++t) {
        const double want =
            log_p[static_cast<std::int64_t>(prompts[i].size() + t) - 1][answers[i].tokens[t]].item<double>();
        worst = std::max(worst, std::abs(answers[i].log_probabilities[t] - want));
      }
    }
    CHECK(worst <= 1e-4);
  }
}

TEST_CASE("an observer ends an answer, the context ends all, and bad requests are refused") {
  const fixture f = fixtures().front();
  const language_model m = f.model();
  const auto prompts = prompts_of(f);
  generation_options o{.sampling = {.temperature = 0}, .max_new_tokens = 1000};
  const auto ended = generate(
      m, prompts, o, [](std::size_t prompt, const generated_text& a) { return prompt == 1 && a.tokens.size() == 3; });
  CHECK(ended[1].tokens.size() == 3);
  CHECK(ended[1].reason == finish_reason::stop);
  CHECK(ended[0].tokens.size() + prompts[0].size() == static_cast<std::size_t>(m.config().context));
  CHECK(ended[0].reason == finish_reason::length);
  CHECK(generate(m, {}, o).empty());
  const std::vector<token_ids> empty{{}}, full{token_ids(static_cast<std::size_t>(m.config().context), 5)};
  CHECK_THROWS_AS(generate(m, empty, o), std::invalid_argument);
  CHECK_THROWS_AS(generate(m, full, o), std::invalid_argument);
  for (const sampling_options& bad :
       {sampling_options{.temperature = -1}, sampling_options{.temperature = std::nan("")},
        sampling_options{.top_k = -1}, sampling_options{.top_p = 0}, sampling_options{.top_p = 1.5},
        sampling_options{.min_p = 2}, sampling_options{.repetition_penalty = 0}}) {
    o.sampling = bad;
    CHECK_THROWS_AS(generate(m, prompts, o), std::domain_error);
  }
}
