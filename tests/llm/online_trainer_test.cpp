// The online trainer: what must hold at every iteration, what a run that goes on must give, and what is refused.
#include <filesystem>
#include <map>

#include "llm/online/answer_scores.hpp"
#include "llm/online/online_loop.hpp"
#include "llm/online/rollout_metrics.hpp"
#include "llm/training/run_checkpoint.hpp"
#include "sim/io/error.hpp"
#include "sim/temporary_folder.hpp"
#include "support/catch.hpp"
#include "tiny_world.hpp"

using namespace rto::llm;
using rto::llm::test::tiny_world;

namespace {

// Models of one run, all different.
struct cast_of_models {
  language_model policy = language_model::initialize(test::tiny_config(0.4), 1), critic = test::tiny_critic(5);
  language_model reference = policy.clone(), dpo = language_model::initialize(test::tiny_config(0.6), 2);

  cast_of_models() { policy.require_gradients(true); }
  online_models models() const { return {.policy = &policy, .critic = &critic, .reference = &reference, .dpo = &dpo}; }
};

online_options options(std::int64_t iterations = 8) {
  online_options o = test::tiny_options(rto::rto_reward(0.3, 0.1), 5, iterations);
  o.rollout = 32;
  o.update.minibatch = 8;
  o.update.policy_rate.steps = iterations * o.update.updates_of(o.rollout);
  o.update.critic_rate.steps = o.update.policy_rate.steps;
  return o;
}

const tiny_world world;

double value(const metric_values& values, const std::string& name) {
  for (const auto& [n, v] : values)
    if (n == name) return v;
  FAIL("no number " << name);
  return 0;
}

bool same_weights(const language_model& one, const language_model& other) {
  const auto a = one.parameters(), b = other.parameters();
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!at::equal(a[i].tensor, b[i].tensor)) return false;
  return true;
}

double largest_weight_difference(const language_model& one, const language_model& other) {
  const auto a = one.parameters(), b = other.parameters();
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, (a[i].tensor - b[i].tensor).abs().max().item<double>());
  return most;
}

