#include "llm/model/lora.hpp"

#include <fstream>

#include "complaint.hpp"
#include "fixtures.hpp"
#include "sim/temporary_folder.hpp"

using namespace rto::llm;
using namespace rto::llm::test;
namespace fs = std::filesystem;

namespace {

packed_rows long_row(const fixture& f) { return make_packed_rows(f.expected.at("long").at("row").get<token_ids>()); }

}  // namespace

TEST_CASE("an adapter of PEFT gives PEFT's logits, beside the base and merged into it") {
  int seen = 0;
  for (const fixture& f : fixtures()) {
    if (!f.expected.contains("adapted_last_logits")) continue;
    INFO(f.name());
    ++seen;
    const language_model base = f.model();
    const lora_adapter adapter = lora_adapter::load(base, f.root / "adapters" / f.name());
    const at::Tensor want = tensor_of(f.expected.at("adapted_last_logits"));
    for (const language_model& m : {adapter.adapted(base), adapter.merged(base)})
      CHECK(largest_difference(m.logits(m.hidden_states(long_row(f)))[-1], want) <= 2e-4);
    CHECK(largest_difference(base.logits(base.hidden_states(long_row(f)))[-1], want) > 0.1);
  }
  CHECK(seen == 2);
}

TEST_CASE("a new adapter changes nothing, trains alone, and comes back from its files") {
  const rto::test::temporary_folder scratch;
  const fs::path& folder = scratch.path();
  for (const fixture& f : fixtures()) {
    INFO(f.name());
    const language_model base = f.model();
    const at::Tensor before = base.hidden_states(long_row(f));
    lora_adapter adapter = lora_adapter::initialize(base, {.rank = 4, .alpha = 8}, 1),
                 other = lora_adapter::initialize(base, {.rank = 2}, 2);
    CHECK(adapter.parameters().size() > 2 * 4);
    const language_model policy = adapter.adapted(base);
    CHECK(at::equal(policy.hidden_states(long_row(f)), before));
    adapter.require_gradients(true);
    for (int step = 0; step < 2; ++step) {
      for (const bool recompute : {false, true})
        policy.hidden_states(long_row(f), {.recompute = recompute}).square().sum().backward();
      const at::NoGradGuard no_gradients;
      for (const named_parameter& p : adapter.parameters()) {
        if (step == 0 && p.name.find("lora_A") != std::string::npos) continue;  // B = 0: none yet
        REQUIRE(p.tensor.grad().defined());
        CHECK(p.tensor.grad().abs().max().item<double>() > 0);
        p.tensor.add_(p.tensor.grad().sign(), 0.01);
      }
    }
    for (const named_parameter& p : base.parameters()) CHECK_FALSE(p.tensor.grad().defined());
    const at::NoGradGuard no_gradients;
    const at::Tensor tuned = policy.hidden_states(long_row(f));
    CHECK(largest_difference(tuned, before) > 1e-3);
    CHECK(at::equal(base.hidden_states(long_row(f)), before));
    CHECK(at::equal(other.adapted(base).hidden_states(long_row(f)), before));
    CHECK(largest_difference(adapter.merged(base).hidden_states(long_row(f)), tuned) <=
          2e-5 * tuned.abs().max().item<double>());
    adapter.save(folder, "base");
    CHECK(at::equal(lora_adapter::load(base, folder).adapted(base).hidden_states(long_row(f)), tuned));
  }
}

TEST_CASE("adapters that do not fit or are of another kind are refused by name") {
  const fixture f = fixtures().front();
  const language_model base = f.model();
  const rto::test::temporary_folder scratch;
  const fs::path& folder = scratch.path();
  CHECK_THAT(complaint([&] { lora_adapter::initialize(base, {.targets = {"nothing"}}, 1); }),
             Catch::Matchers::ContainsSubstring("target \"nothing\": expected one of"));
  CHECK_THAT(complaint([&] { lora_adapter::load(base, folder); }),
             Catch::Matchers::ContainsSubstring("adapter_config.json"));
  lora_adapter::initialize(base, {.rank = 2}, 1).save(folder, "base");
  const auto with = [&](const char* field, const rto::sim::json& value) {
    rto::sim::json config = rto::sim::read_json(folder / "adapter_config.json");
    const rto::sim::json before = config;
    config[field] = value;
    std::ofstream(folder / "adapter_config.json") << config;
    const std::string said = complaint([&] { lora_adapter::load(base, folder); });
    std::ofstream(folder / "adapter_config.json") << before;
    return said;
  };
  CHECK(with("lora_dropout", 0.1) == "none");
  CHECK_THAT(with("peft_type", "IA3"), Catch::Matchers::ContainsSubstring("peft_type: expected LORA, found \"IA3\""));
  CHECK_THAT(with("use_dora", true), Catch::Matchers::ContainsSubstring("use_dora: true is not supported"));
  CHECK_THAT(with("bias", "all"), Catch::Matchers::ContainsSubstring("bias: expected none"));
  CHECK_THAT(with("rank_pattern", {{"q", 3}}), Catch::Matchers::ContainsSubstring("rank_pattern: is not supported"));
  CHECK_THAT(with("r", 3), Catch::Matchers::ContainsSubstring("expected shape [3, "));
  CHECK_THAT(with("r", -1), Catch::Matchers::ContainsSubstring("r: expected a whole number"));
}
