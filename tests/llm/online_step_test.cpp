// The step from answers to losses on tensors, against what transformers and TRL computed, and against the same template
// on the arrays of the simulator.
#include <type_traits>

#include <rto/algorithm/token_policy_step.hpp>
#include <rto/array/eigen.hpp>
#include <rto/torch/array.hpp>

#include "fixtures.hpp"
#include "llm/online/answer_scores.hpp"
#include "llm/online/online_trainer.hpp"
#include "llm/training/gradient.hpp"
#include "sim/training/policy_optimization.hpp"
#include "support/tolerance.hpp"

using namespace rto::llm;
using rto::sim::json;

namespace {

// Simulator and language models are given their step by one type, and what each makes of it is one template.
static_assert(std::is_same_v<decltype(online_options::step), decltype(rto::sim::policy_optimization_options::step)>);
static_assert(std::is_same_v<decltype(online_iteration::estimates), rto::token_policy_estimates<at::Tensor>>);

at::Tensor ragged(const json& rows) {
  std::int64_t longest = 0;
  for (const json& row : rows) longest = std::max(longest, static_cast<std::int64_t>(row.size()));
  at::Tensor x = at::zeros({static_cast<std::int64_t>(rows.size()), longest});
  for (std::size_t i = 0; i < rows.size(); ++i)
    x[static_cast<std::int64_t>(i)]
        .narrow(0, 0, static_cast<std::int64_t>(rows[i].size()))
        .copy_(test::tensor_of(rows[i]));
  return x;
}

std::vector<encoded_answer> answers_of(const json& ppo) {
  std::vector<encoded_answer> answers;
  for (std::size_t i = 0; i < ppo.at("prompts").size(); ++i)
    answers.push_back(side_by_side(ppo.at("prompts")[i].get<token_ids>(), ppo.at("responses")[i].get<token_ids>()));
  return answers;
}

struct named_recipe {
  const char* name;
  rto::token_reward_recipe recipe;
};
std::vector<named_recipe> recipes(const json& ppo) {
  const double b1 = ppo.at("beta1").get<double>(), b2 = ppo.at("beta2").get<double>(),
               b3 = ppo.at("beta3").get<double>();
  return {{"ppo", rto::ppo_reward(b2)},
          {"rto", rto::rto_reward(b1, b2)},
          {"rto_v4", rto::rto_terminal_reward(b1, b2, b3)},
          {"rto_release", rto::rto_release_reward(b1, ppo.at("reward_clip").get<double>(), b2)}};
}

// The batch of the fixture: log pi_old and V_old are given, the other scores are the models' own.
rto::token_batch<at::Tensor> given_batch(const json& ppo, const rollout_scorer& scorer) {
  rto::token_batch<at::Tensor> batch;
  batch.reward.mask = scorer.mask(at::kCPU);
  batch.reward.log_policy = ragged(ppo.at("logp_old"));
  batch.reward.log_reference = ragged(ppo.at("logp_ref"));
  batch.reward.log_dpo = ragged(ppo.at("logp_dpo"));
  batch.reward.sequence_reward = test::tensor_of(ppo.at("score")).unsqueeze(1);
  batch.value = ragged(ppo.at("value_old"));
  return batch;
}

void check_near(const at::Tensor& got, const at::Tensor& want, double tier) {
  CHECK(test::largest_difference(got.detach(), want) <= tier * std::max(1.0, want.abs().max().item<double>()));
}

std::vector<test::fixture> fixtures_with_rollouts() {
  std::vector<test::fixture> all;
  for (test::fixture& f : test::fixtures())
    if (f.expected.contains("ppo") && f.has("ref") && f.has("dpo") && f.has("rm")) all.push_back(std::move(f));
  if (all.empty()) std::cout << "SKIPPED: given rollouts, as RTO_SHARED is not set\n";
  return all;
}

}  // namespace

