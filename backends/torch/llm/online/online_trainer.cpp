#include "llm/online/online_trainer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "llm/checkpoint/safetensors.hpp"
#include "llm/online/answer_scores.hpp"
#include "llm/online/rollout_metrics.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/json.hpp"

namespace rto::llm {
namespace {

constexpr const char* state_file = "online_state.json";
constexpr const char* policy_file = "optimizer.safetensors";
constexpr const char* critic_file = "critic_optimizer.safetensors";

std::vector<std::size_t> lengths_of(const std::vector<token_ids>& prompts) {
  std::vector<std::size_t> lengths;
  for (const token_ids& prompt : prompts) lengths.push_back(prompt.size());
  return lengths;
}

// 1 at every token of an answer that ends a segment.
at::Tensor segment_ends(std::span<const encoded_answer> answers, const std::vector<bool>& ends, std::int64_t time,
                        const at::Tensor& like) {
  at::Tensor host = at::zeros({static_cast<std::int64_t>(answers.size()), time}, at::kFloat);
  float* row = host.mutable_data_ptr<float>();
  for (const encoded_answer& a : answers) {
    for (auto t = static_cast<std::size_t>(a.prompt_length); t < a.ids.size(); ++t)
      row[t - static_cast<std::size_t>(a.prompt_length)] = ends[static_cast<std::size_t>(a.ids[t])] ? 1.0F : 0.0F;
    row += time;
  }
  return host.to(like.options());
}

class stopwatch {
 public:
  /// Seconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

struct online_trainer::scored {
  token_batch<at::Tensor> batch;
  at::Tensor entropy;
};

online_trainer::online_trainer(const online_models& models, std::vector<token_ids> prompts,
                               const online_options& options)
    : models_(models),
      prompts_(std::move(prompts)),
      options_(options),
      prompts_in_order_(lengths_of(prompts_), {.rows = 1}, options.seed),
      updater_(*models.policy, models.critic, options.update) {
  check();
}

void online_trainer::check() const {
  const auto fail = [](const std::string& what) { throw std::invalid_argument("rto::online_trainer: " + what); };
  const token_reward_recipe& recipe = options_.step.reward;
  const auto need = [&](bool needed, const language_model* model, const char* role, bool scores) {
    if (model == nullptr && needed) fail(fmt::format("the reward needs a {}", role));
    if (model == nullptr) return;
    if (scores != (model->config().labels == 1))
      fail(fmt::format("the {} must have {}", role, scores ? "a score head" : "a language model's head"));
    if (model->config().vocabulary != models_.policy->config().vocabulary)
      fail(fmt::format("the {} must have the policy's vocabulary of {}, got {}", role,
                       models_.policy->config().vocabulary, model->config().vocabulary));
  };
  need(true, models_.policy, "policy", false);
  need(options_.baseline == baseline_kind::critic, models_.critic, "critic", true);
  if (options_.baseline != baseline_kind::critic && models_.critic != nullptr)
    fail("a critic is for the critic's baseline");
  if (options_.baseline == baseline_kind::group && options_.answers_per_prompt < 2)
    fail("the baseline of other answers needs answers_per_prompt >= 2");
  if ((recipe.implicit_placement == reward_placement::segment_end ||
       recipe.score_placement == reward_placement::segment_end) &&
      static_cast<std::int64_t>(options_.segment_end.size()) != models_.policy->config().vocabulary)
    fail("segment_end must say of every id of the vocabulary whether it ends a segment");
  need(recipe.kl != 0 || recipe.implicit != 0, models_.reference, "reference", false);
  need(recipe.implicit != 0, models_.dpo, "DPO model", false);
  need(recipe.sequence != 0, models_.reward, "reward model", true);
  need(recipe.score != 0, models_.token_reward, "token-level reward model", true);
  if (options_.rollout < 1 || options_.answers_per_prompt < 1 || options_.rollout % options_.answers_per_prompt != 0)
    throw std::domain_error("rto::online_trainer: rollout must be a positive multiple of answers_per_prompt");
  if (options_.scoring_batch < 1) throw std::domain_error("rto::online_trainer: scoring_batch >= 1");
}

std::vector<token_ids> online_trainer::next_prompts() {
  std::vector<token_ids> chosen;
  for (std::int64_t i = 0; i < options_.rollout / options_.answers_per_prompt; ++i)
    chosen.push_back(prompts_[prompts_in_order_.next().front()]);
  return chosen;
}

online_trainer::scored online_trainer::score(const rollout& sampled) const {
  const token_reward_recipe& recipe = options_.step.reward;
  const rollout_scorer scorer(sampled.answers, static_cast<std::size_t>(options_.scoring_batch),
                              options_.update.temperature);
  const auto policy = scorer.log_probabilities_and_entropy(*models_.policy);
  scored out{.batch = {}, .entropy = policy.entropy};
  token_reward_inputs<at::Tensor>& in = out.batch.reward;
  in.mask = scorer.mask(models_.policy->device());
  in.log_policy = policy.log_probability;
  if (models_.reference != nullptr) in.log_reference = scorer.log_probabilities(*models_.reference);
  if (recipe.implicit != 0) in.log_dpo = scorer.log_probabilities(*models_.dpo);
  if (recipe.sequence != 0) in.sequence_reward = scorer.sequence_rewards(*models_.reward);
  if (recipe.score != 0) in.score = scorer.token_scores(*models_.token_reward);
  const std::int64_t time = in.mask.size(1);
  if (!options_.segment_end.empty())
    in.segment_end = segment_ends(sampled.answers, options_.segment_end, time, in.mask);
  for (const reward_component& component : options_.components)
    in.further.push_back({component.name, component.reward(sampled.answers, time, in.mask.device())});
  out.batch.value = models_.critic != nullptr ? scorer.values(*models_.critic) : at::zeros_like(in.mask);
  return out;
}

token_policy_estimates<at::Tensor> online_trainer::estimate(const token_batch<at::Tensor>& batch,
                                                            std::span<const token_ids> prompts) const {
  if (options_.baseline == baseline_kind::critic) return estimate_token_advantages(batch, options_.step);
  if (options_.baseline == baseline_kind::group)
    return estimate_group_advantages(batch.reward, options_.step, options_.answers_per_prompt, options_.group);
  generation_options generation = options_.generation;
  generation.sampling.temperature = 0;
  const rollout greedy = sample_rollout(*models_.policy, prompts, 1, generation);
  const at::Tensor returns = array::row_sum(token_reward(score(greedy).batch.reward, options_.step.reward));
  return estimate_greedy_baseline_advantages(batch.reward, options_.step, options_.answers_per_prompt, returns);
}

online_iteration online_trainer::iterate() {
  online_iteration done;
  stopwatch clock;
  generation_options generation = options_.generation;
  generation.first_sequence = static_cast<std::uint64_t>(updater_.rollouts * options_.rollout);
  generation.sampling.temperature = options_.update.temperature;
  const std::vector<token_ids> prompts = next_prompts();
  done.sampled = sample_rollout(*models_.policy, prompts, options_.answers_per_prompt, generation);
  const double generating = clock.lap();

  const auto [batch, entropy] = score(done.sampled);
  try {
    validate(batch);
  } catch (const std::invalid_argument& e) {
    throw sim::user_error(fmt::format("iteration {}: {}", iterations() + 1, e.what()));
  }
  const double scoring = clock.lap();

  const sampler_difference sampler = compare_sampler(done.sampled, batch.reward.log_policy);
  if (!(sampler.mean <= options_.sampler_tolerance))
    throw sim::user_error(fmt::format(
        "iteration {}: log-probabilities of the sampler and of the scorer differ by {:.3g} nats on average, more than "
        "{:g}: generation and scoring do not compute the same",
        iterations() + 1, sampler.mean, options_.sampler_tolerance));
  done.estimates = estimate(batch, prompts);
  done.metrics = rollout_metrics(done.sampled, batch, done.estimates, options_.step, entropy);
  done.metrics.emplace_back("sampler_difference", sampler.mean);
  done.metrics.emplace_back("kl_coefficient", options_.step.reward.kl);
  double divergence = 0;
  if (batch.reward.log_reference.defined()) {
    const std::vector<double> kl = array::to_host(
        array::row_sum(array::select(batch.reward.mask, batch.reward.log_policy - batch.reward.log_reference, 0.0)));
    for (const double x : kl) divergence += x / static_cast<double>(kl.size());
    if (const std::string wrong = diagnose_negative_kl(kl); !wrong.empty()) done.warnings.push_back(wrong);
  }
  const double arithmetic = clock.lap();

  const metric_values learnt = updater_(done.sampled.answers, done.estimates.targets, options_.step);
  const double updating = clock.lap();
  done.metrics.insert(done.metrics.begin(), learnt.begin(), learnt.end());
  done.metrics.insert(done.metrics.end(), {{"seconds_generation", generating},
                                           {"seconds_scoring", scoring},
                                           {"seconds_advantages", arithmetic},
                                           {"seconds_updates", updating}});
  if (options_.kl_controller)
    options_.step.reward.kl = adapted_kl_coefficient(options_.step.reward.kl, divergence,
                                                     static_cast<double>(options_.rollout), *options_.kl_controller);
  for (const encoded_answer& a : done.sampled.answers) done.tokens += static_cast<std::int64_t>(a.ids.size());
  return done;
}

std::uint64_t online_trainer::bytes() {
  std::uint64_t total = static_cast<std::uint64_t>(updater_.policy_optimizer().bytes());
  for (const auto& [name, x] : models_.policy->parameters()) total += x.nbytes();
  if (models_.critic == nullptr) return total;
  total += static_cast<std::uint64_t>(updater_.critic_optimizer().bytes());
  for (const auto& [name, x] : models_.critic->parameters()) total += x.nbytes();
  return total;
}

void online_trainer::save(const std::filesystem::path& folder) {
  write_safetensors(folder / policy_file, updater_.policy_optimizer().state(), at::kFloat);
  if (models_.critic != nullptr)
    write_safetensors(folder / critic_file, updater_.critic_optimizer().state(), at::kFloat);
  const sim::ordered_json state{
      {"format", "rto-llm-online/1"},   {"rollouts", updater_.rollouts},
      {"updates", updater_.updates},    {"kl_coefficient", sim::number(options_.step.reward.kl)},
      {"prompt_epoch", cursor().epoch}, {"prompt", cursor().position}};
  sim::write_file(folder / state_file, state.dump(1) + "\n");
}

void online_trainer::load(const std::filesystem::path& folder) {
  updater_.policy_optimizer().load(folder / policy_file);
  if (models_.critic != nullptr) updater_.critic_optimizer().load(folder / critic_file);
  const std::filesystem::path file = folder / state_file;
  const sim::ordered_json state = sim::read_ordered_json(file);
  try {
    if (state.at("format") != "rto-llm-online/1")
      throw sim::user_error(fmt::format("{}: expected the format rto-llm-online/1", file.string()));
    state.at("rollouts").get_to(updater_.rollouts);
    state.at("updates").get_to(updater_.updates);
    options_.step.reward.kl = sim::to_number(state.at("kl_coefficient"), "kl_coefficient");
    prompts_in_order_.set_cursor(
        {state.at("prompt_epoch").get<std::uint64_t>(), state.at("prompt").get<std::uint64_t>()});
  } catch (const nlohmann::json::exception& e) {
    throw sim::user_error(fmt::format("{}: not the state of a run: {}", file.string(), e.what()));
  }
}

}  // namespace rto::llm
