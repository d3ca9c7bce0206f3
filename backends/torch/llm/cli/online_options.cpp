#include "llm/cli/online_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "llm/cli/training_options.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

const std::vector<std::pair<std::string, aggregation>>& aggregations() {
  static const std::vector<std::pair<std::string, aggregation>> names{
      {"token_mean", aggregation::token_mean},
      {"seq_mean_token_mean", aggregation::seq_mean_token_mean},
      {"seq_mean_token_sum", aggregation::seq_mean_token_sum}};
  return names;
}

const std::vector<std::string> recipes{"rto", "rto_terminal", "rto_release", "semi_rto", "ddpo", "rs_ppo"};

const std::vector<std::pair<std::string, baseline_kind>>& baselines() {
  static const std::vector<std::pair<std::string, baseline_kind>> names{{"critic", baseline_kind::critic},
                                                                        {"rloo", baseline_kind::group},
                                                                        {"grpo", baseline_kind::group},
                                                                        {"dr_grpo", baseline_kind::group},
                                                                        {"remax", baseline_kind::greedy}};
  return names;
}

// Values of a preset, for the options that were not given.
struct preset_value {
  const char* option;
  void (*set)(online_arguments&);
};
struct preset {
  std::string name;
  std::vector<online_method> methods;
  std::vector<preset_value> values;
};

// \source the papers' appendices, the published scripts and the defaults of the programs named, as
// docs/online_training.md lists them.
const std::vector<preset>& presets() {
  using o = online_arguments;
  using m = online_method;
  static const std::vector<preset_value> common{
      {"--clip", [](o& a) { a.clip = 0.2; }},
      {"--gamma", [](o& a) { a.gamma = 1; }},
      {"--whitening", [](o& a) { a.whitening = "biased"; }},
  };
  static const auto with = [](std::vector<preset_value> more) {
    more.insert(more.end(), common.begin(), common.end());
    return more;
  };
  static const std::vector<preset> all{
      {"rto-v1",
       {m::rto},
       with({{"--recipe", [](o& a) { a.recipe = "rto"; }},
             {"--beta1", [](o& a) { a.beta1 = 0.1; }},
             {"--beta2", [](o& a) { a.beta2 = 0.03; }},
             {"--rollout", [](o& a) { a.rollout = 256; }},
             {"--minibatch-size", [](o& a) { a.minibatch = 16; }},
             {"--epochs", [](o& a) { a.epochs = 2; }},
             {"--max-new-tokens", [](o& a) { a.max_new_tokens = 512; }},
             {"--learning-rate", [](o& a) { a.learning_rate = 5e-6; }},
             {"--critic-learning-rate", [](o& a) { a.critic_learning_rate = 5e-6; }},
             {"--lambda", [](o& a) { a.lambda = 0.95; }}})},
      {"rto-v2",
       {m::rto},
       with({{"--recipe", [](o& a) { a.recipe = "rto_release"; }},
             {"--beta1", [](o& a) { a.beta1 = 0.05; }},
             {"--beta2", [](o& a) { a.beta2 = 0.01; }},
             {"--implicit-clip", [](o& a) { a.implicit_clip = 0.05; }},
             {"--sequence-clip", [](o& a) { a.sequence_clip = 10; }},
             {"--rollout", [](o& a) { a.rollout = 1024; }},
             {"--minibatch-size", [](o& a) { a.minibatch = 128; }},
             {"--epochs", [](o& a) { a.epochs = 1; }},
             {"--max-prompt-length", [](o& a) { a.max_prompt_length = 1024; }},
             {"--max-new-tokens", [](o& a) { a.max_new_tokens = 1024; }},
             {"--learning-rate", [](o& a) { a.learning_rate = 5e-7; }},
             {"--critic-learning-rate", [](o& a) { a.critic_learning_rate = 9e-6; }},
             {"--schedule", [](o& a) { a.schedule = "cosine_with_min_lr"; }},
             {"--warmup-ratio", [](o& a) { a.warmup_ratio = 0.03; }},
             {"--adam-beta2", [](o& a) { a.adam_beta2 = 0.95; }},
             {"--aggregation", [](o& a) { a.aggregation = "seq_mean_token_mean"; }},
             {"--lambda", [](o& a) { a.lambda = 0.95; }}})},
      {"openrlhf-0.4",
       {m::ppo, m::dppo, m::rto, m::tppo},
       with({{"--beta2", [](o& a) { a.beta2 = 0.01; }},
             {"--epochs", [](o& a) { a.epochs = 1; }},
             {"--value-clip", [](o& a) { a.value_clip = 0.2; }},
             {"--lambda", [](o& a) { a.lambda = 0.95; }},
             {"--sequence-clip", [](o& a) { a.sequence_clip = 10; }},
             {"--adam-beta2", [](o& a) { a.adam_beta2 = 0.95; }},
             {"--schedule", [](o& a) { a.schedule = "cosine_with_min_lr"; }},
             {"--warmup-ratio", [](o& a) { a.warmup_ratio = 0.03; }},
             {"--aggregation", [](o& a) { a.aggregation = "seq_mean_token_mean"; }}})},
      {"openrlhf-0.11",
       {m::ppo, m::dppo, m::rto, m::tppo},
       with({{"--beta2", [](o& a) { a.beta2 = 0.01; }},
             {"--epochs", [](o& a) { a.epochs = 1; }},
             {"--value-clip", [](o& a) { a.value_clip = 0.5; }},
             {"--lambda", [](o& a) { a.lambda = 1; }},
             {"--adam-beta2", [](o& a) { a.adam_beta2 = 0.95; }},
             {"--schedule", [](o& a) { a.schedule = "cosine_with_min_lr"; }},
             {"--warmup-ratio", [](o& a) { a.warmup_ratio = 0.03; }},
             {"--aggregation", [](o& a) { a.aggregation = "token_mean"; }}})},
  };
  return all;
}

