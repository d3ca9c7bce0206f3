#include "llm/online/rollout.hpp"

#include <stdexcept>
#include <utility>

namespace rto::llm {

rollout sample_rollout(const language_model& policy, std::span<const token_ids> prompts,
                       std::int64_t answers_per_prompt, const generation_options& options) {
  if (prompts.empty() || answers_per_prompt < 1)
    throw std::invalid_argument("rto::sample_rollout: at least one prompt and one answer to each");
  std::vector<token_ids> repeated;
  for (const token_ids& prompt : prompts)
    repeated.insert(repeated.end(), static_cast<std::size_t>(answers_per_prompt), prompt);
  std::vector<generated_text> texts = generate(policy, repeated, options);
  rollout sampled{.answers = {}, .sampler_log_probabilities = {}, .answers_per_prompt = answers_per_prompt};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    sampled.answers.push_back(side_by_side(repeated[i], texts[i].tokens, texts[i].reason == finish_reason::stop));
    sampled.sampler_log_probabilities.push_back(std::move(
        options.sampling.temperature == 1 ? texts[i].log_probabilities : texts[i].sampling_log_probabilities));
  }
  return sampled;
}

}  // namespace rto::llm
