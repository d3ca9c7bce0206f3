// The trainers' losses, gradients and steps on tiny checkpoints, against what transformers and TRL compute of them.
#include <torch/torch.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <numeric>
#include <set>

#include "llm/training/adamw.hpp"
#include "llm/training/gradient.hpp"
#include "llm/training/kto_objective.hpp"
#include "llm/training/preference_objective.hpp"
#include "llm/training/reference_scores.hpp"
#include "llm/training/reward_objective.hpp"
#include "llm/training/sft_objective.hpp"
#include "sim/io/json.hpp"
#include "support/catch.hpp"

using namespace rto::llm;
using rto::sim::json;

namespace {

// Each model that is there: its name and what is expected of it.
template <class F> void for_each_model(F&& f) {
  const char* shared = std::getenv("RTO_SHARED");
  if (shared == nullptr) {
    std::cout << "SKIPPED: the trainers' losses on given checkpoints, as RTO_SHARED is not set\n";
    return;
  }
  const std::filesystem::path folder = std::filesystem::path(shared) / "llm";
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "expected")) files.insert(entry.path());
  for (const auto& file : files) {
    const json expected = rto::sim::read_json(file);
    if (!expected.contains("sft")) continue;
    const std::string name = expected.at("model").get<std::string>();
    INFO(name);
    f(folder / "models" / name, expected);
  }
}

language_model load(const std::filesystem::path& folder, const std::string& suffix = "",
                    head_kind head = head_kind::stored) {
  language_model model = language_model::load(folder.string() + suffix, {.head = head});
  model.require_gradients(true);
  return model;
}

std::vector<token_ids> rows_of(const json& rows) { return rows.get<std::vector<token_ids>>(); }

bool near(double got, double want) { return std::abs(got - want) <= 1e-5 + 1e-5 * std::abs(want); }
bool near(const at::Tensor& got, const json& want) {
  const at::Tensor flat = got.detach().reshape({-1});
  if (flat.size(0) != static_cast<std::int64_t>(want.size())) return false;
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!near(flat[static_cast<std::int64_t>(i)].item<double>(), want[i].get<double>())) return false;
  return true;
}
bool norm_near(double got, double want) { return std::abs(got - want) <= 1e-4 * std::abs(want); }

struct result {
  double loss = 0, gradient_norm = 0;
};
// The loss of all samples in micro-batches, its gradient in the parameters.
result run(objective& task, const language_model& model, std::size_t micro_batch) {
  clear_gradients(model.parameters());
  std::vector<std::size_t> all(task.size());
  std::iota(all.begin(), all.end(), 0);
  task.begin(all);
  metric_sums metrics;
  double total = 0;
  for (std::size_t from = 0; from < all.size(); from += micro_batch) {
    const at::Tensor loss = task.loss(std::span(all).subspan(from, std::min(micro_batch, all.size() - from)), metrics);
    total += loss.item<double>();
    loss.backward();
  }
  return {total, gradient_norm(model.parameters()).item<double>()};
}

// transformers names the head of every architecture alike
std::string name_in_expected(const std::string& name) { return name == "embed_out.weight" ? "lm_head.weight" : name; }

std::vector<encoded_answer> sft_samples(const json& block) {
  std::vector<encoded_answer> samples;
  const std::vector<token_ids> rows = rows_of(block.at("rows"));
  for (std::size_t i = 0; i < rows.size(); ++i)
    samples.push_back({rows[i], block.at("prompt_lens")[i].get<std::int64_t>(), {}, true});
  return samples;
}

token_ids answer(const token_ids& whole, std::size_t prompt) {
  return {whole.begin() + static_cast<std::ptrdiff_t>(prompt), whole.end()};
}

std::vector<encoded_pair> dpo_samples(const json& block) {
  std::vector<encoded_pair> samples;
  const std::vector<token_ids> prompts = rows_of(block.at("prompts")), chosen = rows_of(block.at("chosen")),
                               rejected = rows_of(block.at("rejected"));
  for (std::size_t i = 0; i < prompts.size(); ++i)
    samples.push_back(
        {prompts[i], answer(chosen[i], prompts[i].size()), answer(rejected[i], prompts[i].size()), {}, true, true});
  return samples;
}