constexpr std::array schedules{schedule_kind::constant, schedule_kind::linear, schedule_kind::cosine,
                               schedule_kind::cosine_with_min_lr};

schedule_kind schedule_named(const std::string& name) {
  return *std::find_if(schedules.begin(), schedules.end(), [&](schedule_kind k) { return to_string(k) == name; });
}

template <class Names> std::vector<std::string> keys(const Names& names) {
  std::vector<std::string> all;
  for (const auto& [name, value] : names) all.push_back(name);
  return all;
}

}  // namespace

std::string to_string(online_method method) {
  switch (method) {
    case online_method::ppo:
      return "ppo";
    case online_method::dppo:
      return "dppo";
    case online_method::rto:
      return "rto";
    case online_method::tppo:
      return "tppo";
  }
  return "unknown";
}

void add_online_options(CLI::App& app, online_arguments& o) {
  const std::string models = "Models", reward = "Reward", rollouts = "Rollouts", step = "Advantages and losses",
                    optimisation = "Optimisation", run = "Run";
  const auto folder = [&](const char* name, std::filesystem::path& target, const char* doc) {
    return app.add_option(name, target, doc)->type_name("DIR")->group(models);
  };
  const auto number = [&](const char* name, auto& target, const char* doc, const std::string& group) {
    return app.add_option(name, target, doc)->capture_default_str()->group(group);
  };
  const bool is_rto = o.method == online_method::rto, uses_dpo = is_rto || o.method == online_method::dppo;

  folder("--policy,--model", o.policy, "Where training starts: the supervised model, with its tokenizer")->required();
  folder("--output,--out", o.output, "For the trained model, checkpoints and metrics")->required();
  folder("--reference", o.reference, "The reference policy (default: --policy)");
  if (uses_dpo) folder("--dpo", o.dpo, "The model trained by `dpo`")->required();
  if (is_rto || o.method == online_method::ppo)
    folder("--reward", o.reward, "The reward model of whole answers")->required(!is_rto);
  if (o.method == online_method::tppo)
    folder("--token-reward", o.token_reward, "The reward model of tokens")->required();
  folder("--critic", o.critic,
         "Where the value function starts (default: the reward model, else the policy with a head of zeros)");

  app.add_option("--prompts", o.prompts,
                 "Prompts: JSON lines, perhaps packed by gzip; of records with answers, their "
                 "prompts")
      ->required()
      ->type_name("FILE")
      ->group(rollouts);
  number("--max-prompt-length", o.max_prompt_length, "Tokens (0: what the context leaves)", rollouts)
      ->check(CLI::NonNegativeNumber);
  number("--long-prompts", o.long_prompts, "Longer prompts: drop, or cut at their beginning", rollouts)
      ->check(CLI::IsMember({"drop", "cut"}));
  number("--iterations", o.iterations, "Rollouts, each with its updates", rollouts)->check(CLI::PositiveNumber);
  number("--rollout", o.rollout, "Answers of an iteration", rollouts)->check(CLI::PositiveNumber);
  number("--answers-per-prompt", o.answers_per_prompt, "", rollouts)->check(CLI::PositiveNumber);
  number("--max-new-tokens", o.max_new_tokens, "The longest answer", rollouts)->check(CLI::PositiveNumber);
  number("--temperature", o.temperature, "Of sampling, and of the log-probabilities that are trained", rollouts)
      ->check(CLI::PositiveNumber);
  number("--generation-batch", o.generation_batch, "Answers in work at once", rollouts)->check(CLI::PositiveNumber);
  number("--scoring-batch", o.scoring_batch, "Answers of a forward pass without gradients", rollouts)
      ->check(CLI::PositiveNumber);

  if (is_rto)
    number("--recipe", o.recipe,
           "rto (4.6); rto_terminal: with the reward model's word at the last token; rto_release: the published code's "
           "clipped form; semi_rto: paid at the ends of sentences; ddpo: rto_terminal, all of it paid at the last "
           "token; rs_ppo: the implicit reward as pure shaping of the reward model's word",
           reward)
        ->check(CLI::IsMember(recipes));
  std::vector<std::string> known;
  for (const preset& p : presets())
    if (std::find(p.methods.begin(), p.methods.end(), o.method) != p.methods.end()) known.push_back(p.name);
  app.add_option("--preset", o.preset, "Values of a paper or of another program; options that are given win")
      ->check(CLI::IsMember(known))
      ->group(reward);
  if (uses_dpo) number("--beta1", o.beta1, "Of log(pi_dpo / pi_ref)", reward)->check(CLI::PositiveNumber);
  number("--beta2", o.beta2, "Of -log(pi / pi_ref)", reward)->check(CLI::NonNegativeNumber);
  if (is_rto) number("--beta3", o.beta3, "Of the reward model's word", reward)->check(CLI::PositiveNumber);
  if (is_rto)
    number("--implicit-clip", o.implicit_clip, "|beta1 log(pi_dpo / pi_ref)| of a token at most; 0: no bound", reward)
        ->check(CLI::NonNegativeNumber);
  if (is_rto || o.method == online_method::ppo)
    number("--sequence-clip", o.sequence_clip, "|reward of an answer| at most; 0: no bound", reward)
        ->check(CLI::NonNegativeNumber);
  number("--kl-target", o.kl_target,
         "beta2 moves so that KL(pi || pi_ref) of an answer comes to this, nats; 0: it stays", reward)
      ->check(CLI::NonNegativeNumber);
  number("--kl-horizon", o.kl_horizon, "Answers over which it moves by a fifth", reward)->check(CLI::PositiveNumber);
  number("--kl-budget", o.kl_budget, "The run ends where KL(pi || pi_ref) of an answer is beyond this, nats; 0: never",
         reward)
      ->check(CLI::NonNegativeNumber);

  number("--length-price", o.length_price, "A token's price", reward)->check(CLI::NonNegativeNumber);
  number("--missing-end-penalty", o.missing_end_penalty, "What an answer that was cut pays at its last token", reward)
      ->check(CLI::NonNegativeNumber);
  app.add_option("--reward-program", o.program,
                 "A command of the shell: reads answers as JSON lines, writes a reward for each")
      ->group(reward);

  number("--baseline", o.baseline,
         "What a reward is held against: a critic; the other answers to the prompt (rloo, grpo, dr_grpo); the most "
         "probable answer (remax)",
         step)
      ->check(CLI::IsMember(keys(baselines())));
  number("--gamma", o.gamma, "Discount per token", step)->check(CLI::Range(0.0, 1.0));
  number("--lambda", o.lambda, "Of generalised advantage estimation", step)->check(CLI::Range(0.0, 1.0));
  number("--whitening", o.whitening, "Advantages to mean 0 and variance 1, over a rollout's tokens", step)
      ->check(CLI::IsMember({"biased", "unbiased", "none"}));
  number("--clip", o.clip, "pi / pi_old stays within 1 +- this", step)->check(CLI::PositiveNumber);
  number("--value-clip", o.value_clip, "How far a value may move from the rollout's; 0: no bound", step)
      ->check(CLI::NonNegativeNumber);
  number("--aggregation", o.aggregation, "How token losses become one", step)
      ->check(CLI::IsMember(keys(aggregations())));

  number("--epochs", o.epochs, "Passes over a rollout", optimisation)->check(CLI::PositiveNumber);
  number("--minibatch-size", o.minibatch, "Answers of an optimiser step", optimisation)->check(CLI::PositiveNumber);
  app.add_option("--micro-batch-size", o.micro_batch,
                 "Answers of one forward and backward pass; less memory, the same gradient (default: the minibatch)")
      ->check(CLI::PositiveNumber)
      ->group(optimisation);
  number("--learning-rate", o.learning_rate, "Of the policy, the highest one", optimisation)
      ->check(CLI::PositiveNumber);
  number("--critic-learning-rate", o.critic_learning_rate, "Of the critic, the highest one", optimisation)
      ->check(CLI::PositiveNumber);
  std::vector<std::string> names;
  for (const schedule_kind kind : schedules) names.push_back(to_string(kind));
  number("--schedule", o.schedule, "Of both learning rates after the warm-up", optimisation)
      ->check(CLI::IsMember(names));
  number("--min-learning-rate-share", o.min_learning_rate_share, "The lowest of cosine_with_min_lr", optimisation)
      ->check(CLI::Range(0.0, 1.0));
  number("--warmup-ratio", o.warmup_ratio, "Share of all updates over which the rates rise from 0", optimisation)
      ->check(CLI::Range(0.0, 1.0));
  number("--weight-decay", o.weight_decay, "Of AdamW, on matrices", optimisation)->check(CLI::NonNegativeNumber);
  number("--adam-beta1", o.adam_beta1, "", optimisation)->check(CLI::Range(0.0, 0.999999));
  number("--adam-beta2", o.adam_beta2, "", optimisation)->check(CLI::Range(0.0, 0.999999));
  number("--adam-epsilon", o.adam_epsilon, "", optimisation)->check(CLI::PositiveNumber);
  number("--max-gradient-norm", o.max_gradient_norm, "Of policy and of critic, each; 0: no bound", optimisation)
      ->check(CLI::NonNegativeNumber);

  number("--device", o.device, "cpu or cuda", run)->check(CLI::IsMember({"cpu", "cuda"}));
  number("--precision", o.precision, "Of the products; weights are fp32 in any case", run)
      ->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_flag("--recompute", o.recompute, "Activation checkpointing: less memory, a third more work")->group(run);
  number("--seed", o.seed, "Of prompts, answers and the order of updates", run);
  number("--save-every", o.save_every, "Iterations between checkpoints; 0: at the end only", run)
      ->check(CLI::NonNegativeNumber);
  number("--keep", o.keep, "Checkpoints kept", run)->check(CLI::PositiveNumber);
  number("--show", o.show, "Answers of every iteration that go into samples.jsonl", run)->check(CLI::NonNegativeNumber);
  app.add_flag("--resume", o.resume, "Go on with the run in --output")->group(run);
  app.add_flag("--dry-run", o.dry_run, "Say what would be done and what it needs, and do nothing")->group(run);
}

