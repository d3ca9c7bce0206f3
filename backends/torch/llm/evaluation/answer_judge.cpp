#include "llm/evaluation/answer_judge.hpp"

#include <fmt/format.h>

#include "llm/data/sample_encoder.hpp"
#include "sim/io/error.hpp"

namespace rto::llm {

scored_answers score_answers(const answer_file& answers, std::span<const std::size_t> which, const text_coder& coder,
                             const encoding_options& options, const answer_scorer& reward) {
  const record_set set{.name = answers.name, .format = data_format::prompt_completion, .records = {}};
  sample_encoder encoder(set, coder, options);
  // A chat template may have written what the encoder puts before a text itself.
  const std::string begin = coder.before.empty() ? "" : coder.decode(coder.before);
  scored_answers scored;
  for (const std::size_t i : which) {
    record r;
    r.prompt = answers.prompts[i].substr(answers.prompts[i].starts_with(begin) ? begin.size() : 0);
    r.answer = answers.responses[i];
    r.place = fmt::format("{}: answer {}", answers.name, i + 1);
    const auto parts = encoder.encode(r, {&r.answer});
    if (!parts)
      throw sim::user_error(
          fmt::format("{}: expected prompt and answer of at most {} tokens together, found more "
                      "(--max-length, --too-long)",
                      r.place, options.max_length));
    scored.samples.push_back(side_by_side(parts->prompt, parts->answers[0], parts->complete[0]));
  }
  scored.rewards = reward(scored.samples);
  return scored;
}

std::vector<judgement> judge(const answer_file& model, const answer_file& baseline,
                             const std::vector<answer_pair>& pairs, const text_coder& coder,
                             const encoding_options& options, const answer_scorer& reward) {
  std::vector<std::size_t> of_model, of_baseline;
  for (const answer_pair& p : pairs) {
    of_model.push_back(p.model);
    of_baseline.push_back(p.baseline);
  }
  const std::vector<double> a = score_answers(model, of_model, coder, options, reward).rewards,
                            b = score_answers(baseline, of_baseline, coder, options, reward).rewards;
  std::vector<judgement> judgements;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    judgements.push_back({.model = model.name,
                          .baseline = baseline.name,
                          .preference = a[i] > b[i]   ? 1.0
                                        : a[i] < b[i] ? 0.0
                                                      : 0.5,
                          .style = style_of(model.responses[pairs[i].model]),
                          .baseline_style = style_of(baseline.responses[pairs[i].baseline])});
  return judgements;
}

}  // namespace rto::llm
