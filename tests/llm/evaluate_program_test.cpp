// rto-llm init, evaluate and score as a user runs them.
#include <fstream>
#include <numeric>

#include "fixtures.hpp"
#include "llm/cli/training_data.hpp"
#include "llm/evaluation/answer_scorer.hpp"
#include "llm/text/tokenizer.hpp"
#include "program.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;
using rto::test::temporary_folder;

namespace {

const std::filesystem::path models = std::filesystem::path(RTO_TEST_DATA) / "llm" / "models";

std::filesystem::path write_pairs(const temporary_folder& folder) {
  std::ofstream out(folder / "pairs.jsonl");
  for (int i = 0; i < 12; ++i)
    out << json{{"prompt", "say " + std::to_string(i) + ":"},
                {"chosen", " a" + std::string(static_cast<std::size_t>(i % 4), 'b')},
                {"rejected", " the c" + std::string(static_cast<std::size_t>(i % 3), 'd')}}
               .dump()
        << "\n";
  return folder / "pairs.jsonl";
}

}  // namespace

TEST_CASE("init writes a model of each architecture that loads, is a function of its seed and fits the tokenizer") {
  const temporary_folder folder;
  for (const char* family : {"gpt_neox", "llama", "qwen2", "qwen3", "gpt2"}) {
    INFO(family);
    const auto command = [&](const std::string& to, const std::string& seed) {
      return words{"init",           (folder / to).string(),
                   "--tokenizer",    (models / "neox").string(),
                   "--architecture", family,
                   "--layers",       "2",
                   "--hidden",       "32",
                   "--heads",        "2",
                   "--seed",         seed};
    };
    const std::string name = family;
    const ended made = run(command(name, "1"));
    INFO(made.output);
    REQUIRE(made.status == 0);
    REQUIRE(run(command(name + "-2", "2")).status == 0);
    REQUIRE(run(command(name + "-1", "1")).status == 0);
    const language_model one = language_model::load(folder / name), same = language_model::load(folder / (name + "-1")),
                         other = language_model::load(folder / (name + "-2"));
    CHECK(to_string(one.config().family) == name);
    CHECK(one.config().vocabulary == tokenizer::load(folder / name).vocabulary_size());
    CHECK(one.config().layers == 2);
    const packed_rows row = make_packed_rows(token_ids{3, 4, 5, 6});
    CHECK(at::equal(one.hidden_states(row), same.hidden_states(row)));
    CHECK_FALSE(at::equal(one.hidden_states(row), other.hidden_states(row)));
    // Small weights: every token is about as likely.
    CHECK(at::log_softmax(one.logits(one.hidden_states(row)), 1).exp().max().item<double>() <
          10.0 / static_cast<double>(one.config().vocabulary));
  }
  check_refused({"init", (folder / "llama").string(), "--tokenizer", (models / "neox").string()}, "found one");
  check_refused({"init", (folder / "x").string(), "--tokenizer", (models / "neox").string(), "--vocabulary", "3"},
                "--vocabulary: expected at least");
  check_refused({"init", (folder / "x").string(), "--tokenizer", (models / "neox").string(), "--hidden", "33"},
                "--hidden: expected a multiple of");
  CHECK_FALSE(std::filesystem::exists(folder / "x"));
}

TEST_CASE("evaluate gives the loss of a model and the accuracy of rewards, as a direct count has them") {
  const temporary_folder folder;
  const std::filesystem::path data = write_pairs(folder), out = folder / "out.json";
  const std::string rm = with_tokenizer(models / "neox_rm", models / "neox", folder),
                    dpo = with_tokenizer(models / "neox_dpo", models / "neox", folder);
  const ended e =
      run({"evaluate", "--data", data.string(), "--model", (models / "neox").string(), "--reward-model", rm, "--policy",
           dpo, "--reference", (models / "neox").string(), "--beta", "0.2", "--batch", "3", "--output", out.string()});
  INFO(e.output);
  REQUIRE(e.status == 0);
  const json all = rto::sim::read_json(out).at("held_out").at(0);
  CHECK(all.at("language_model").at("samples") == 12);
  CHECK(all.at("language_model").at("loss").at("value").get<double>() > 1);

  const language_model policy = language_model::load(models / "neox_dpo"),
                       reference = language_model::load(models / "neox"),
                       scorer = language_model::load(models / "neox_rm");
  const auto pairs = encode_pairs(read_records(data), coder_for(models / "neox", policy.config()), {}).samples;
  REQUIRE(pairs.size() == 12);
  for (const auto& [name, reward] : {std::pair{"reward_model", reward_model_scorer(scorer, 1)},
                                     std::pair{"implicit_reward", implicit_reward_scorer(policy, reference, 0.2, 1)}}) {
    INFO(name);
    double right = 0, margin = 0;
    for (const encoded_pair& p : pairs) {
      const std::vector<double> r =
          reward(std::vector{side_by_side(p.prompt, p.chosen), side_by_side(p.prompt, p.rejected)});
      right += r[0] > r[1] ? 1 : 0;
      margin += r[0] - r[1];
    }
    CHECK(all.at(name).at("accuracy").at("value").get<double>() == Approx(right / 12));
    CHECK(all.at(name).at("margin").at("value").get<double>() == Approx(margin / 12).margin(1e-5));
    CHECK(all.at(name).at("accuracy").at("interval").size() == 2);
  }
}