void apply_preset(const CLI::App& app, online_arguments& o) {
  for (const preset& p : presets())
    if (p.name == o.preset)
      for (const preset_value& value : p.values) {
        const CLI::Option* option = app.get_option_no_throw(value.option);
        if (option != nullptr && option->count() == 0) value.set(o);
      }
}

void check(const CLI::App& app, const online_arguments& o) {
  const auto given = [&](const char* name) {
    const CLI::Option* option = app.get_option_no_throw(name);
    return option != nullptr && option->count() > 0;
  };
  const token_reward_recipe recipe = recipe_of(o);
  if (o.method == online_method::rto) {
    refuse_unused(app, "--beta3", o.recipe == "rto_terminal" || o.recipe == "ddpo" || o.recipe == "rs_ppo",
                  "--recipe rto_terminal, ddpo and rs_ppo");
    refuse_unused(app, "--sequence-clip", recipe.sequence != 0, "recipes with the reward model's word");
    if (recipe.sequence != 0 && o.reward.empty())
      throw sim::user_error(fmt::format("--recipe {} needs --reward", o.recipe));
    if (recipe.sequence == 0 && given("--reward") && !o.critic.empty())
      throw sim::user_error("--reward is for recipes with the reward model's word, and for the critic's start");
  }
  const bool has_critic = o.baseline == "critic", group = !has_critic && o.baseline != "remax";
  for (const char* option : {"--critic", "--critic-learning-rate", "--value-clip", "--gamma", "--lambda"})
    refuse_unused(app, option, has_critic, "--baseline critic");
  if (group && o.answers_per_prompt < 2)
    throw sim::user_error(
        fmt::format("--baseline {} holds an answer against others to its prompt: expected "
                    "--answers-per-prompt of at least 2",
                    o.baseline));
  refuse_unused(app, "--kl-horizon", o.kl_target > 0, "--kl-target");
  refuse_unused(app, "--min-learning-rate-share", o.schedule == "cosine_with_min_lr", "--schedule cosine_with_min_lr");
  if (given("--resume") && given("--dry-run")) throw sim::user_error("--resume and --dry-run exclude each other");
  if (o.rollout % o.answers_per_prompt != 0)
    throw sim::user_error(
        fmt::format("--rollout {} is no multiple of --answers-per-prompt {}", o.rollout, o.answers_per_prompt));
  if (o.minibatch > o.rollout)
    throw sim::user_error(fmt::format("--minibatch-size {} is more than --rollout {}", o.minibatch, o.rollout));
  if (o.micro_batch > o.minibatch)
    throw sim::user_error(
        fmt::format("--micro-batch-size {} is more than --minibatch-size {}", o.micro_batch, o.minibatch));
  if (o.temperature != 1 && recipe.implicit != 0)
    throw sim::user_error(fmt::format(
        "--temperature {:g}: log(pi_dpo / pi_ref) is a reward of the models as they are: expected 1", o.temperature));
}

