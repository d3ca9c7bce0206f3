// The program's training commands as a user runs them: trained, stopped, killed, gone on with.
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "llm/model/lora.hpp"
#include "training_run.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;
using rto::test::temporary_folder;

namespace {

// A preference that can be learnt: good answers are made of one letter, bad ones of another.
void write_pairs(const path& file, std::size_t count, char good = 'a', char bad = 'z') {
  std::ofstream out(file);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string prompt = "say " + std::to_string(i * 7 % 31) + ":";
    const auto text = [&](char letter, std::size_t n) {
      std::string words;
      for (std::size_t k = 0; k < n; ++k) words += std::string(" ") + letter + std::string(1 + (i + k) % 3, letter);
      return words;
    };
    out << json{{"prompt", prompt}, {"chosen", text(good, 2 + i % 3)}, {"rejected", text(bad, 2 + (i + 1) % 3)}}.dump()
        << "\n";
  }
}

void write_completions(const path& file, std::size_t count) {
  std::ofstream out(file);
  for (std::size_t i = 0; i < count; ++i)
    out << json{{"prompt", "count " + std::to_string(i % 5) + ":"},
                {"completion", " one two three" + std::string(i % 4, '!')}}
               .dump()
        << "\n";
}

}  // namespace

TEST_CASE("sft learns the completions and leaves a checkpoint that loads again") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_completions(folder / "data.jsonl", 24);
  const words command{"sft",
                      "--model",
                      model->string(),
                      "--data",
                      (folder / "data.jsonl").string(),
                      "--output",
                      (folder / "out").string(),
                      "--max-steps",
                      "40",
                      "--learning-rate",
                      "5e-3",
                      "--batch-size",
                      "8",
                      "--micro-batch-size",
                      "4",
                      "--eval-share",
                      "0.2",
                      "--eval-every",
                      "20"};
  const ended dry = run(command + words{"--dry-run"});
  INFO(dry.output);
  CHECK(dry.status == 0);
  for (const char* part : {"million parameters", "40 of 8 samples", "moments of AdamW", "time"})
    CHECK_THAT(dry.output, rto::test::ContainsSubstring(part));
  CHECK_FALSE(std::filesystem::exists(folder / "out"));

  const ended done = run(command);
  INFO(done.output);
  REQUIRE(done.status == 0);
  const std::vector<json> rows = metrics(folder / "out");
  REQUIRE(rows.size() == 42);
  CHECK(rows.back().at("kind") == "eval");
  CHECK(rows.back().at("loss").get<double>() < 0.5 * rows.front().at("loss").get<double>());
  const language_model trained = language_model::load(folder / "out");
  CHECK(trained.parameter_count() == language_model::load(*model).parameter_count());
  CHECK(std::filesystem::exists(folder / "out" / "tokenizer.json"));
  CHECK_FALSE(std::filesystem::is_empty(folder / "out" / "tensorboard"));

  const ended again = run(command);
  CHECK(again.status == 2);
  CHECK_THAT(again.output, rto::test::ContainsSubstring("--resume goes on with it"));
}

TEST_CASE("a run that is killed at any point and gone on with ends bit for bit like one that was not") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_pairs(folder / "data.jsonl", 30);
  const auto command = [&](const char* name, const std::string& to) {
    return words{name,
                 "--model",
                 model->string(),
                 "--data",
                 (folder / "data.jsonl").string(),
                 "--output",
                 (folder / to).string(),
                 "--max-steps",
                 "120",
                 "--learning-rate",
                 "1e-3",
                 "--batch-size",
                 "4",
                 "--save-every",
                 "7",
                 "--eval-share",
                 "0.2",
                 "--eval-every",
                 "13",
                 "--schedule",
                 "cosine",
                 "--warmup-ratio",
                 "0.1"};
  };
  for (const char* name : {"dpo", "reward"}) {
    INFO(name);
    const std::string whole = std::string(name) + "-whole", parts = std::string(name) + "-parts";
    REQUIRE(run(command(name, whole)).status == 0);
    std::size_t kills = 0;
    for (const std::size_t at : {2U, 9U, 10U, 33U, 70U}) {
      process p(command(name, parts) + words{"--resume"}, folder / "output.txt");
      if (!wait_for_step(p, folder / parts, at)) {
        INFO(p.output());
        CHECK(p.wait() == 0);
        break;
      }
      p.signal(SIGKILL);
      p.wait();
      ++kills;
    }
    CHECK(kills >= 3);
    const ended last = run(command(name, parts) + words{"--resume"});
    INFO(last.output);
    REQUIRE(last.status == 0);
    CHECK(same_bytes(folder / whole / "model.safetensors", folder / parts / "model.safetensors"));
    CHECK(same_bytes(folder / whole / "checkpoint-120" / "optimizer.safetensors",
                     folder / parts / "checkpoint-120" / "optimizer.safetensors"));
    const std::vector<json> want = metrics(folder / whole), got = metrics(folder / parts);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].at("loss") == want[i].at("loss"));
  }
}