// The option sets of the losses that are expected. The sign of R-DPO that some summaries print is not offered.
std::map<std::string, pair_loss_options> dpo_losses(const json& losses) {
  std::map<std::string, pair_loss_options> all;
  const std::map<std::string, pair_loss_kind> kinds{{"sigmoid", pair_loss_kind::sigmoid},
                                                    {"sigmoid_smoothed_cdpo", pair_loss_kind::sigmoid},
                                                    {"robust", pair_loss_kind::robust},
                                                    {"hinge", pair_loss_kind::hinge},
                                                    {"ipo_length_averaged_trl", pair_loss_kind::ipo},
                                                    {"ipo_summed_paper", pair_loss_kind::ipo_sum},
                                                    {"sigmoid_norm", pair_loss_kind::sigmoid_norm},
                                                    {"apo_zero", pair_loss_kind::apo_zero},
                                                    {"nca_pair", pair_loss_kind::nca},
                                                    {"sppo_hard", pair_loss_kind::sppo},
                                                    {"simpo", pair_loss_kind::simpo},
                                                    {"cpo_sigmoid_reference_free", pair_loss_kind::cpo},
                                                    {"rdpo_plus_derived", pair_loss_kind::r_dpo},
                                                    {"tdpo1", pair_loss_kind::tdpo1},
                                                    {"tdpo2", pair_loss_kind::tdpo2}};
  for (const auto& [name, kind] : kinds) {
    const json& p = losses.at(name).at("params");
    all[name] = {.kind = kind,
                 .beta = p.at("beta").get<double>(),
                 .label_smoothing = p.value("label_smoothing", 0.0),
                 .length_price = p.value("alpha", 0.0),
                 .divergence_weight = p.value("alpha", 0.0),
                 .target_margin = p.value("gamma", 0.0),
                 .nll_coefficient = 0};
  }
  return all;
}

}  // namespace

TEST_CASE("supervised fine-tuning has the expected loss and gradients, whatever the micro-batches") {
  for_each_model([](const std::filesystem::path& folder, const json& expected) {
    const json& block = expected.at("sft");
    const language_model model = load(folder);
    const std::vector<encoded_answer> samples = sft_samples(block);
    for (const bool recompute : {false, true}) {
      sft_objective task(model, samples, recompute);
      for (const std::size_t micro : {4U, 2U, 1U}) {
        INFO("micro-batches of " << micro);
        const result got = run(task, model, micro);
        CHECK(near(got.loss, block.at("loss").get<double>()));
        CHECK(norm_near(got.gradient_norm, block.at("grad_norm").get<double>()));
      }
    }
    std::size_t compared = 0;
    for (const auto& [name, p] : model.parameters()) {
      INFO(name);
      const double want = block.at("grad_norm_tensor").at(name_in_expected(name)).get<double>();
      CHECK(std::abs(p.grad().norm().item<double>() - want) <= 1e-4 * want + 1e-6);
      ++compared;
    }
    CHECK(compared == block.at("grad_norm_tensor").size());
  });
}

TEST_CASE("three steps of AdamW give the expected losses and parameters, with decay on everything or on matrices") {
  for_each_model([](const std::filesystem::path& folder, const json& expected) {
    const json &block = expected.at("sft"), &o = block.at("optimizer");
    for (const auto& [rule, name] :
         std::map<decay_rule, std::string>{{decay_rule::all, "all"}, {decay_rule::matrices_only, "no_bias_no_norm"}}) {
      INFO(name);
      const json& steps = block.at("steps").at(name);
      const language_model model = load(folder);
      const std::vector<encoded_answer> samples = sft_samples(block);
      sft_objective task(model, samples);
      adamw optimizer(model.parameters(), {.beta1 = o.at("betas")[0].get<double>(),
                                           .beta2 = o.at("betas")[1].get<double>(),
                                           .epsilon = o.at("eps").get<double>(),
                                           .weight_decay = o.at("weight_decay").get<double>(),
                                           .decay = rule});
      for (std::size_t step = 0; step < 3; ++step) {
        const result got = run(task, model, 4);
        CHECK(near(got.loss, steps.at("losses")[step].get<double>()));
        CHECK(norm_near(got.gradient_norm, steps.at("grad_norms_before_clip")[step].get<double>()));
        clip_gradients(model.parameters(), gradient_norm(model.parameters()), o.at("max_grad_norm").get<double>());
        optimizer.step(o.at("lr").get<double>());
      }
      CHECK(near(run(task, model, 4).loss, steps.at("losses")[3].get<double>()));
      const std::vector<std::string> unstable = steps.at("unstable").get<std::vector<std::string>>();
      for (const auto& [own_name, p] : model.parameters()) {
        const std::string tensor = name_in_expected(own_name);
        if (std::find(unstable.begin(), unstable.end(), tensor) != unstable.end()) continue;
        INFO(tensor);
        const json &want = steps.at("params").at(tensor), &noise = steps.at("sdpa_vs_eager").at(tensor);
        const at::Tensor x = p.detach().to(at::kDouble).reshape({-1});
        const at::Tensor wave = torch::cos(0.7 * torch::arange(x.size(0), at::kDouble) + 0.3);
        const auto holds = [&](const char* key, double got) {
          return std::abs(got - want.at(key).get<double>()) <= 1e-4 + 10 * noise.at(key).get<double>();
        };
        CHECK(holds("sum", x.sum().item<double>()));
        CHECK(holds("sumsq", (x * x).sum().item<double>()));
        CHECK(holds("dot", (x * wave).sum().item<double>()));
      }
    }
  });
}

