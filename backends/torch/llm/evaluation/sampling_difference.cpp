#include "llm/evaluation/sampling_difference.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "llm/training/answer_batch.hpp"

namespace rto::llm {

sampling_difference compare_with_scoring(const language_model& model, std::span<const token_ids> prompts,
                                         std::span<const generated_text> answers, std::size_t batch) {
  const at::NoGradGuard no_gradients;
  sampling_difference found;
  for (std::size_t from = 0; from < answers.size(); from += batch) {
    const std::size_t count = std::min(batch, answers.size() - from);
    std::vector<encoded_answer> part;
    for (std::size_t i = from; i < from + count; ++i) part.push_back(side_by_side(prompts[i], answers[i].tokens));
    const at::Tensor scores =
        answer_log_probabilities(model, make_answer_batch(part, model.device())).to(at::kCPU, at::kFloat).contiguous();
    const auto scored = scores.accessor<float, 2>();
    for (std::size_t i = 0; i < count; ++i) {
      const std::vector<float>& sampled = answers[from + i].log_probabilities;
      for (std::size_t t = 0; t < sampled.size(); ++t) {
        const double d = scored[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(t)] - sampled[t];
        found.largest = std::isnan(d) ? d : std::max(found.largest, std::abs(d));
        ++found.tokens;
      }
    }
  }
  return found;
}

}  // namespace rto::llm