std::string complaint(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("an iteration of a policy that is its reference: divergence 0, ratio 1, rewards that add up") {
  const cast_of_models cast;
  online_options o = options();
  o.update.policy_rate.learning_rate = 1e-12;  // the policy stays
  online_trainer trainer(cast.models(), world.prompts, o);
  const online_iteration done = trainer.iterate();
  CHECK(trainer.iterations() == 1);
  CHECK(done.sampled.size() == 32);
  const auto number = [&](const char* name) { return value(done.metrics, name); };
  CHECK(std::abs(number("kl_k1")) < 1e-5);
  CHECK(number("kl_k3") < 1e-5);
  CHECK(std::abs(number("ratio") - 1) < 1e-5);
  CHECK(number("largest_log_ratio") < 1e-4);
  CHECK(number("clip_fraction") == 0);
  CHECK(number("sampler_difference") < 1e-5);
  CHECK(std::abs(number("objective") - number("reward") - number("reward_kl")) < 1e-6);
  CHECK(std::abs(number("reward") - number("reward_implicit") - number("reward_sequence") - number("reward_score")) <
        1e-6);
  CHECK(std::abs(number("share_implicit") + number("share_kl") - 1) < 1e-5);
  CHECK(number("value_mean") == 0);
  CHECK(number("length_p10") <= number("length_p50"));
  CHECK(number("length_p90") <= 5);
  // Answers are cut exactly where no end token was sampled, and none was forged.
  double cut = 0;
  for (const encoded_answer& a : done.sampled.answers) {
    CHECK(a.complete == (a.ids.back() == test::tiny_end));
    CHECK(static_cast<std::int64_t>(a.ids.size()) - a.prompt_length <= 5);
    cut += a.complete ? 0 : 1;
  }
  CHECK(number("truncated") == cut / 32);
  CHECK(cut > 0);
  CHECK(cut < 32);
}

TEST_CASE("an update does not depend on the size of micro-batches, whatever the aggregation") {
  for (const rto::aggregation mode :
       {rto::aggregation::token_mean, rto::aggregation::seq_mean_token_mean, rto::aggregation::seq_mean_token_sum}) {
    const cast_of_models whole, parts;
    online_options o = options();
    o.step.aggregate.mode = mode;
    o.update.epochs = 1;
    o.update.policy_optimizer.epsilon = o.update.critic_optimizer.epsilon = 1e-3;  // no step from rounding noise
    online_trainer one(whole.models(), world.prompts, o);
    o.update.micro_batch = 3;
    online_trainer other(parts.models(), world.prompts, o);
    const metric_values a = one.iterate().metrics, b = other.iterate().metrics;
    for (const char* name : {"loss", "value_loss", "gradient_norm", "critic_gradient_norm"})
      CHECK(std::abs(value(a, name) - value(b, name)) < 1e-4 * std::max(1.0, std::abs(value(a, name))));
    CHECK(largest_weight_difference(whole.policy, parts.policy) < 1e-5);
    CHECK(largest_weight_difference(whole.critic, parts.critic) < 1e-5);
    CHECK(largest_weight_difference(whole.policy, whole.reference) > 1e-3);
  }
}

TEST_CASE("recomputed activations give the same update") {
  const cast_of_models kept, again;
  online_options o = options();
  online_trainer one(kept.models(), world.prompts, o);
  o.update.recompute = true;
  online_trainer other(again.models(), world.prompts, o);
  one.iterate();
  other.iterate();
  CHECK(largest_weight_difference(kept.policy, again.policy) < 1e-5);
}

TEST_CASE("a run that was stopped between iterations and gone on with is the run that was not, bit for bit") {
  const rto::test::temporary_folder folder;
  online_options o = options();
  o.kl_controller = rto::kl_controller_options{.target = 0.05, .horizon = 200};
  const auto run = [&](const std::filesystem::path& to, std::int64_t until, bool resume) {
    cast_of_models cast;
    const auto latest = run_checkpoints(to, 2).latest();
    if (resume) {
      cast.policy = language_model::load(*latest);
      cast.critic = language_model::load(*latest / "critic");
      cast.policy.require_gradients(true);
      cast.critic.require_gradients(true);
    }
    online_trainer trainer(cast.models(), world.prompts, o);
    online_run work{.folder = to,
                    .trainer = trainer,
                    .write_models =
                        [&](const std::filesystem::path& f) {
                          cast.policy.save(f);
                          cast.critic.save(f / "critic");
                        },
                    .settings = {{"seed", 1}},
                    .iterations = until,
                    .save_every = 1,
                    .resume_from = resume ? latest : std::nullopt};
    const online_outcome outcome = run_online(work);
    CHECK(outcome.iteration == until);
    return std::pair{std::move(cast), trainer.kl_coefficient()};
  };
  const auto [whole, coefficient] = run(folder / "whole", 5, false);
  run(folder / "parts", 2, false);
  run(folder / "parts", 3, true);
  const auto [parts, same_coefficient] = run(folder / "parts", 5, true);
  CHECK(same_weights(whole.policy, parts.policy));
  CHECK(same_weights(whole.critic, parts.critic));
  CHECK(coefficient == same_coefficient);
  CHECK(coefficient != 0.1);
  CHECK_FALSE(same_weights(whole.policy, whole.reference));
}

TEST_CASE("a policy that is not the one that was scored is an error at the first minibatch") {
  const cast_of_models cast;
  const online_options o = options();
  policy_updater updater(cast.policy, &cast.critic, o.update);
  const rollout sampled = sample_rollout(cast.policy, world.prompts, 4, o.generation);
  const rollout_scorer scorer(sampled.answers, 4, 1);
  rto::token_batch<at::Tensor> batch;
  batch.reward.mask = scorer.mask(at::kCPU);
  batch.reward.log_policy = scorer.log_probabilities(cast.policy);
  batch.reward.log_reference = batch.reward.log_policy;
  batch.reward.log_dpo = scorer.log_probabilities(cast.dpo);
  batch.value = scorer.values(cast.critic);
  auto targets = estimate_token_advantages(batch, o.step).targets;
  targets.old_log_policy = targets.old_log_policy.clone();
  targets.old_log_policy[2][0] += 0.01;
  CHECK_THAT(complaint([&] { updater(sampled.answers, targets, o.step); }),
             rto::test::ContainsSubstring("token 1 of answer 3"));
  CHECK(same_weights(cast.policy, cast.reference));
}

TEST_CASE("a divergence below 0 beyond its noise has a diagnosis, noise and rounding have none") {
  CHECK(diagnose_negative_kl({0.3, -0.2, 0.1, -0.25, 0.01}).empty());
  CHECK(diagnose_negative_kl({-1e-6, -1e-6, -2e-6}).empty());
  CHECK_THAT(diagnose_negative_kl({-0.5, -0.4, -0.6, -0.5}), rto::test::ContainsSubstring("below 0"));
}

TEST_CASE("the sampler is compared token by token") {
  rollout sampled;
  sampled.sampler_log_probabilities = {{-1, -2}, {-3}};
  const sampler_difference off = compare_sampler(sampled, at::tensor({-1.0F, -2.5F, -3.25F, 0.0F}).view({2, 2}));
  CHECK(off.mean == 0.25);
  CHECK(off.largest == 0.5);
}

TEST_CASE("a trainer refuses what its reward needs and has not, and models that do not fit") {
  const cast_of_models cast;
  const auto says = [&](const online_models& models, const online_options& o) {
    return complaint([&] { online_trainer(models, world.prompts, o); });
  };
  online_models models = cast.models();
  models.dpo = nullptr;
  CHECK_THAT(says(models, options()), rto::test::ContainsSubstring("needs a DPO model"));
  models = cast.models();
  models.reference = nullptr;
  CHECK_THAT(says(models, options()), rto::test::ContainsSubstring("needs a reference"));
  models = cast.models();
  models.critic = &cast.dpo;
  CHECK_THAT(says(models, options()), rto::test::ContainsSubstring("the critic must have a score head"));
  models = cast.models();
  online_options o = options();
  o.step.reward = rto::ppo_reward(0.1);
  CHECK_THAT(says(models, o), rto::test::ContainsSubstring("needs a reward model"));
  o.step.reward = rto::tppo_reward(0.1);
  CHECK_THAT(says(models, o), rto::test::ContainsSubstring("needs a token-level reward model"));
  model_config wider = test::tiny_config();
  wider.vocabulary = 7;
  const language_model other = language_model::initialize(wider, 1);
  models.dpo = &other;
  CHECK_THAT(says(models, options()), rto::test::ContainsSubstring("vocabulary of 6, got 7"));
  o = options();
  o.answers_per_prompt = 3;
  CHECK_THAT(says(cast.models(), o), rto::test::ContainsSubstring("multiple of answers_per_prompt"));
}
