// rto-llm ppo, dppo, rto and tppo as a user runs them.
#include <torch/torch.h>

#include <chrono>
#include <fstream>
#include <map>
#include <thread>

#include "llm/model/language_model.hpp"
#include "training_run.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
using rto::sim::json;
using rto::test::temporary_folder;

namespace {

path sibling(const path& model, const char* suffix) { return path(model.string() + suffix); }

path write_prompts(const path& folder) {
  std::ofstream out(folder / "prompts.jsonl");
  for (int i = 0; i < 9; ++i) out << json{{"prompt", "say " + std::to_string(i) + ":"}}.dump() << "\n";
  return folder / "prompts.jsonl";
}

// A short run of a command, less where its reward comes from.
words short_run(const std::string& command, const path& model, const temporary_folder& folder, const std::string& to) {
  return {command,
          "--policy",
          model.string(),
          "--reference",
          sibling(model, "_ref").string(),
          "--prompts",
          write_prompts(folder.path()).string(),
          "--out",
          (folder / to).string(),
          "--iterations",
          "3",
          "--rollout",
          "16",
          "--minibatch-size",
          "8",
          "--max-new-tokens",
          "6",
          "--learning-rate",
          "1e-3",
          "--critic-learning-rate",
          "1e-3"};
}

}  // namespace

TEST_CASE("each command trains by each of its recipes and leaves a policy that loads again") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  const words dpo{"--dpo", sibling(*model, "_dpo").string()}, reward{"--reward", sibling(*model, "_rm").string()};
  const std::vector<std::pair<std::string, words>> runs{
      {"rto", dpo},
      {"rto", dpo + reward + words{"--recipe", "rto_terminal", "--beta3", "0.5"}},
      {"rto", dpo + reward +
                  words{"--preset", "rto-v2", "--rollout", "16", "--max-new-tokens", "6", "--max-prompt-length", "20",
                        "--minibatch-size", "8"}},
      {"rto", dpo + words{"--recipe", "semi_rto"}},
      {"rto", dpo + reward + words{"--recipe", "rs_ppo"}},
      {"rto", dpo + reward + words{"--recipe", "ddpo"}},
      {"dppo", dpo + words{"--length-price", "0.01", "--missing-end-penalty", "1"}},
      {"ppo", reward},
      {"ppo", reward + words{"--kl-target", "0.1", "--temperature", "0.8"}},
      {"tppo", {"--token-reward", sibling(*model, "_rm").string()}}};
  int number = 0;
  for (const auto& [command, extra] : runs) {
    const std::string to = "out" + std::to_string(number++);
    words all = short_run(command, *model, folder, to);
    // What the extra options say wins over the common ones.
    for (std::size_t i = 0; i + 1 < extra.size(); i += 2)
      for (std::size_t k = 1; k + 1 < all.size(); k += 2)
        if (all[k] == extra[i]) {
          all.erase(all.begin() + static_cast<std::ptrdiff_t>(k), all.begin() + static_cast<std::ptrdiff_t>(k) + 2);
          break;
        }
    const ended done = run(all + extra);
    INFO(command << " " << to << "\n" << done.output);
    REQUIRE(done.status == 0);
    const std::vector<json> rows = metrics(folder / to);
    REQUIRE(rows.size() == 3);
    for (const json& row : rows) {
      CHECK(row.at("ratio").is_number());
      double share = 0;
      for (const auto& [key, value] : row.items())
        if (key.starts_with("share_")) share += value.get<double>();
      CHECK(std::abs(share - 1) < 1e-5);
    }
    CHECK_FALSE(same_bytes(folder / to / "model.safetensors", *model / "model.safetensors"));
    const language_model trained = language_model::load(folder / to);
    CHECK(trained.parameter_count() == language_model::load(*model).parameter_count());
    CHECK(std::filesystem::exists(folder / to / "tokenizer.json"));
    CHECK(std::filesystem::exists(folder / to / "checkpoint-3" / "critic" / "config.json"));
    CHECK(std::filesystem::exists(folder / to / "samples" / "iteration-3.jsonl"));
  }
}

TEST_CASE("RLOO, GRPO and ReMax train without a critic") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  for (const char* baseline : {"rloo", "grpo", "dr_grpo", "remax"}) {
    words all = short_run("ppo", *model, folder, baseline);
    all.resize(all.size() - 2);  // no critic, no learning rate of one
    const ended done = run(
        all + words{"--reward", sibling(*model, "_rm").string(), "--baseline", baseline, "--answers-per-prompt", "4"});
    INFO(done.output);
    REQUIRE(done.status == 0);
    CHECK(metrics(folder / baseline).size() == 3);
    CHECK_FALSE(metrics(folder / baseline).back().contains("value_loss"));
    CHECK_FALSE(std::filesystem::exists(folder / baseline / "checkpoint-3" / "critic"));
  }
}

