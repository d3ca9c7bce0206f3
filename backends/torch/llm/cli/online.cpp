// rto-llm ppo, dppo, rto, tppo: policies that learn from answers of their own.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <numeric>

#include "llm/cli/online_options.hpp"
#include "llm/cli/training_data.hpp"
#include "llm/data/encoding.hpp"
#include "llm/generation/end_tokens.hpp"
#include "llm/model/kv_cache.hpp"
#include "llm/online/online_loop.hpp"
#include "llm/online/reward_program.hpp"
#include "llm/text/tokenizer.hpp"
#include "llm/training/run_checkpoint.hpp"
#include "llm/training/work_estimate.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/interrupt.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

using std::filesystem::path;

constexpr const char* critic_folder = "critic";

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
  std::fflush(stdout);
}

class online_session {
 public:
  explicit online_session(const online_arguments& o) : o_(o), options_(online_options_of(o)) {
    const run_checkpoints checkpoints(o.output, o.keep);
    const auto latest = checkpoints.latest();
    if (latest && !o.resume && !o.dry_run)
      throw sim::user_error(fmt::format(
          "{}: a run was here before: --resume goes on with it; start a new one elsewhere", latest->string()));
    if (o.resume) {
      resume_from_ = latest;
      print(latest ? fmt::format("going on from {}", latest->string())
                   : fmt::format("{}: no checkpoint yet, starting from the beginning", o.output.string()));
    }
    load_models();
    load_prompts();
  }

  int run() {
    say_plan();
    if (o_.dry_run) return 0;
    const online_models models{.policy = &*policy_,
                               .critic = pointer(critic_),
                               .reference = pointer(reference_),
                               .dpo = pointer(dpo_),
                               .reward = pointer(reward_),
                               .token_reward = pointer(token_reward_)};
    online_trainer trainer(models, prompts_, options_);
    sim::ordered_json settings = settings_of(o_);
    settings["prompts"] = digest();
    online_run work{.folder = o_.output,
                    .trainer = trainer,
                    .device = policy_->device(),
                    .write_models =
                        [this](const path& folder) {
                          policy_->save(folder, at::kFloat);
                          copy_companion_files(o_.policy, folder);
                          if (critic_) critic_->save(folder / critic_folder, at::kFloat);
                        },
                    .show = [this](std::int64_t iteration, const online_iteration& done) { show(iteration, done); },
                    .settings = std::move(settings),
                    .iterations = o_.iterations,
                    .save_every = o_.save_every,
                    .keep = o_.keep,
                    .resume_from = resume_from_};
    if (o_.kl_budget > 0) work.kl_budget = o_.kl_budget;
    const online_outcome outcome = run_online(work);
    if (outcome.interrupted) {
      print(fmt::format("stopped after iteration {} of {}, which is saved; the same command with --resume goes on",
                        outcome.iteration, o_.iterations));
      return 128 + sim::interrupting_signal();
    }
    policy_->save(o_.output, scalar_type(policy_->config().dtype));
    copy_companion_files(o_.policy, o_.output);
    std::string last;
    for (const auto& [name, value] : outcome.last)
      if (name == "reward" || name == "kl_k1" || name == "length") last += fmt::format(", {} {:.4g}", name, value);
    print(fmt::format("{} iterations done{}{}: {}", outcome.iteration,
                      outcome.over_budget ? " (the KL budget is used up)" : "", last, o_.output.string()));
    return 0;
  }

 private:
  static const language_model* pointer(const std::optional<language_model>& model) { return model ? &*model : nullptr; }

  language_model load(const path& folder, head_kind head, bool trained) const {
    language_model model =
        language_model::load(folder, {.device = device(), .head = head, .check_finite = true, .seed = o_.seed});
    if (o_.precision == "bf16") model.set_compute_type(at::kBFloat16);
    if (trained) model.require_gradients(true);
    if (policy_ && model.config().vocabulary != policy_->config().vocabulary)
      throw sim::user_error(
          fmt::format("{}: its vocabulary has {} tokens, the policy's {}: all models of a run must "
                      "share one",
                      folder.string(), model.config().vocabulary, policy_->config().vocabulary));
    return model;
  }

  language_model load_scorer(const path& folder) const {
    language_model model = load(folder, head_kind::stored, false);
    if (model.config().labels != 1)
      throw sim::user_error(
          fmt::format("{}: expected a model with one score a token, as `rto-llm reward` trains, found "
                      "{}",
                      folder.string(), class_name(model.config().family, model.config().labels > 0)));
    return model;
  }