TEST_CASE("Ctrl-C saves what is done and says how to go on") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_completions(folder / "data.jsonl", 24);
  const words command{"sft",
                      "--model",
                      model->string(),
                      "--data",
                      (folder / "data.jsonl").string(),
                      "--output",
                      (folder / "out").string(),
                      "--max-steps",
                      "100000",
                      "--batch-size",
                      "4"};
  process p(command, folder / "output.txt");
  REQUIRE(wait_for_step(p, folder / "out", 3));
  p.signal(SIGINT);
  CHECK(p.wait() == 130);
  CHECK_THAT(p.output(), rto::test::ContainsSubstring("with --resume goes on"));
  const json last = metrics(folder / "out").back();
  CHECK(std::filesystem::exists(folder / "out" / ("checkpoint-" + std::to_string(last.at("step").get<int>())) /
                                "training_state.json"));
}

TEST_CASE("dpo raises the held-out accuracy of a preference that can be learnt, from log 2 on") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_pairs(folder / "data.jsonl", 64);
  const words base{"--model",         model->string(),
                   "--data",          (folder / "data.jsonl").string(),
                   "--max-steps",     "40",
                   "--learning-rate", "2e-3",
                   "--batch-size",    "8",
                   "--eval-share",    "0.25"};
  for (const words& extra : {words{}, words{"--reference-scores", "live"}, words{"--loss", "tdpo2"},
                             words{"--loss", "simpo", "--beta", "2"}, words{"--loss", "ipo"}}) {
    const path out = folder / ("out" + std::to_string(extra.size()) + (extra.empty() ? "" : extra.back()));
    const ended done = run(words{"dpo", "--output", out.string()} + base + extra);
    INFO(done.output);
    REQUIRE(done.status == 0);
    const std::vector<json> rows = metrics(out);
    if (extra.empty()) CHECK(std::abs(rows.front().at("loss").get<double>() - std::log(2.0)) < 1e-3);
    CHECK(rows.back().at("kind") == "eval");
    CHECK(rows.back().at("accuracy").get<double>() >= 0.9);
    CHECK(rows[rows.size() - 2].at("margin").get<double>() > rows.front().at("margin").get<double>());
  }
}

TEST_CASE("reward and kto learn the same preference") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_pairs(folder / "data.jsonl", 64);
  const ended reward = run({"reward", "--model", model->string(), "--data", (folder / "data.jsonl").string(),
                            "--output", (folder / "rm").string(), "--max-steps", "40", "--learning-rate", "2e-3",
                            "--batch-size", "8", "--eval-share", "0.25"});
  INFO(reward.output);
  REQUIRE(reward.status == 0);
  CHECK(metrics(folder / "rm").back().at("accuracy").get<double>() >= 0.9);
  const language_model scorer = language_model::load(folder / "rm");
  CHECK(scorer.config().labels == 1);

  std::ofstream labelled(folder / "labelled.jsonl");
  for (int i = 0; i < 40; ++i)
    labelled << json{{"prompt", "say " + std::to_string(i % 9) + ":"},
                     {"completion", i % 2 == 0 ? " a aa aaa" : " z zz"},
                     {"label", i % 2 == 0}}
                    .dump()
             << "\n";
  labelled.close();
  const ended kto =
      run({"dpo", "--loss", "kto", "--model", model->string(), "--data", (folder / "labelled.jsonl").string(),
           "--output", (folder / "kto").string(), "--max-steps", "40", "--learning-rate", "2e-3"});
  INFO(kto.output);
  REQUIRE(kto.status == 0);
  const std::vector<json> rows = metrics(folder / "kto");
  CHECK(std::abs(rows.front().at("loss").get<double>() - 0.5) < 1e-3);
  CHECK(rows.back().at("loss").get<double>() < 0.4);
}