TEST_CASE("answers are scored as transformers scores them, whatever the size of a pass") {
  for (const test::fixture& f : fixtures_with_rollouts()) {
    INFO(f.name());
    const json& ppo = f.expected.at("ppo");
    const std::vector<encoded_answer> answers = answers_of(ppo);
    for (const std::size_t pass : {1U, 3U, 8U}) {
      const rollout_scorer scorer(answers, pass, 1);
      check_near(scorer.log_probabilities(f.model()), ragged(ppo.at("logp")), 1e-5);
      check_near(scorer.log_probabilities_and_entropy(f.model()).log_probability, ragged(ppo.at("logp")), 1e-5);
      check_near(scorer.log_probabilities(f.model("ref")), ragged(ppo.at("logp_ref")), 1e-5);
      check_near(scorer.log_probabilities(f.model("dpo")), ragged(ppo.at("logp_dpo")), 1e-5);
      check_near(scorer.values(f.model("rm")), ragged(ppo.at("value")), 1e-4);
      check_near(scorer.sequence_rewards(f.model("rm")).squeeze(1), test::tensor_of(ppo.at("score")), 1e-4);
      // The score of the last token is the answer's.
      const at::Tensor scores = scorer.token_scores(f.model("rm")), mask = scorer.mask(at::kCPU);
      const at::Tensor last = rto::array::row_sum(rto::array::select(rto::last_valid_step(mask), scores, 0.0));
      check_near(last.squeeze(1), test::tensor_of(ppo.at("score")), 1e-4);
      // A token's score is the value of the state after it.
      const at::Tensor ahead = rto::array::next_step(scorer.values(f.model("rm")));
      check_near(rto::array::select(rto::array::next_step(mask), scores - ahead, 0.0), at::zeros_like(mask), 1e-5);
    }
  }
}

TEST_CASE("logits are divided by the temperature") {
  for (const test::fixture& f : fixtures_with_rollouts()) {
    const std::vector<encoded_answer> answers = answers_of(f.expected.at("ppo"));
    const language_model model = f.model();
    const answer_batch batch = make_answer_batch(answers, at::kCPU);
    const at::NoGradGuard no_gradients;
    const at::Tensor logits = model.logits(model.hidden_states(batch.rows).index_select(0, batch.from)) / 0.7;
    const at::Tensor want = padded(at::log_softmax(logits, 1).gather(1, batch.targets.unsqueeze(1)).squeeze(1), batch);
    check_near(rollout_scorer(answers, 2, 0.7).log_probabilities(model), want, 1e-5);
    break;
  }
}

TEST_CASE("token rewards, advantages, whitening, losses, their gradients: as given for each recipe") {
  for (const test::fixture& f : fixtures_with_rollouts()) {
    INFO(f.name());
    const json& ppo = f.expected.at("ppo");
    const std::vector<encoded_answer> answers = answers_of(ppo);
    const rollout_scorer scorer(answers, 4, 1);
    const rto::token_batch<at::Tensor> batch = given_batch(ppo, scorer);
    CHECK_NOTHROW(validate(batch));
    language_model policy = f.model(), critic = f.model("rm");
    policy.require_gradients(true);
    critic.require_gradients(true);
    for (const auto& [name, recipe] : recipes(ppo)) {
      INFO(name);
      rto::token_policy_options options;
      options.reward = recipe;
      options.advantage = {.gamma = ppo.at("gamma").get<double>(), .lambda = ppo.at("lambda").get<double>()};
      options.whitening.reset();
      const auto raw = estimate_token_advantages(batch, options);
      check_near(raw.reward, ragged(ppo.at("rewards").at(name)), 1e-6);
      check_near(raw.targets.advantage, ragged(ppo.at("advantages").at(name)), 1e-5);
      check_near(raw.targets.value_target, ragged(ppo.at("returns").at(name)), 1e-5);
      if (!ppo.at("update").contains(name)) continue;
      const json& want = ppo.at("update").at(name);
      for (const bool unbiased : {false, true}) {
        options.whitening = rto::whitening_options{.unbiased = unbiased};
        const auto whitened = estimate_token_advantages(batch, options);
        check_near(whitened.targets.advantage, ragged(want.at(unbiased ? "whitened_unbiased" : "whitened_biased")),
                   1e-5);
      }
      options.whitening = rto::whitening_options{};
      options.surrogate.clip = want.at("clip").get<double>();
      options.value.clip = want.at("value_clip").get<double>();
      const auto targets = estimate_token_advantages(batch, options).targets;
      const answer_batch packed = make_answer_batch(answers, at::kCPU);
      for (const auto& [mode, key] : {std::pair{rto::aggregation::token_mean, "policy_token_mean"},
                                      {rto::aggregation::seq_mean_token_mean, "policy_seq_mean_token_mean"}}) {
        options.aggregate.mode = mode;
        const at::Tensor loss = token_policy_loss(log_probabilities_at(policy, packed, 1), targets, options);
        loss.backward();
        check_near(loss, at::scalar_tensor(want.at(key).at("loss").get<double>()), 1e-5);
        check_near(gradient_norm(policy.parameters()),
                   at::scalar_tensor(want.at(key).at("policy_grad_norm").get<double>()), 1e-4);
        clear_gradients(policy.parameters());
      }
      options.aggregate.mode = rto::aggregation::token_mean;
      const at::Tensor loss = token_value_loss(state_values(critic, packed), targets, options);
      loss.backward();
      const json& value = want.at("value_token_mean");
      check_near(loss, at::scalar_tensor(value.at("loss_with_half").get<double>()), 1e-4);
      check_near(gradient_norm(critic.parameters()), at::scalar_tensor(value.at("value_grad_norm").get<double>()),
                 1e-4);
      clear_gradients(critic.parameters());
      const auto now = diagnose(log_probabilities_at(policy, packed, 1).detach(), targets, options);
      check_near(now.clip_fraction, at::scalar_tensor(want.at("clip_fraction").get<double>()), 1e-5);
      check_near(now.k1, at::scalar_tensor(want.at("approx_kl_k1").get<double>()), 1e-5);
      check_near(now.k3, at::scalar_tensor(want.at("approx_kl_k3").get<double>()), 1e-5);
    }
  }
}