TEST_CASE("an online run that is killed at any point and gone on with ends bit for bit like one that was not") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  const auto command = [&](const char* to) {
    words all = short_run("rto", *model, folder, to);
    for (std::size_t k = 1; k + 1 < all.size(); ++k)
      if (all[k] == "--iterations") all[k + 1] = "24";
    return all + words{"--dpo",          sibling(*model, "_dpo").string(),
                       "--save-every",   "2",
                       "--kl-target",    "0.2",
                       "--kl-horizon",   "500",
                       "--schedule",     "cosine",
                       "--warmup-ratio", "0.1"};
  };
  REQUIRE(run(command("whole")).status == 0);
  std::size_t kills = 0;
  // Some time after the line of an iteration: in the rollout, the scoring, the updates, the checkpoint of the next.
  for (const auto& [at, milliseconds] : {std::pair{1U, 0}, {4U, 15}, {7U, 40}, {12U, 80}, {15U, 120}}) {
    process p(command("parts") + words{"--resume"}, folder / "output.txt");
    if (!wait_for_step(p, folder / "parts", at)) {
      INFO(p.output());
      CHECK(p.wait() == 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    p.signal(SIGKILL);
    p.wait();
    ++kills;
  }
  CHECK(kills >= 3);
  const ended last = run(command("parts") + words{"--resume"});
  INFO(last.output);
  REQUIRE(last.status == 0);
  for (const char* file :
       {"model.safetensors", "checkpoint-24/optimizer.safetensors", "checkpoint-24/critic_optimizer.safetensors",
        "checkpoint-24/critic/model.safetensors", "checkpoint-24/online_state.json", "samples/iteration-24.jsonl"})
    CHECK(same_bytes(folder / "whole" / file, folder / "parts" / file));
  const std::vector<json> want = metrics(folder / "whole"), got = metrics(folder / "parts");
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    for (const char* key : {"loss", "value_loss", "reward", "kl_k1", "kl_coefficient", "length"})
      CHECK(got[i].at(key) == want[i].at(key));
  words other = command("parts") + words{"--resume"};
  for (std::size_t k = 1; k + 1 < other.size(); ++k)
    if (other[k] == "--kl-target") other[k + 1] = "0.3";
  const ended refused = run(other);
  CHECK(refused.status == 2);
  CHECK_THAT(refused.output, rto::test::ContainsSubstring("kl_target = 0.2"));
}

TEST_CASE("a program can give rewards, and one that fails or answers wrongly is told so") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  const words base = short_run("ppo", *model, folder, "out") + words{"--reward", sibling(*model, "_rm").string()};
  const auto with = [&](const std::string& program) {
    std::filesystem::remove_all(folder / "out");
    return run(base + words{"--reward-program", program});
  };
  const ended done = with(R"(sed 's/.*/{"reward": 2.5}/')");
  INFO(done.output);
  REQUIRE(done.status == 0);
  for (const json& row : metrics(folder / "out")) CHECK(std::abs(row.at("reward_program").get<double>() - 2.5) < 1e-6);
  for (const auto& [program, message] :
       std::map<std::string, std::string>{{"cat > /dev/null; exit 3", "ended with status"},
                                          {"head -n 1 | sed 's/.*/{\"reward\": 1}/'", "expected 16 lines"},
                                          {"sed 's/.*/{\"reward\": \"good\"}/'", "expected a number"},
                                          {"sed 's/.*/{\"rewards\": []}/'", "one for each token"}}) {
    const ended refused = with(program);
    INFO(refused.output);
    CHECK(refused.status == 2);
    CHECK_THAT(refused.output, rto::test::ContainsSubstring(message));
  }
}

TEST_CASE("online options that exclude each other, do nothing or miss a model are refused") {
  const auto model = tiny_model();
  if (!model) return;
  const temporary_folder folder;
  const words base = short_run("rto", *model, folder, "out") + words{"--dpo", sibling(*model, "_dpo").string()};
  const std::map<std::string, words> refused{
      {"--beta3 is for", {"--beta3", "2"}},
      {"needs --reward", {"--recipe", "rto_terminal"}},
      {"--kl-horizon is for", {"--kl-horizon", "3"}},
      {"--temperature 0.7", {"--temperature", "0.7"}},
      {"more than --minibatch-size", {"--micro-batch-size", "9"}},
      {"of at least 2", {"--baseline", "rloo", "--answers-per-prompt", "1"}},
      {"--micro-batch-size", {"--micro-batch-size", "0"}},
      {"no multiple of", {"--answers-per-prompt", "3"}},
      {"context is", {"--long-prompts", "cut", "--max-prompt-length", "3", "--generation-batch", "2"}},
      {"expected a model with one score", {"--recipe", "rto_terminal", "--reward", model->string()}}};
  for (const auto& [message, extra] : refused) {
    words all = base;
    if (message == "of at least 2") all.erase(all.end() - 4, all.end() - 2);
    if (message == "context is")
      for (std::size_t k = 1; k + 1 < all.size(); ++k)
        if (all[k] == "--max-new-tokens") all[k + 1] = "4096";
    const ended e = run(all + extra);
    INFO(message << ": " << e.output);
    CHECK(e.status == 2);
    CHECK_THAT(e.output, rto::test::ContainsSubstring(message));
    CHECK_FALSE(std::filesystem::exists(folder / "out"));
  }
  const ended dry = run(base + words{"--dry-run"});
  CHECK(dry.status == 0);
  for (const char* part : {"3 of 16 answers", "policy, gradients, moments", "DPO model", "keys and values", "in all"})
    CHECK_THAT(dry.output, rto::test::ContainsSubstring(part));
  CHECK_FALSE(std::filesystem::exists(folder / "out"));
}