token_reward_recipe recipe_of(const online_arguments& o) {
  token_reward_recipe recipe;
  switch (o.method) {
    case online_method::ppo:
      recipe = ppo_reward(o.beta2);
      break;
    case online_method::dppo:
      recipe = dppo_reward(o.beta1, o.beta2);
      break;
    case online_method::tppo:
      recipe = tppo_reward(o.beta2);
      break;
    case online_method::rto:
      if (o.recipe == "rto") recipe = rto_reward(o.beta1, o.beta2);
      if (o.recipe == "rto_terminal") recipe = rto_terminal_reward(o.beta1, o.beta2, o.beta3);
      if (o.recipe == "rto_release") recipe = rto_release_reward(o.beta1, o.implicit_clip, o.beta2);
      if (o.recipe == "semi_rto") recipe = semi_rto_reward(o.beta1, o.beta2);
      if (o.recipe == "rs_ppo") recipe = rs_ppo_reward(o.beta1, o.beta2);
      if (o.recipe == "ddpo") recipe = dppo_reward(o.beta1, o.beta2);
      if (o.recipe == "ddpo" || o.recipe == "rs_ppo") recipe.sequence = o.beta3;
      break;
  }
  if (o.implicit_clip > 0) recipe.implicit_clip = o.implicit_clip;
  if (o.sequence_clip > 0) recipe.sequence_clip = o.sequence_clip;
  return recipe;
}