  at::Device device() const {
    if (o_.device == "cpu") return at::kCPU;
    if (!at::hasCUDA()) throw sim::user_error("--device cuda: there is none");
    return at::Device(at::kCUDA, 0);
  }

  void load_models() {
    const token_reward_recipe& recipe = options_.step.reward;
    policy_ = load(resume_from_.value_or(o_.policy), head_kind::language_model, true);
    reference_ = load(o_.reference_folder(), head_kind::language_model, false);
    if (recipe.implicit != 0) dpo_ = load(o_.dpo, head_kind::language_model, false);
    if (recipe.sequence != 0) reward_ = load_scorer(o_.reward);
    if (recipe.score != 0) token_reward_ = load_scorer(o_.token_reward);
    if (options_.baseline != baseline_kind::critic) return;
    if (resume_from_) {
      critic_ = load(*resume_from_ / critic_folder, head_kind::stored, true);
      return;
    }
    path start = o_.critic;
    for (const path& other : {o_.reward, o_.token_reward, o_.policy})
      if (start.empty()) start = other;
    const bool has_score = read_model_config(start).labels == 1;
    critic_ = load(start, head_kind::score, true);
    // A new head says 0 of every state, so that the first advantages are those of no value function.
    const at::NoGradGuard no_gradients;
    if (!has_score) critic_->score_weight().zero_();
  }

  void load_prompts() {
    const tokenizer words = tokenizer::load(o_.policy);
    const std::int64_t vocabulary = policy_->config().vocabulary, context = policy_->config().context;
    if (words.vocabulary_size() > vocabulary)
      throw sim::user_error(fmt::format("{}: the tokenizer has ids up to {}, the model's vocabulary ends at {}",
                                        o_.policy.string(), words.vocabulary_size() - 1, vocabulary - 1));
    if (o_.max_new_tokens >= context)
      throw sim::user_error(
          fmt::format("--max-new-tokens {}: the policy's context is {} tokens", o_.max_new_tokens, context));
    options_.generation.stop_tokens = end_tokens(o_.policy, policy_->config(), words);
    decode_ = [words](std::span<const token_id> ids) { return words.decode(ids); };
    add_components(words);
    encoding_options encoding;
    encoding.max_length = static_cast<std::size_t>(context);
    encoding.max_prompt_length =
        static_cast<std::size_t>(o_.max_prompt_length > 0 ? std::min(o_.max_prompt_length, context - o_.max_new_tokens)
                                                          : context - o_.max_new_tokens);
    encoding.too_long = o_.long_prompts == "cut" ? over_long::cut_prompt : over_long::drop;
    const text_coder coder = coder_of(words, o_.policy.string());
    for (const std::string& file : o_.prompts) {
      encoded_data<encoded_prompt> data = encode_prompts(read_records(file), coder, encoding);
      print(to_text(data.report));
      for (encoded_prompt& p : data.samples) prompts_.push_back(std::move(p.ids));
    }
    if (prompts_.empty()) throw sim::user_error(fmt::format("{}: no prompt to start from", o_.prompts.front()));
  }

  void add_components(const tokenizer& words) {
    if (o_.length_price > 0) options_.components.push_back(length_component(o_.length_price));
    if (o_.missing_end_penalty > 0) options_.components.push_back(missing_end_component(o_.missing_end_penalty));
    if (!o_.program.empty()) options_.components.push_back(program_component(o_.program, decode_));
    if (options_.step.reward.implicit_placement != reward_placement::segment_end) return;
    // A sentence ends with a token that ends in a full stop, a question or exclamation mark, or a line's end.
    for (token_id id = 0; id < policy_->config().vocabulary; ++id) {
      const std::string text = id < words.vocabulary_size() ? words.decode(std::span(&id, 1)) : "";
      options_.segment_end.push_back(!text.empty() && std::string_view(".!?\n").find(text.back()) != std::string::npos);
    }
  }

  std::string digest() const {
    std::vector<encoded_answer> all;
    for (const token_ids& ids : prompts_) all.push_back({ids, static_cast<std::int64_t>(ids.size())});
    return digest_of(all);
  }

  void say_plan() const {
    const auto million = [](const language_model& m) { return static_cast<double>(m.parameter_count()) / 1e6; };
    print(fmt::format("policy      {} of {} layers, {} wide, vocabulary {}: {:.2f} million parameters; {}",
                      to_string(policy_->config().family), policy_->config().layers, policy_->config().hidden,
                      policy_->config().vocabulary, million(*policy_),
                      critic_ ? fmt::format("critic {:.2f}", million(*critic_)) : "no critic, " + o_.baseline));
    print(
        fmt::format("iterations  {} of {} answers to {} of {} prompts, at most {} tokens; {} updates of {} answers "
                    "each",
                    o_.iterations, o_.rollout, o_.rollout / o_.answers_per_prompt, prompts_.size(), o_.max_new_tokens,
                    options_.update.updates_of(o_.rollout), o_.minibatch));
    say_memory();
  }

