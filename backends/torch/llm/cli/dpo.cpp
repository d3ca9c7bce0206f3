// rto-llm dpo: direct preference optimisation and its relatives.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "llm/checkpoint/safetensors.hpp"
#include "llm/cli/training_data.hpp"
#include "llm/cli/training_session.hpp"
#include "llm/training/kto_objective.hpp"
#include "llm/training/preference_objective.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"

namespace rto::llm {
namespace {

constexpr const char* unpaired = "kto";

struct dpo_options : training_options {
  std::string loss = "sigmoid", reference_scores = "precomputed";
  std::filesystem::path reference;
  pair_loss_options pair;
  rto::kto_options kto;

  bool is_unpaired() const { return loss == unpaired; }
  bool has_reference() const { return is_unpaired() || needs_reference(pair.kind); }
  bool live() const { return has_reference() && reference_scores == "live"; }
  std::filesystem::path reference_folder() const { return reference.empty() ? model : reference; }
};

void check_loss(const CLI::App& app, dpo_options& o) {
  for (const auto& [name, kind] : pair_loss_names())
    if (name == o.loss) o.pair.kind = kind;
  const auto is = [&](std::initializer_list<pair_loss_kind> kinds) {
    return !o.is_unpaired() && std::find(kinds.begin(), kinds.end(), o.pair.kind) != kinds.end();
  };
  using k = pair_loss_kind;
  refuse_unused(app, "--beta", !is({k::orpo}), "losses other than orpo, which has --odds-weight");
  refuse_unused(app, "--label-smoothing", !o.is_unpaired() && takes_label_smoothing(o.pair.kind),
                "losses of labels that may be flipped: sigmoid, robust, sigmoid_norm, r_dpo, tdpo1, tdpo2, dpo_nll, "
                "simpo, cpo");
  refuse_unused(app, "--length-price", is({k::r_dpo}), "--loss r_dpo");
  refuse_unused(app, "--divergence-weight", is({k::tdpo2}), "--loss tdpo2");
  refuse_unused(app, "--target-margin", is({k::simpo}), "--loss simpo");
  refuse_unused(app, "--odds-weight", is({k::orpo}), "--loss orpo");
  refuse_unused(app, "--nll-coefficient", is({k::dpo_nll, k::cpo}), "--loss dpo_nll and cpo");
  refuse_unused(app, "--desirable-weight", o.is_unpaired(), "--loss kto");
  refuse_unused(app, "--undesirable-weight", o.is_unpaired(), "--loss kto");
  refuse_unused(app, "--reference", o.has_reference(), "losses with a reference policy");
  refuse_unused(app, "--reference-scores", o.has_reference(), "losses with a reference policy");
  if (!o.is_unpaired() && needs_divergence(o.pair.kind)) {
    if (app.get_option("--reference-scores")->count() > 0 && o.reference_scores != "live")
      throw sim::user_error(fmt::format("--loss {} compares whole distributions: --reference-scores live", o.loss));
    o.reference_scores = "live";
  }
  if (app.get_option("--beta")->count() == 0 && is({k::simpo})) o.pair.beta = 2;  // the loss of its paper
  o.kto.beta = o.pair.beta;
  if (o.pair.kind == k::robust && o.pair.label_smoothing >= 0.5)
    throw sim::user_error("--label-smoothing of the robust loss must be below 1/2");
}

// What the reference says of training and held-out samples, from the file that an earlier part of this run left, or
// computed now.
template <class Sample>
std::pair<at::Tensor, at::Tensor> reference_scores(const training_session& session, const dpo_options& o,
                                                   const training_data<Sample>& data) {
  const std::filesystem::path file = o.output / "reference_scores.safetensors";
  const auto rows = [](const std::vector<Sample>& samples) { return static_cast<std::int64_t>(samples.size()); };
  if (o.resume && !session.at_start() && std::filesystem::exists(file)) {
    const safetensors_file stored(file);
    return {stored.tensor("training", {rows(data.training), 2}).clone(),
            data.held_out.empty() ? at::zeros({0, 2}) : stored.tensor("held_out", {rows(data.held_out), 2}).clone()};
  }
  // The policy is the reference before its first step: no second model is needed.
  std::optional<language_model> other;
  if (!o.reference.empty() || !session.at_start()) other = session.load_reference(o.reference_folder());
  const language_model& reference = other ? *other : session.model();
  const auto of = [&](const std::vector<Sample>& samples) {
    return samples.empty() ? at::zeros({0, 2}) : precompute_reference(reference, samples, o.micro_batch());
  };
  const std::pair<at::Tensor, at::Tensor> scores{of(data.training), of(data.held_out)};
  std::vector<named_tensor> stored{{"training", scores.first}};
  if (!data.held_out.empty()) stored.push_back({"held_out", scores.second});
  sim::make_folder(o.output);
  write_safetensors(file, stored, at::kFloat);
  return scores;
}

template <class Reference, class Sample, class Make>
int run_with(training_session& session, const dpo_options& o, const training_data<Sample>& data,
             const sim::ordered_json& settings, const Make& make) {
  Reference training, held_out;
  training.same_weights = o.reference.empty();
  if (o.precision == "bf16") training.rounding = 0.05;  // scores of other micro-batches differ by more in 16 bits
  held_out = training;
  std::optional<language_model> reference;
  if (o.live() && !o.dry_run) {
    reference = session.load_reference(o.reference_folder());
    training.model = held_out.model = &*reference;
  } else if (o.has_reference() && !o.dry_run) {
    std::tie(training.precomputed, held_out.precomputed) = reference_scores(session, o, data);
  } else if (o.has_reference()) {
    training.model = held_out.model = &session.model();  // nothing will be computed with it
  }
  const auto task = make(data.training, training), evaluation = make(data.held_out, held_out);
  sim::ordered_json all = settings;
  all.update({{"loss", o.loss},
              {"reference", o.reference.string()},
              {"reference_scores", o.reference_scores},
              {"data", digest_of(data.training)},
              {"held_out", digest_of(data.held_out)}});
  const auto tokens = static_cast<std::int64_t>(o.micro_batch() * data.longest());
  return session.run(*task, data.held_out.empty() ? nullptr : evaluation.get(), data.lengths(), all,
                     {.tokens = tokens,
                      .predicted = tokens,
                      .recompute = o.recompute,
                      .sixteen_bit = o.precision == "bf16",
                      .reference_model = o.live() && !(o.lora() && o.reference.empty())});
}

int run_dpo(const CLI::App& app, dpo_options& o) {
  check_loss(app, o);
  training_session session(app, o, "dpo", head_kind::language_model);
  if (o.is_unpaired()) {
    const training_data<labelled_answer> data = load_labelled(o, session.model().config());
    return run_with<labelled_reference>(
        session, o, data,
        {{"beta", o.kto.beta},
         {"desirable_weight", o.kto.desirable_weight},
         {"undesirable_weight", o.kto.undesirable_weight}},
        [&](const std::vector<labelled_answer>& samples, const labelled_reference& reference) {
          return std::make_unique<kto_objective>(session.model(), samples, o.kto, reference, o.micro_batch(),
                                                 o.recompute);
        });
  }
  const training_data<encoded_pair> data = load_pairs(o, session.model().config());
  const pair_loss_options& p = o.pair;
  return run_with<pair_reference>(session, o, data,
                                  {{"beta", p.beta},
                                   {"label_smoothing", p.label_smoothing},
                                   {"length_price", p.length_price},
                                   {"divergence_weight", p.divergence_weight},
                                   {"target_margin", p.target_margin},
                                   {"odds_weight", p.odds_weight},
                                   {"nll_coefficient", p.nll_coefficient}},
                                  [&](const std::vector<encoded_pair>& samples, const pair_reference& reference) {
                                    return std::make_unique<preference_objective>(session.model(), samples, p,
                                                                                  reference, o.recompute);
                                  });
}

void add_loss_options(CLI::App& app, dpo_options& o) {
  const std::string group = "Loss";
  std::vector<std::string> names{unpaired};
  for (const auto& [name, kind] : pair_loss_names()) names.push_back(name);
  app.add_option("--loss", o.loss, "sigmoid is DPO; kto takes single answers with labels")
      ->check(CLI::IsMember(names))
      ->capture_default_str()
      ->group(group);
  const auto number = [&](const char* name, double& target, const char* doc) {
    return app.add_option(name, target, doc)->capture_default_str()->group(group);
  };
  number("--beta", o.pair.beta, "Coefficient of the log-ratios (of SimPO 2 unless it is given)")
      ->check(CLI::PositiveNumber);
  number("--label-smoothing", o.pair.label_smoothing, "Share of labels taken to be flipped; with sigmoid: cDPO")
      ->check(CLI::Range(0.0, 0.5));
  number("--length-price", o.pair.length_price, "Price of a token (r_dpo)")->check(CLI::NonNegativeNumber);
  number("--divergence-weight", o.pair.divergence_weight, "alpha of tdpo2")->check(CLI::NonNegativeNumber);
  number("--target-margin", o.pair.target_margin, "gamma of simpo, reward units")->check(CLI::NonNegativeNumber);
  number("--odds-weight", o.pair.odds_weight, "lambda of orpo")->check(CLI::NonNegativeNumber);
  number("--nll-coefficient", o.pair.nll_coefficient, "Weight of the chosen answers' negative log-likelihood")
      ->check(CLI::NonNegativeNumber);
  number("--desirable-weight", o.kto.desirable_weight, "Of good answers (kto)")->check(CLI::NonNegativeNumber);
  number("--undesirable-weight", o.kto.undesirable_weight, "Of bad answers (kto)")->check(CLI::NonNegativeNumber);
  app.add_option("--reference", o.reference, "Folder of the reference policy (default: --model)")
      ->type_name("DIR")
      ->group(group);
  app.add_option("--reference-scores", o.reference_scores,
                 "precomputed: once, before the first step, without a second model in memory; live: beside every step")
      ->check(CLI::IsMember({"precomputed", "live"}))
      ->capture_default_str()
      ->group(group);
}

const sim::registered_command command{"dpo", "Train a language model on preferences, by DPO or one of its relatives",
                                      [](CLI::App& app) {
                                        auto options = std::make_shared<dpo_options>();
                                        options->learning_rate = 1e-6;
                                        options->epochs = 3;
                                        add_training_options(app, *options);
                                        add_loss_options(app, *options);
                                        return [options, &app] { return run_dpo(app, *options); };
                                      }};

}  // namespace
}  // namespace rto::llm
