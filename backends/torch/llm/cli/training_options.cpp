#include "llm/cli/training_options.hpp"

#include <fmt/format.h>

#include <cmath>

#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

const std::vector<std::pair<std::string, schedule_kind>>& schedule_names() {
  static const std::vector<std::pair<std::string, schedule_kind>> names{
      {"constant", schedule_kind::constant},
      {"linear", schedule_kind::linear},
      {"cosine", schedule_kind::cosine},
      {"cosine_with_min_lr", schedule_kind::cosine_with_min_lr}};
  return names;
}

schedule_kind schedule_of(const std::string& name) {
  for (const auto& [n, kind] : schedule_names())
    if (n == name) return kind;
  throw sim::user_error(fmt::format("--schedule: unknown schedule {}", name));
}

}  // namespace

void add_training_options(CLI::App& app, training_options& o) {
  const std::string data = "Data", steps = "Optimisation", run = "Run";
  app.add_option("--model", o.model, "Folder of a Hugging Face checkpoint: where training starts")
      ->required()
      ->type_name("DIR");
  app.add_option("--output", o.output, "Folder for the trained model, checkpoints and metrics")
      ->required()
      ->type_name("DIR");
  app.add_option("--data", o.data, "Training data: JSON lines or plain text, perhaps packed by gzip")
      ->required()
      ->type_name("FILE")
      ->group(data);
  app.add_option("--eval-data", o.held_out_data, "Held-out data")->type_name("FILE")->group(data);
  app.add_option("--eval-share", o.held_out_share, "Hold out this share of the training data")
      ->check(CLI::Range(0.0, 0.99))
      ->group(data);
  o.declare_data(app, data);

  app.add_option("--learning-rate", o.learning_rate, "The highest one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(steps);
  std::vector<std::string> names;
  for (const auto& [name, kind] : schedule_names()) names.push_back(name);
  app.add_option("--schedule", o.schedule, "Of the learning rate after the warm-up")
      ->check(CLI::IsMember(names))
      ->capture_default_str()
      ->group(steps);
  app.add_option("--min-learning-rate-share", o.min_learning_rate_share, "The lowest one of cosine_with_min_lr")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(steps);
  app.add_option("--warmup-steps", o.warmup_steps, "Steps over which the learning rate rises from 0")
      ->check(CLI::NonNegativeNumber)
      ->group(steps);
  app.add_option("--warmup-ratio", o.warmup_ratio, "The same as a share of all steps")
      ->check(CLI::Range(0.0, 1.0))
      ->group(steps);
  app.add_option("--epochs", o.epochs, "Passes over the data")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(steps);
  app.add_option("--max-steps", o.max_steps, "Optimiser steps, in place of epochs")
      ->check(CLI::PositiveNumber)
      ->group(steps);
  app.add_option("--batch-size", o.batch_size, "Samples of an optimiser step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(steps);
  app.add_option("--micro-batch-size", o.micro_batch_size,
                 "Samples of one forward and backward pass; less memory, the same gradient (default: all of the step)")
      ->check(CLI::PositiveNumber)
      ->group(steps);
  app.add_option("--weight-decay", o.weight_decay, "Of AdamW, on matrices (not on biases and norms)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(steps);
  app.add_flag("--decay-everything", o.decay_everything, "Weight decay on biases and norms too")->group(steps);
  app.add_option("--adam-beta1", o.beta1, "")->check(CLI::Range(0.0, 0.999999))->capture_default_str()->group(steps);
  app.add_option("--adam-beta2", o.beta2, "")->check(CLI::Range(0.0, 0.999999))->capture_default_str()->group(steps);
  app.add_option("--adam-epsilon", o.epsilon, "")->check(CLI::PositiveNumber)->capture_default_str()->group(steps);
  app.add_option("--max-gradient-norm", o.max_gradient_norm, "Gradients are scaled down to this norm; 0: never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(steps);

  const std::string adapters = "LoRA";
  app.add_option("--lora-rank", o.lora_rank,
                 "Train low-rank adapters of this rank and leave the model as it is; the result is an adapter")
      ->check(CLI::PositiveNumber)
      ->group(adapters);
  app.add_option("--lora-alpha", o.lora_alpha, "Adapters count alpha / rank times (default: twice the rank)")
      ->check(CLI::PositiveNumber)
      ->group(adapters);
  app.add_option("--lora-targets", o.lora_targets,
                 "Last parts of the names of linear maps, as q_proj (default: all but the head)")
      ->group(adapters);
  app.add_flag("--lora-rank-stabilised", o.lora_rank_stabilised, "alpha / sqrt(rank) times")->group(adapters);
  app.add_flag("--merge", o.merge, "At the end, add the adapters to the weights and write a whole model")
      ->group(adapters);

  o.declare_compute(app, run);
  app.add_option("--precision", o.precision, "Of the products; weights are fp32 in any case")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str()
      ->group(run);
  app.add_flag("--recompute", o.recompute, "Activation checkpointing: less memory, a third more work")->group(run);
  app.add_option("--seed", o.seed, "Of the order of samples and of new weights")->capture_default_str()->group(run);
  app.add_option("--save-every", o.save_every, "Steps between checkpoints; 0: at the end only")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(run);
  app.add_option("--eval-every", o.evaluate_every, "Steps between evaluations; 0: at the end only")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(run);
  app.add_option("--keep", o.keep, "Checkpoints kept, beside the best one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(run);
  app.add_flag("--resume", o.resume, "Go on with the run in --output")->group(run);
  app.add_flag("--dry-run", o.dry_run, "Say what would be done and what it needs, and do nothing")->group(run);
}

void refuse_unused(const CLI::App& app, const std::string& option, bool used, const std::string& what) {
  if (!used && app.get_option(option)->count() > 0) throw sim::user_error(fmt::format("{} is for {}", option, what));
}

void check(const CLI::App& app, const training_options& o) {
  const auto given = [&](const char* name) { return app.get_option(name)->count() > 0; };
  const auto not_both = [&](const char* one, const char* other) {
    if (given(one) && given(other)) throw sim::user_error(fmt::format("{} and {} exclude each other", one, other));
  };
  not_both("--warmup-steps", "--warmup-ratio");
  not_both("--epochs", "--max-steps");
  not_both("--eval-data", "--eval-share");
  not_both("--resume", "--dry-run");
  refuse_unused(app, "--min-learning-rate-share", o.schedule == "cosine_with_min_lr", "--schedule cosine_with_min_lr");
  refuse_unused(app, "--decay-everything", o.weight_decay > 0, "a --weight-decay above 0");
  refuse_unused(app, "--eval-every", !o.held_out_data.empty() || o.held_out_share > 0, "--eval-data or --eval-share");
  for (const char* name : {"--lora-alpha", "--lora-targets", "--lora-rank-stabilised", "--merge"})
    refuse_unused(app, name, o.lora(), "--lora-rank");
  if (o.micro_batch_size > o.batch_size)
    throw sim::user_error(
        fmt::format("--micro-batch-size {} is more than --batch-size {}", o.micro_batch_size, o.batch_size));
}

std::int64_t steps_of(const training_options& o, std::size_t per_epoch) {
  if (o.max_steps > 0) return o.max_steps;
  return static_cast<std::int64_t>(std::ceil(o.epochs * static_cast<double>(per_epoch)));
}

loop_options loop_options_of(const training_options& o, std::int64_t steps) {
  const std::int64_t warmup = o.warmup_steps > 0
                                  ? o.warmup_steps
                                  : static_cast<std::int64_t>(std::ceil(o.warmup_ratio * static_cast<double>(steps)));
  return {.schedule = {.kind = schedule_of(o.schedule),
                       .learning_rate = o.learning_rate,
                       .steps = steps,
                       .warmup_steps = warmup,
                       .lowest_share = o.min_learning_rate_share},
          .optimizer = {.beta1 = o.beta1,
                        .beta2 = o.beta2,
                        .epsilon = o.epsilon,
                        .weight_decay = o.weight_decay,
                        .decay = o.decay_everything ? decay_rule::all : decay_rule::matrices_only},
          .micro_batch = o.micro_batch(),
          .max_gradient_norm = o.max_gradient_norm,
          .evaluate_every = o.evaluate_every,
          .save_every = o.save_every,
          .keep = o.keep};
}

sim::ordered_json settings_of(const training_options& o, const std::string& command) {
  return {{"command", command},
          {"lora_rank", o.lora_rank},
          {"lora_alpha", o.lora_alpha},
          {"lora_targets", o.lora_targets},
          {"lora_rank_stabilised", o.lora_rank_stabilised},
          {"learning_rate", o.learning_rate},
          {"schedule", o.schedule},
          {"min_learning_rate_share", o.min_learning_rate_share},
          {"warmup_steps", o.warmup_steps},
          {"warmup_ratio", o.warmup_ratio},
          {"epochs", o.max_steps > 0 ? 0 : o.epochs},
          {"max_steps", o.max_steps},
          {"batch_size", o.batch_size},
          {"micro_batch_size", o.micro_batch()},
          {"weight_decay", o.weight_decay},
          {"decay_everything", o.decay_everything},
          {"adam_beta1", o.beta1},
          {"adam_beta2", o.beta2},
          {"adam_epsilon", o.epsilon},
          {"max_gradient_norm", o.max_gradient_norm},
          {"precision", o.precision},
          {"recompute", o.recompute},
          {"seed", o.seed},
          {"eval_share", o.held_out_share}};
}

}  // namespace rto::llm
