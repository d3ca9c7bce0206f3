// rto-llm pessimism: Algorithm 1's linear reward on a model's hidden states, what its bonus knows, and the best of n
// under it.
#include <fmt/format.h>

#include <numeric>

#include "llm/cli/evaluate_options.hpp"
#include "llm/cli/training_data.hpp"
#include "llm/data/sample_encoder.hpp"
#include "llm/evaluation/linear_answer_reward.hpp"
#include "llm/evaluation/preference_accuracy.hpp"
#include "llm/model/lora.hpp"
#include "sim/data/json_lines.hpp"
#include "sim/io/error.hpp"
#include "sim/io/file.hpp"
#include "sim/io/program.hpp"
#include "sim/statistics/sample.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

struct pessimism_options : data_arguments, compute_arguments {
  std::filesystem::path model, candidates, output;
  std::vector<std::string> data, held_out;
  std::vector<double> radii{0, 0.1, 0.3, 1, 3};
  linear_answer_reward_options reward;
  std::size_t batch = 16, groups = 10;
  double confidence = 0.95;
};

struct side_features {
  at::Tensor chosen, rejected;
};

side_features features_of(const std::vector<std::string>& files, const pessimism_options& o,
                          const language_model& model, const text_coder& coder) {
  std::vector<encoded_answer> chosen, rejected;
  for (const std::string& file : files) {
    const auto data = encode_pairs(read_records(file, o.named_format()), coder,
                                   o.encoding(static_cast<std::size_t>(model.config().context)));
    for (const encoded_pair& p : data.samples) {
      chosen.push_back(side_by_side(p.prompt, p.chosen, p.chosen_complete));
      rejected.push_back(side_by_side(p.prompt, p.rejected, p.rejected_complete));
    }
  }
  if (chosen.empty())
    throw sim::user_error(fmt::format("{}: expected comparisons, found none that fits", files.front()));
  return {answer_features(model, chosen, o.batch), answer_features(model, rejected, o.batch)};
}

ordered_json calibrated(const pessimism_options& o, const linear_answer_reward& reward, const side_features& held_out) {
  const auto groups = calibration(reward, held_out.chosen, held_out.rejected,
                                  std::min(o.groups, static_cast<std::size_t>(held_out.chosen.size(0))), o.confidence);
  fmt::print("held-out pairs by their bonus\n  {:>6} {:>10} {:>26} {:>26}\n", "pairs", "bonus", "accuracy", "loss");
  ordered_json all = ordered_json::array();
  for (const calibration_group& g : groups) {
    fmt::print("  {:>6} {:>10.4g} {:>26} {:>26}\n", g.pairs, g.bonus, with_interval(g.accuracy), with_interval(g.loss));
    all.push_back(
        {{"pairs", g.pairs}, {"bonus", g.bonus}, {"accuracy", to_json(g.accuracy)}, {"loss", to_json(g.loss)}});
  }
  return all;
}

// Several answers to each prompt, each with the reward that a model of its own gave it.
struct candidate_set {
  std::vector<std::vector<double>> judged;
  std::vector<at::Tensor> features;
};

candidate_set read_candidates(const pessimism_options& o, const language_model& model, const text_coder& coder) {
  candidate_set set;
  const encoding_options encoding = o.encoding(static_cast<std::size_t>(model.config().context));
  sim::json_lines_reader lines(o.candidates);
  for (sim::json object; lines.next(object);) {
    record_set records{.name = o.candidates.string(), .format = data_format::prompt_completion, .records = {}};
    sample_encoder encoder(records, coder, encoding);
    record r;
    r.prompt = lines.text(object, "prompt");
    r.place = lines.place();
    if (!object.contains("candidates") || !object["candidates"].is_array() || object["candidates"].empty())
      throw sim::user_error(
          fmt::format("{}: field \"candidates\": expected a list, as generate --best-of writes it", r.place));
    std::vector<encoded_answer> answers;
    std::vector<double>& judged = set.judged.emplace_back();
    for (const sim::json& candidate : object["candidates"]) {
      if (!candidate.is_object() || !candidate.contains("reward") || !candidate["reward"].is_number())
        throw sim::user_error(
            fmt::format("{}: field \"candidates\": expected objects with \"text\" and \"reward\"", r.place));
      r.answer = lines.text(candidate, "text");
      const auto parts = encoder.encode(r, {&r.answer});
      if (!parts)
        throw sim::user_error(
            fmt::format("{}: expected at most {} tokens, found more (--too-long)", r.place, encoding.max_length));
      answers.push_back(side_by_side(parts->prompt, parts->answers[0], parts->complete[0]));
      judged.push_back(candidate["reward"].get<double>());
    }
    set.features.push_back(answer_features(model, answers, o.batch));
  }
  if (set.judged.empty())
    throw sim::user_error(fmt::format("{}: expected candidates, found none", o.candidates.string()));
  return set;
}