  // Weights, gradients and AdamW's moments of what is trained, weights alone of what is asked, and the keys and values
  // of the answers in work.
  void say_memory() const {
    std::vector<std::pair<std::string, double>> roles;
    const auto add = [&](const char* role, const std::optional<language_model>& model, double copies) {
      if (!model) return;
      const double weights = static_cast<double>(model->parameter_count() * c10::elementSize(model->dtype()));
      roles.emplace_back(role, copies * weights + (o_.precision == "bf16" ? weights / 2 : 0));
    };
    add("policy, gradients, moments", policy_, 4);
    add("critic, gradients, moments", critic_, 4);
    add("reference", reference_, 1);
    add("DPO model", dpo_, 1);
    add("reward model", reward_, 1);
    add("reward model of tokens", token_reward_, 1);
    std::size_t longest = 0;
    for (const token_ids& prompt : prompts_) longest = std::max(longest, prompt.size());
    roles.emplace_back("keys and values",
                       static_cast<double>(kv_cache::bytes(policy_->config(), std::min(o_.generation_batch, o_.rollout),
                                                           static_cast<std::int64_t>(longest) + o_.max_new_tokens,
                                                           policy_->compute_type().value_or(policy_->dtype()))));
    double total = 0;
    for (const auto& [role, bytes] : roles) {
      print(fmt::format("{:<12}{:<28}{:>10.1f} MiB", total == 0 ? "memory" : "", role, bytes / (1 << 20)));
      total += bytes;
    }
    print(fmt::format("{:<12}{:<28}{:>10.1f} MiB, and the activations of a pass", "", "in all", total / (1 << 20)));
  }

  // The first answers of an iteration, for people.
  void show(std::int64_t iteration, const online_iteration& done) const {
    if (o_.show == 0) return;
    std::string lines;
    const at::Tensor totals = array::row_sum(done.estimates.reward - done.estimates.terms.kl);
    const std::vector<double> rewards = array::to_host(totals);
    const auto count = static_cast<std::size_t>(std::min(o_.show, done.sampled.size()));
    for (std::size_t i = 0; i < count; ++i) {
      const encoded_answer& a = done.sampled.answers[i];
      const auto ids = std::span<const token_id>(a.ids);
      const auto prompt = static_cast<std::size_t>(a.prompt_length);
      sim::ordered_json row{{"iteration", iteration},
                            {"prompt", decode_(ids.first(prompt))},
                            {"answer", decode_(ids.subspan(prompt))},
                            {"reward", rewards[i]},
                            {"finish_reason", a.complete ? "stop" : "length"}};
      sim::encode_non_finite(row);
      lines += row.dump(-1, ' ', false, sim::ordered_json::error_handler_t::replace) + "\n";
    }
    sim::make_folder(o_.output / "samples");
    sim::write_file(o_.output / "samples" / fmt::format("iteration-{}.jsonl", iteration), lines);
  }

  const online_arguments& o_;
  online_options options_;
  std::optional<path> resume_from_;
  std::optional<language_model> policy_, critic_, reference_, dpo_, reward_, token_reward_;
  std::vector<token_ids> prompts_;
  std::function<std::string(std::span<const token_id>)> decode_;
};

sim::registered_command command_of(online_method method, const char* doc, double beta2) {
  return {to_string(method), doc, [method, beta2](CLI::App& app) {
            auto arguments = std::make_shared<online_arguments>();
            arguments->method = method;
            arguments->beta2 = beta2;
            add_online_options(app, *arguments);
            return [arguments, &app] {
              apply_preset(app, *arguments);
              check(app, *arguments);
              return online_session(*arguments).run();
            };
          }};
}

const sim::registered_command ppo = command_of(online_method::ppo, "Learn from a reward model of whole answers", 0.05);
const sim::registered_command dppo =
    command_of(online_method::dppo, "Learn from a DPO model's word on whole answers", 0.05);
const sim::registered_command rto_command =
    command_of(online_method::rto, "Reinforced Token Optimization: learn from a DPO model's word on every token", 0.03);
const sim::registered_command tppo = command_of(online_method::tppo, "Learn from a reward model of tokens", 0.05);

}  // namespace
}  // namespace rto::llm
