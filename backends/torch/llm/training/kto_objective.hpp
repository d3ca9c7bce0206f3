#pragma once
// KTO: answers that are each labelled good or bad.
#include <vector>

#include <rto/loss/kto_loss.hpp>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "llm/training/training_loop.hpp"

namespace rto::llm {

/// Where log pi_ref comes from: a model beside every step, or sums over tokens computed before.
struct labelled_reference {
  const language_model* model = nullptr;
  /// [answers, 2] float on the host: of every answer, and of the text by which it enters the reference point.
  at::Tensor precomputed;
  bool same_weights = false;  ///< the policy begins as the reference: then the first loss is known ...
  double rounding = 1e-3;     ///< ... up to this
};

/// The mean over the answers of a step of `kto_loss`; its reference point is that of the whole step, from the prompt of
/// every answer with the answer before it in the data set (the last one before the first).
class kto_objective : public objective {
 public:
  /// \throws std::invalid_argument without a reference
  kto_objective(const language_model& model, const std::vector<labelled_answer>& samples, const kto_options& options,
                labelled_reference reference, std::size_t micro_batch, bool recompute = false);

  [[nodiscard]] std::size_t size() const override { return samples_.size(); }
  void begin(std::span<const std::size_t> samples) override;
  [[nodiscard]] at::Tensor loss(std::span<const std::size_t> samples, metric_sums& metrics) override;
  [[nodiscard]] std::int64_t tokens(std::size_t sample) const override;
  void check_first_loss(double loss) const override;

 private:
  at::Tensor reference_of(std::span<const std::size_t> samples, const std::vector<encoded_answer>& answers,
                          std::int64_t column) const;

  const language_model& model_;
  const std::vector<labelled_answer>& samples_;
  kto_options options_;
  labelled_reference reference_;
  std::size_t micro_batch_;
  bool recompute_;
  double answers_ = 0, reference_point_ = 0, first_loss_ = 0;
};

/// The prompt of a sample with the answer of the one before it.
encoded_answer mismatched(const std::vector<labelled_answer>& samples, std::size_t sample);

/// [answers, 2] for `labelled_reference::precomputed`.
at::Tensor precompute_reference(const language_model& model, const std::vector<labelled_answer>& samples,
                                std::size_t micro_batch);

}  // namespace rto::llm