// What the judge gives to the answers that the pessimistic reward chooses, and how much more than to the plug-in's.
ordered_json best_of_n(const pessimism_options& o, const linear_answer_reward& reward, const candidate_set& set) {
  const auto chosen_by = [&](double radius) {
    std::vector<double> values;
    for (std::size_t i = 0; i < set.judged.size(); ++i) {
      const std::vector<double> r = reward.rewards(set.features[i], radius);
      values.push_back(set.judged[i][static_cast<std::size_t>(std::max_element(r.begin(), r.end()) - r.begin())]);
    }
    return values;
  };
  std::vector<double> any, best;
  for (const std::vector<double>& judged : set.judged) {
    any.push_back(sim::mean(judged));
    best.push_back(*std::max_element(judged.begin(), judged.end()));
  }
  const std::vector<double> plug_in = chosen_by(0);
  ordered_json out{{"prompts", set.judged.size()},
                   {"any", to_json(sim::mean_interval(any, o.confidence))},
                   {"best", to_json(sim::mean_interval(best, o.confidence))}};
  fmt::print(
      "best of n, {} prompts, in the judge's reward\n  any answer {}, the judge's own choice {}\n  {:>8} {:>28} "
      "{:>32}\n",
      set.judged.size(), with_interval(sim::mean_interval(any, o.confidence)),
      with_interval(sim::mean_interval(best, o.confidence)), "radius", "reward", "more than the plug-in");
  for (const double radius : o.radii) {
    const std::vector<double> values = chosen_by(radius);
    const sim::estimate mean = sim::mean_interval(values, o.confidence),
                        more = sim::mean_interval(sim::paired_differences(values, plug_in), o.confidence);
    fmt::print("  {:>8.4g} {:>28} {:>32}\n", radius, with_interval(mean), with_interval(more));
    out["radii"].push_back({{"radius", radius}, {"reward", to_json(mean)}, {"more_than_plug_in", to_json(more)}});
  }
  return out;
}

int run_pessimism(const pessimism_options& o) {
  const language_model model = load_with_adapter(
      o.model, {.device = o.prepare_device(), .head = head_kind::language_model, .check_finite = true});
  const text_coder coder = coder_for(o.model, model.config());
  const side_features training = features_of(o.data, o, model, coder),
                      held_out = features_of(o.held_out, o, model, coder);
  const linear_answer_reward reward = fit_linear_answer_reward(training.chosen, training.rejected, o.reward);
  const double radius =
      confidence_radius({.rank = reward.estimate.rank,
                         .max_row_norm = (training.chosen - training.rejected).norm(2, 1).max().item<double>(),
                         .bound = o.reward.bound,
                         .lambda = o.reward.lambda});
  fmt::print("{} comparisons, {} features of rank {}; ||theta|| {:.4g} of at most {:g}; Lemma A.1's radius {:.3g}\n",
             training.chosen.size(0), training.chosen.size(1), reward.estimate.rank, reward.estimate.norm,
             o.reward.bound, radius);
  ordered_json out{{"format", "rto-pessimism/1"},
                   {"comparisons", training.chosen.size(0)},
                   {"rank", reward.estimate.rank},
                   {"norm", reward.estimate.norm},
                   {"converged", reward.estimate.converged},
                   {"confidence_radius", sim::number(radius)}};
  out["calibration"] = calibrated(o, reward, held_out);
  if (!o.candidates.empty()) out["best_of_n"] = best_of_n(o, reward, read_candidates(o, model, coder));
  if (!o.output.empty()) sim::write_file(o.output, out.dump(1) + "\n");
  return 0;
}

const sim::registered_command command{
    "pessimism", "Algorithm 1's linear reward on a model's hidden states: its bonus against held-out errors, best of n",
    [](CLI::App& app) {
      auto o = std::make_shared<pessimism_options>();
      app.add_option("--model", o->model, "The language model whose hidden states are the features")
          ->required()
          ->type_name("DIR");
      app.add_option("--data", o->data, "Comparisons to learn from")->required()->type_name("FILE");
      app.add_option("--eval-data", o->held_out, "Held-out comparisons")->required()->type_name("FILE");
      app.add_option("--candidates", o->candidates, "Answers of generate --best-of, whose reward model is the judge")
          ->type_name("FILE");
      app.add_option("--radius", o->radii, "Weights of the bonus that are tried on the candidates")
          ->check(CLI::NonNegativeNumber);
      app.add_option("--bound", o->reward.bound, "Largest norm of theta")
          ->check(CLI::PositiveNumber)
          ->capture_default_str();
      app.add_option("--lambda", o->reward.lambda, "Ridge of the covariance")
          ->check(CLI::PositiveNumber)
          ->capture_default_str();
      app.add_option("--groups", o->groups, "Parts of the held-out pairs")
          ->check(CLI::PositiveNumber)
          ->capture_default_str();
      app.add_option("--confidence", o->confidence, "Level of the intervals")
          ->check(CLI::Range(0.5, 0.9999))
          ->capture_default_str();
      app.add_option("--batch", o->batch, "Answers of one pass")->check(CLI::PositiveNumber)->capture_default_str();
      app.add_option("--output", o->output, "The same numbers as JSON")->type_name("FILE");
      o->declare_data(app, "Data");
      o->declare_compute(app, "Run");
      return [o] { return run_pessimism(*o); };
    }};

}  // namespace
}  // namespace rto::llm