TEST_CASE("preference losses of a policy and a reference, and their gradients, are the expected ones") {
  for_each_model([](const std::filesystem::path& folder, const json& expected) {
    const json &block = expected.at("dpo"), &losses = block.at("losses");
    const language_model policy = load(folder);
    const language_model reference = language_model::load(folder.string() + "_ref");
    const std::vector<encoded_pair> samples = dpo_samples(block);
    const at::Tensor of_policy = precompute_reference(policy, samples, 2),
                     of_reference = precompute_reference(reference, samples, 3);
    CHECK(near(of_policy.select(1, 0), block.at("policy_chosen_logps")));
    CHECK(near(of_policy.select(1, 1), block.at("policy_rejected_logps")));
    CHECK(near(of_reference.select(1, 0), block.at("ref_chosen_logps")));
    CHECK(near(of_reference.select(1, 1), block.at("ref_rejected_logps")));
    for (const auto& [name, options] : dpo_losses(losses)) {
      const double want = losses.at(name).at("loss").get<double>(),
                   norm = losses.at(name).at("policy_grad_norm").get<double>();
      for (const bool live : {true, false}) {
        if (!live && needs_divergence(options.kind)) continue;
        INFO(name << (live ? " beside the reference model" : " with precomputed scores"));
        pair_reference source;
        if (live)
          source.model = &reference;
        else
          source.precomputed = of_reference;
        preference_objective task(policy, samples, options, source);
        for (const std::size_t micro : {4U, 1U}) {
          const result got = run(task, policy, micro);
          CHECK(near(got.loss, want));
          CHECK(norm_near(got.gradient_norm, norm));
        }
      }
    }
    // ORPO is expected without the likelihood of the chosen answers: the difference of two objectives has it.
    const double lambda = losses.at("orpo_odds_ratio_term").at("params").at("lambda").get<double>();
    preference_objective with(policy, samples, {.kind = pair_loss_kind::orpo, .odds_weight = lambda}, {});
    preference_objective without(policy, samples, {.kind = pair_loss_kind::orpo, .odds_weight = 0}, {});
    CHECK(near(run(with, policy, 2).loss - run(without, policy, 2).loss,
               losses.at("orpo_odds_ratio_term").at("loss").get<double>()));
    // DPO + NLL: the sigmoid loss, and the mean of the chosen answers' mean negative log-likelihoods.
    preference_objective nll(policy, samples, {.kind = pair_loss_kind::dpo_nll, .nll_coefficient = 0.2},
                             {.precomputed = of_reference});
    CHECK(near(run(nll, policy, 2).loss,
               losses.at("sigmoid").at("loss").get<double>() + 0.2 * run(without, policy, 2).loss));
  });
}

TEST_CASE("where policy and reference are the same weights the first loss is what it must be, and else refused") {
  for_each_model([](const std::filesystem::path& folder, const json& expected) {
    const std::vector<encoded_pair> samples = dpo_samples(expected.at("dpo"));
    const language_model policy = load(folder);
    for (const auto& [name, kind] : pair_loss_names()) {
      const pair_loss_options options{.kind = kind, .label_smoothing = takes_label_smoothing(kind) ? 0.1 : 0.0};
      if (!loss_at_reference(options)) continue;
      INFO(name);
      preference_objective same(policy, samples, options, {.model = &policy, .same_weights = true});
      CHECK_NOTHROW(same.check_first_loss(run(same, policy, 3).loss));
      const language_model other = language_model::load(folder.string() + "_ref");
      preference_objective wrong(policy, samples, options, {.model = &other, .same_weights = true, .rounding = 1e-6});
      CHECK_THROWS(wrong.check_first_loss(run(wrong, policy, 3).loss));
    }
    CHECK(std::abs(*loss_at_reference({}) - std::log(2.0)) < 1e-12);
  });
}

