#pragma once
// Supervised fine-tuning: the answers' tokens made likely.
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "llm/training/training_loop.hpp"

namespace rto::llm {

/// -(1/N) sum log pi(y_t|s_t) over the N tokens to be predicted in the whole step (`sft_loss`): a token weighs the same
/// in whichever micro-batch it lies.
class sft_objective : public objective {
 public:
  /// \param model, samples outlive the objective  \param recompute see forward_options
  sft_objective(const language_model& model, const std::vector<encoded_answer>& samples, bool recompute = false);

  [[nodiscard]] std::size_t size() const override { return samples_.size(); }
  void begin(std::span<const std::size_t> samples) override;
  [[nodiscard]] at::Tensor loss(std::span<const std::size_t> samples, metric_sums& metrics) override;
  [[nodiscard]] std::int64_t tokens(std::size_t sample) const override;

 private:
  const language_model& model_;
  const std::vector<encoded_answer>& samples_;
  bool recompute_;
  double predicted_ = 0;  // tokens of the step
};

}  // namespace rto::llm