online_options online_options_of(const online_arguments& o) {
  online_options all;
  all.step.reward = recipe_of(o);
  for (const auto& [name, kind] : baselines())
    if (name == o.baseline) all.baseline = kind;
  all.group = o.baseline == "rloo" ? rloo_advantages() : grpo_advantages();
  if (o.baseline == "dr_grpo") all.group.divide_by_deviation = false;
  all.step.advantage = {.gamma = o.gamma, .lambda = o.lambda};
  if (o.whitening == "none")
    all.step.whitening.reset();
  else
    all.step.whitening = whitening_options{.unbiased = o.whitening == "unbiased"};
  all.step.surrogate.clip = o.clip;
  all.step.value.clip.reset();
  if (o.value_clip > 0) all.step.value.clip = o.value_clip;
  for (const auto& [name, mode] : aggregations())
    if (name == o.aggregation) all.step.aggregate.mode = mode;

  policy_update_options& u = all.update;
  u.epochs = o.epochs;
  u.minibatch = o.minibatch;
  u.micro_batch = o.micro_batch;
  const std::int64_t updates = o.iterations * u.updates_of(o.rollout);
  u.policy_rate = {.kind = schedule_named(o.schedule),
                   .learning_rate = o.learning_rate,
                   .steps = updates,
                   .warmup_steps = static_cast<std::int64_t>(std::ceil(o.warmup_ratio * static_cast<double>(updates))),
                   .lowest_share = o.min_learning_rate_share};
  u.critic_rate = u.policy_rate;
  u.critic_rate.learning_rate = o.critic_learning_rate;
  u.policy_optimizer = {
      .beta1 = o.adam_beta1, .beta2 = o.adam_beta2, .epsilon = o.adam_epsilon, .weight_decay = o.weight_decay};
  u.critic_optimizer = u.policy_optimizer;
  u.max_gradient_norm = o.max_gradient_norm;
  u.temperature = o.temperature;
  u.ratio_tolerance = o.precision == "bf16" ? 2e-2 : 1e-4;
  u.recompute = o.recompute;
  u.seed = o.seed + 1;  // another order than that of the prompts

  all.generation.max_new_tokens = o.max_new_tokens;
  all.generation.batch = o.generation_batch;
  all.generation.seed = o.seed;
  all.rollout = o.rollout;
  all.answers_per_prompt = o.answers_per_prompt;
  all.scoring_batch = o.scoring_batch;
  if (o.kl_target > 0) all.kl_controller = kl_controller_options{.target = o.kl_target, .horizon = o.kl_horizon};
  all.sampler_tolerance = o.precision == "bf16" ? 0.1 : 1e-3;
  all.seed = o.seed;
  return all;
}