TEST_CASE("the step of rto-llm is the step of rto-sim: one template, equal numbers on tensors and on edge tables") {
  using edges = rto::sim::edge_table;
  at::Generator random = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{5});
  const std::int64_t batch = 6, time = 7;
  const auto draw = [&] { return at::randn({batch, time}, random, at::kDouble); };
  const auto edge = [](const at::Tensor& x) {
    return rto::array::from_host(edges(), rto::array::to_host(x), x.size(0), x.size(1));
  };
  rto::token_batch<at::Tensor> on_tensors;
  const at::Tensor lengths = at::tensor({7, 1, 3, 5, 2, 6}, at::kLong).unsqueeze(1);
  on_tensors.reward.mask = (at::arange(time).unsqueeze(0) < lengths).to(at::kDouble);
  on_tensors.reward.log_policy = -draw().abs();
  on_tensors.reward.log_reference = -draw().abs();
  on_tensors.reward.log_dpo = -draw().abs();
  on_tensors.reward.sequence_reward = draw().narrow(1, 0, 1).contiguous();
  on_tensors.reward.score = draw();
  on_tensors.value = draw();
  rto::token_batch<edges> on_edges;
  on_edges.reward.mask = edge(on_tensors.reward.mask);
  on_edges.reward.log_policy = edge(on_tensors.reward.log_policy);
  on_edges.reward.log_reference = edge(on_tensors.reward.log_reference);
  on_edges.reward.log_dpo = edge(on_tensors.reward.log_dpo);
  on_edges.reward.sequence_reward = edge(on_tensors.reward.sequence_reward);
  on_edges.reward.score = edge(on_tensors.reward.score);
  on_edges.value = edge(on_tensors.value);
  const at::Tensor log_policy = on_tensors.reward.log_policy + 0.3 * draw(), value = draw();
  for (const rto::token_reward_recipe& recipe :
       {rto::rto_reward(0.1, 0.03), rto::dppo_reward(0.1, 0.03), rto::ppo_reward(0.05), rto::tppo_reward(0.05),
        rto::rto_release_reward(), rto::rs_ppo_reward(0.1, 0.05)}) {
    rto::sim::policy_optimization_options options;
    options.step.reward = recipe;
    const auto tensors = estimate_token_advantages(on_tensors, options.step);
    const auto tables = estimate_token_advantages(on_edges, options.step);
    const double tier = rto::test::tolerance<edges>::cross_backend;
    const auto same = [&](const at::Tensor& x, const edges& y) {
      CHECK(rto::test::distance(rto::array::to_host(x), rto::array::to_host(y)) <= tier);
    };
    same(tensors.reward, tables.reward);
    same(tensors.targets.advantage, tables.targets.advantage);
    same(tensors.targets.value_target, tables.targets.value_target);
    CHECK(rto::test::close(rto::array::item(token_policy_loss(log_policy, tensors.targets, options.step)),
                           token_policy_loss(edge(log_policy), tables.targets, options.step), tier));
    CHECK(rto::test::close(rto::array::item(token_value_loss(value, tensors.targets, options.step)),
                           token_value_loss(edge(value), tables.targets, options.step), tier));
  }
}
