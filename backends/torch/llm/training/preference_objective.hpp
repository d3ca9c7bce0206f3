#pragma once
// Direct preference optimisation and its relatives on pairs of answers.
#include <optional>
#include <vector>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "llm/training/pair_loss.hpp"
#include "llm/training/training_loop.hpp"

namespace rto::llm {

/// Where log pi_ref comes from. At most one of the two is set; none for losses without a reference.
struct pair_reference {
  const language_model* model = nullptr;  ///< beside every step
  /// Sums over tokens, computed before: [pairs, 2] float on the host, chosen then rejected.
  at::Tensor precomputed;
  bool same_weights = false;  ///< the policy begins as the reference: then the first loss is known ...
  double rounding = 1e-3;     ///< ... up to this (precomputed scores come from other micro-batches)
};

/// The mean over the pairs of a step of `pair_loss`.
class preference_objective : public objective {
 public:
  /// \param model, samples, what the reference points to outlive the objective
  /// \throws std::invalid_argument where the loss needs a reference, or the divergence from one, that is not there
  preference_objective(const language_model& model, const std::vector<encoded_pair>& samples,
                       const pair_loss_options& options, pair_reference reference, bool recompute = false);

  [[nodiscard]] std::size_t size() const override { return samples_.size(); }
  void begin(std::span<const std::size_t> samples) override { pairs_ = static_cast<double>(samples.size()); }
  [[nodiscard]] at::Tensor loss(std::span<const std::size_t> samples, metric_sums& metrics) override;
  [[nodiscard]] std::int64_t tokens(std::size_t sample) const override;
  /// log 2 for the sigmoid loss (and what the others have) where the policy begins as the reference.
  void check_first_loss(double loss) const override;

 private:
  struct both_sides {
    side_scores chosen, rejected;
  };
  both_sides score(std::span<const std::size_t> samples) const;

  const language_model& model_;
  const std::vector<encoded_pair>& samples_;
  pair_loss_options options_;
  pair_reference reference_;
  bool recompute_;
  double pairs_ = 0;
};

/// The chosen answers of some pairs, then the rejected ones.
std::vector<encoded_answer> answers_of(const std::vector<encoded_pair>& pairs, std::span<const std::size_t> samples);

/// [pairs, 2] for `pair_reference::precomputed`.
at::Tensor precompute_reference(const language_model& model, const std::vector<encoded_pair>& pairs,
                                std::size_t micro_batch);

}  // namespace rto::llm