sim::ordered_json settings_of(const online_arguments& o) {
  return {{"command", to_string(o.method)},
          {"policy", o.policy.string()},
          {"reference", o.reference_folder().string()},
          {"dpo", o.dpo.string()},
          {"reward", o.reward.string()},
          {"token_reward", o.token_reward.string()},
          {"critic", o.critic.string()},
          {"recipe", o.recipe},
          {"baseline", o.baseline},
          {"length_price", o.length_price},
          {"missing_end_penalty", o.missing_end_penalty},
          {"reward_program", o.program},
          {"beta1", o.beta1},
          {"beta2", o.beta2},
          {"beta3", o.beta3},
          {"implicit_clip", o.implicit_clip},
          {"sequence_clip", o.sequence_clip},
          {"kl_target", o.kl_target},
          {"kl_horizon", o.kl_horizon},
          {"iterations", o.iterations},
          {"rollout", o.rollout},
          {"minibatch", o.minibatch},
          {"micro_batch", o.micro_batch},
          {"epochs", o.epochs},
          {"scoring_batch", o.scoring_batch},
          {"generation_batch", o.generation_batch},
          {"max_new_tokens", o.max_new_tokens},
          {"answers_per_prompt", o.answers_per_prompt},
          {"temperature", o.temperature},
          {"gamma", o.gamma},
          {"lambda", o.lambda},
          {"clip", o.clip},
          {"value_clip", o.value_clip},
          {"whitening", o.whitening},
          {"aggregation", o.aggregation},
          {"learning_rate", o.learning_rate},
          {"critic_learning_rate", o.critic_learning_rate},
          {"schedule", o.schedule},
          {"min_learning_rate_share", o.min_learning_rate_share},
          {"warmup_ratio", o.warmup_ratio},
          {"weight_decay", o.weight_decay},
          {"adam_beta1", o.adam_beta1},
          {"adam_beta2", o.adam_beta2},
          {"adam_epsilon", o.adam_epsilon},
          {"max_gradient_norm", o.max_gradient_norm},
          {"precision", o.precision},
          {"recompute", o.recompute},
          {"seed", o.seed}};
}

}  // namespace rto::llm