TEST_CASE("KTO has the expected loss and gradient, its reference point that of the whole step") {
  for_each_model([](const std::filesystem::path& folder, const json& expected) {
    const json& block = expected.at("kto");
    std::vector<labelled_answer> samples;
    const std::vector<token_ids> rows = rows_of(block.at("rows")), mixed = rows_of(block.at("kl_rows"));
    for (std::size_t i = 0; i < rows.size(); ++i)
      samples.push_back(
          {{rows[i], block.at("prompt_lens")[i].get<std::int64_t>(), {}, true}, block.at("labels")[i].get<bool>()});
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(mismatched(samples, i).ids == mixed[i]);
    const language_model policy = load(folder);
    const language_model reference = language_model::load(folder.string() + "_ref");
    const rto::kto_options options{.beta = block.at("beta").get<double>(),
                                   .desirable_weight = block.at("desirable_weight").get<double>(),
                                   .undesirable_weight = block.at("undesirable_weight").get<double>()};
    const at::Tensor scores = precompute_reference(reference, samples, 3);
    CHECK(near(scores.select(1, 0), block.at("ref_logps")));
    CHECK(near(scores.select(1, 1), block.at("ref_kl_logps")));
    for (const bool live : {true, false})
      for (const std::size_t micro : {4U, 2U, 1U}) {
        labelled_reference source;
        if (live)
          source.model = &reference;
        else
          source.precomputed = scores;
        kto_objective task(policy, samples, options, source, micro);
        const result got = run(task, policy, micro);
        CHECK(near(got.loss, block.at("loss").get<double>()));
        CHECK(norm_near(got.gradient_norm, block.at("grad_norm").get<double>()));
      }
    kto_objective same(policy, samples, options, {.model = &policy, .same_weights = true}, 2);
    CHECK_NOTHROW(same.check_first_loss(run(same, policy, 2).loss));
    kto_objective wrong(policy, samples, options, {.model = &reference, .same_weights = true, .rounding = 1e-6}, 2);
    CHECK_THROWS(wrong.check_first_loss(run(wrong, policy, 2).loss));
  });
}

TEST_CASE("a reward model scores the last real token, with the expected pairwise losses and gradients") {
  for_each_model([](const std::filesystem::path& folder, const json& expected) {
    const json& block = expected.at("rm");
    const language_model model = load(folder, "_rm");
    const std::vector<token_ids> rows = rows_of(block.at("rows"));
    CHECK(near(text_rewards(model, rows), block.at("scores")));
    std::vector<encoded_pair> samples;
    for (std::size_t i = 0; i < block.at("pairs").size(); ++i) {
      const token_ids &chosen = rows[block.at("pairs")[i][0].get<std::size_t>()],
                      &rejected = rows[block.at("pairs")[i][1].get<std::size_t>()];
      samples.push_back({{}, chosen, rejected, block.at("margins")[i].get<double>(), true, true});
    }
    for (const std::size_t micro : {2U, 1U}) {
      reward_objective plain(model, samples, 0, /*margins=*/false);
      const result got = run(plain, model, micro);
      CHECK(near(got.loss, block.at("pairwise").at("loss").get<double>()));
      CHECK(norm_near(got.gradient_norm, block.at("pairwise").at("grad_norm").get<double>()));
      for (const auto& [name, p] : model.parameters()) {
        INFO(name);
        const double want = block.at("pairwise").at("grad_norm_tensor").at(name).get<double>();
        CHECK(std::abs(p.grad().norm().item<double>() - want) <= 1e-4 * want + 1e-6);
      }
      const json& other = block.at("pairwise_margin_centered");
      reward_objective full(model, samples, other.at("center_rewards_coefficient").get<double>());
      const result with = run(full, model, micro);
      CHECK(near(with.loss, other.at("loss").get<double>()));
      CHECK(norm_near(with.gradient_norm, other.at("grad_norm").get<double>()));
    }
  });
}
