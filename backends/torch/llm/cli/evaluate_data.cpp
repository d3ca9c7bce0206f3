// rto-llm evaluate --data: held-out texts and preferences.
#include <fmt/format.h>

#include "llm/cli/evaluate_options.hpp"
#include "llm/cli/training_data.hpp"
#include "llm/evaluation/held_out_loss.hpp"
#include "llm/evaluation/preference_accuracy.hpp"
#include "llm/model/lora.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {
namespace {

using sim::ordered_json;

// Records as samples, none left: an error.
template <class Sample>
std::vector<Sample> samples_of(encoded_data<Sample> data, const std::string& file, ordered_json& out) {
  if (data.samples.empty()) throw sim::user_error(fmt::format("{}: no sample: {}", file, to_text(data.report)));
  out["left_out"] = data.report.records - std::min(data.report.records, data.report.samples);
  return std::move(data.samples);
}

ordered_json loss_of(const evaluate_options& o, const record_set& set, const std::string& file,
                     const language_model& model, const text_coder& coder) {
  ordered_json out;
  const auto samples = samples_of(
      encode_answers_or_blocks(set, coder, o.encoding(static_cast<std::size_t>(model.config().context)), false), file,
      out);
  const held_out_loss loss = evaluate_loss(model, samples, o.batch, o.confidence);
  fmt::print("{:<18} loss {} nats a token, perplexity {} ({} samples, {} tokens{})\n", "  language model",
             with_interval(loss.loss), with_interval(loss.perplexity), loss.samples, loss.tokens,
             kind_of(set.format) == data_kind::preference ? ", preferred answers" : "");
  out.update({{"samples", loss.samples},
              {"tokens", loss.tokens},
              {"loss", to_json(loss.loss)},
              {"perplexity", to_json(loss.perplexity)}});
  return out;
}

ordered_json accuracy_of(const evaluate_options& o, const record_set& set, const std::string& file,
                         const loaded_reward& reward) {
  ordered_json out;
  const auto pairs = samples_of(encode_pairs(set, reward.coder(), o.encoding(reward.context())), file, out);
  const preference_summary s = summarize_preferences(pairs, reward.scorer(o.batch), o.confidence);
  fmt::print("{:<18} accuracy {} ({} pairs, {} ties), margin {}, loss {}; preferring the longer answer: {}\n",
             "  " + reward.title(), with_interval(s.accuracy), s.pairs, s.ties, with_interval(s.margin),
             with_interval(s.loss), with_interval(s.longer));
  out.update({{"pairs", s.pairs},
              {"ties", s.ties},
              {"accuracy", to_json(s.accuracy)},
              {"margin", to_json(s.margin)},
              {"loss", to_json(s.loss)},
              {"longer_preferred", to_json(s.longer)}});
  return out;
}

}  // namespace

sim::ordered_json evaluate_data(const evaluate_options& o, at::Device device) {
  std::optional<language_model> model;
  std::optional<text_coder> coder;
  if (!o.model.empty()) {
    load_options options = o.loading(device);
    options.head = head_kind::language_model;
    model = load_with_adapter(o.model, options);
    coder = coder_for(o.model, model->config());
  }
  const auto rewards = load_rewards(o, o.loading(device));
  if (!model && rewards.empty())
    throw sim::user_error("--data: expected --model, --reward-model, or --policy and --reference to evaluate on it");
  ordered_json all = ordered_json::array();
  for (const std::string& file : o.data) {
    const record_set set = read_records(file, o.named_format());
    const bool comparisons = kind_of(set.format) == data_kind::preference;
    if (!comparisons && !rewards.empty())
      throw sim::user_error(fmt::format("{}: expected comparisons for a reward, found {} ({})", file,
                                        name_of(kind_of(set.format)), name_of(set.format)));
    fmt::print("{}\n", file);
    ordered_json out{{"file", file}};
    if (model) out["language_model"] = loss_of(o, set, file, *model, *coder);
    for (const auto& reward : rewards) out[reward->name()] = accuracy_of(o, set, file, *reward);
    all.push_back(std::move(out));
  }
  return all;
}

}  // namespace rto::llm