TEST_CASE(
    "adapters learn the preference and leave the base alone; killed and gone on with they are the same bit for bit") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_pairs(folder / "data.jsonl", 64);
  const words base{"--model",         model->string(),
                   "--data",          (folder / "data.jsonl").string(),
                   "--max-steps",     "60",
                   "--lora-rank",     "8",
                   "--learning-rate", "1e-2",
                   "--eval-share",    "0.25"};
  const auto out = [&](const char* name) { return words{"--output", (folder / name).string()}; };
  const ended dpo = run(words{"dpo", "--reference-scores", "live"} + base + out("dpo"));
  INFO(dpo.output);
  REQUIRE(dpo.status == 0);
  const std::vector<json> rows = metrics(folder / "dpo");
  CHECK(std::abs(rows.front().at("loss").get<double>() - std::log(2.0)) < 1e-3);
  CHECK(rows.back().at("accuracy").get<double>() >= 0.9);
  CHECK(std::filesystem::exists(folder / "dpo" / "adapter_config.json"));
  CHECK_FALSE(std::filesystem::exists(folder / "dpo" / "model.safetensors"));

  const words merge{"dpo", "--reference-scores", "live", "--merge"};
  REQUIRE(run(merge + base + out("merged")).status == 0);
  const packed_rows row = make_packed_rows(token_ids{5, 6, 7, 8, 9});
  const at::Tensor adapted = load_with_adapter(folder / "dpo", {}).hidden_states(row),
                   merged = language_model::load(folder / "merged").hidden_states(row);
  CHECK((adapted - merged).abs().max().item<double>() <= 2e-5 * adapted.abs().max().item<double>());
  CHECK((adapted - language_model::load(*model).hidden_states(row)).abs().max().item<double>() > 1e-3);

  const words slow{"dpo", "--save-every", "5", "--resume"};
  process p(slow + base + out("parts"), folder / "output.txt");
  if (wait_for_step(p, folder / "parts", 12)) p.signal(SIGKILL);
  p.wait();
  REQUIRE(run(slow + base + out("parts")).status == 0);
  REQUIRE(run(words{"dpo", "--save-every", "5"} + base + out("whole")).status == 0);
  CHECK(same_bytes(folder / "whole" / "adapter_model.safetensors", folder / "parts" / "adapter_model.safetensors"));

  const ended reward = run(words{"reward"} + base + out("rm"));
  INFO(reward.output);
  REQUIRE(reward.status == 0);
  CHECK(metrics(folder / "rm").back().at("accuracy").get<double>() >= 0.9);
  const std::string json_file = (folder / "accuracy.json").string();
  const ended evaluated = run({"evaluate", "--data", (folder / "data.jsonl").string(), "--reward-model",
                               (folder / "rm").string(), "--output", json_file});
  INFO(evaluated.output);
  REQUIRE(evaluated.status == 0);
  CHECK(
      rto::sim::read_json(json_file).at("held_out").at(0).at("reward_model").at("accuracy").at("value").get<double>() >=
      0.9);
}

TEST_CASE("sft learns plain text in blocks no longer than the model's context") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  std::ofstream text(folder / "text.txt");
  for (int i = 0; i < 60; ++i) text << "the cat sat on the mat, and then the dog sat on the cat. ";
  text.close();
  const ended done =
      run({"sft", "--model", model->string(), "--data", (folder / "text.txt").string(), "--output",
           (folder / "out").string(), "--max-steps", "30", "--learning-rate", "5e-3", "--batch-size", "2"});
  INFO(done.output);
  REQUIRE(done.status == 0);
  const std::vector<json> rows = metrics(folder / "out");
  CHECK(rows.back().at("loss").get<double>() < 0.5 * rows.front().at("loss").get<double>());
  CHECK_FALSE(std::filesystem::exists(folder / "out" / "model.safetensors.index.json"));
}

TEST_CASE("options that exclude each other or do nothing are refused") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  write_pairs(folder / "data.jsonl", 8);
  const words base{"dpo",
                   "--model",
                   model->string(),
                   "--data",
                   (folder / "data.jsonl").string(),
                   "--output",
                   (folder / "out").string()};
  const std::map<std::string, words> refused{
      {"exclude each other", {"--epochs", "1", "--max-steps", "3"}},
      {"--target-margin is for", {"--target-margin", "1"}},
      {"--label-smoothing is for", {"--loss", "hinge", "--label-smoothing", "0.1"}},
      {"--reference is for", {"--loss", "simpo", "--reference", model->string()}},
      {"--eval-every is for", {"--eval-every", "3"}},
      {"--merge is for --lora-rank", {"--merge"}},
      {"more than --batch-size", {"--batch-size", "2", "--micro-batch-size", "4"}},
      {"--beta", {"--beta", "-1"}}};
  for (const auto& [message, extra] : refused) {
    const ended e = run(base + extra);
    INFO(e.output);
    CHECK(e.status == 2);
    CHECK_THAT(e.output, rto::test::ContainsSubstring(message));
    CHECK(std::count(e.output.begin(), e.output.end(), '\n') <= 2);
    CHECK_FALSE(std::filesystem::exists(folder / "out"));
  }
}