TEST_CASE("evaluate judges files of answers by a reward, exports pairs and takes verdicts back") {
  const temporary_folder folder;
  const auto answers = [&](const std::string& name, const std::string& text) {
    std::ofstream out(folder / name);
    for (int i = 0; i < 20; ++i)
      out << json{{"prompt", "say " + std::to_string(i)}, {"text", text + std::to_string(i % 5)}}.dump() << "\n";
    return (folder / name).string();
  };
  const std::string one = answers("one.jsonl", " a longer text "), two = answers("two.jsonl", " b"),
                    out = (folder / "out.json").string();
  const std::string rm = with_tokenizer(models / "neox_rm", models / "neox", folder);
  const words judge{"--judge", "reward-model", "--reward-model", rm, "--output", out};
  const auto rate = [&](const std::string& a, const std::string& b) {
    const ended e = run(words{"evaluate", "--answers", a, "--baseline", b} + judge);
    INFO(e.output);
    REQUIRE(e.status == 0);
    return rto::sim::read_json(out).at("win_rates").at(0).at("win_rate");
  };
  const json forward = rate(one, two), backward = rate(two, one);
  CHECK(forward.at("judgements") == 20);
  CHECK(forward.at("value").get<double>() + backward.at("value").get<double>() == Approx(1));

  const std::string pairs = (folder / "pairs.jsonl").string();
  REQUIRE(run({"evaluate", "--answers", one, "--baseline", two, "--export", pairs, "--limit", "15"}).status == 0);
  std::vector<json> lines = lines_of(rto::sim::read_file(pairs));
  REQUIRE(lines.size() == 15);
  std::ofstream verdicts(folder / "verdicts.jsonl");
  for (std::size_t i = 0; i < lines.size(); ++i) {  // the first model wins all but three
    const bool first_shown = lines[i].at("order") == "ab", wins = i >= 3;
    lines[i]["verdict"] = first_shown == wins ? "A" : "B";
    verdicts << lines[i].dump() << "\n";
  }
  verdicts.close();
  const ended e =
      run({"evaluate", "--judge", "verdicts", "--verdicts", (folder / "verdicts.jsonl").string(), "--output", out});
  INFO(e.output);
  REQUIRE(e.status == 0);
  CHECK(rto::sim::read_json(out).at("win_rates").at(0).at("win_rate").at("value").get<double>() == Approx(0.8));

  check_refused({"evaluate", "--answers", one, "--baseline", two}, "--judge");
  check_refused({"evaluate", "--answers", one, "--baseline", two, "--judge", "reward-model"}, "--reward-model DIR");
  check_refused({"evaluate", "--data", one, "--limit", "3"}, "--limit is for");
  check_refused({"evaluate"}, "--data FILE");
  check_refused(words{"evaluate", "--answers", one, "--baseline", two, "--judge", "reward-model", "--reward-model",
                      (models / "neox").string()},
                "expected a reward model");
}

TEST_CASE("score gives every token its reward, as lines and as a page") {
  const temporary_folder folder;
  const std::filesystem::path data = write_pairs(folder), lines = folder / "out.jsonl", page = folder / "page.html";
  const std::string rm = with_tokenizer(models / "neox_rm", models / "neox", folder),
                    dpo = with_tokenizer(models / "neox_dpo", models / "neox", folder);
  const ended e = run({"score", data.string(), "--policy", dpo, "--reference", (models / "neox").string(),
                       "--reward-model", rm, "--samples", "3", "--output", lines.string(), "--html", page.string()});
  INFO(e.output);
  REQUIRE(e.status == 0);
  const std::vector<json> rows = lines_of(rto::sim::read_file(lines));
  REQUIRE(rows.size() == 12);  // three pairs, two rewards
  const tokenizer t = tokenizer::load(models / "neox");
  for (const json& row : rows) {
    CHECK(row.at("rewards").size() == row.at("ids").size());
    std::string text;
    for (const json& token : row.at("tokens")) text += token.get<std::string>();
    CHECK(text == t.decode(row.at("ids").get<token_ids>()));
    const auto rewards = row.at("rewards").get<std::vector<double>>();
    CHECK(row.at("sum").get<double>() == Approx(std::accumulate(rewards.begin(), rewards.end(), 0.0)));
  }
  const std::string html = rto::sim::read_file(page);
  CHECK_THAT(html, Catch::Matchers::ContainsSubstring("implicit reward"));
  CHECK_THAT(html, Catch::Matchers::ContainsSubstring("say 2:"));
  check_refused({"score", data.string()}, "expected --policy DIR");
  check_refused({"score", data.string(), "--policy", (models / "neox").string()}, "go together");
}
