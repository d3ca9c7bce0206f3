#pragma once
// A reward model from pairs of answers: the score of the last token of each.
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "llm/training/training_loop.hpp"

namespace rto::llm {

/// r(x, y) of whole texts, [texts, 1] float: the score at the last token, found by the text's length and never by
/// looking for padding.
at::Tensor text_rewards(const language_model& model, const std::vector<token_ids>& texts, bool recompute = false);

/// The mean over the pairs of a step of `reward_model_loss`.
class reward_objective : public objective {
 public:
  /// \param model one with a score head; it and the samples outlive the objective
  /// \param centering c of reward_model_loss  \param margins use the pairs' margins where they have one
  reward_objective(const language_model& model, const std::vector<encoded_pair>& samples, double centering = 0,
                   bool margins = true, bool recompute = false);

  [[nodiscard]] std::size_t size() const override { return samples_.size(); }
  void begin(std::span<const std::size_t> samples) override { pairs_ = static_cast<double>(samples.size()); }
  [[nodiscard]] at::Tensor loss(std::span<const std::size_t> samples, metric_sums& metrics) override;
  [[nodiscard]] std::int64_t tokens(std::size_t sample) const override;

 private:
  const language_model& model_;
  const std::vector<encoded_pair>& samples_;
  double centering_;
  bool margins_, recompute_;
  double pairs_ = 0;
};

}  // namespace rto::llm
