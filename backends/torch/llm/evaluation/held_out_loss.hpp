#pragma once
// How well a language model predicts texts that it was not trained on.
#include <span>

#include "llm/data/preference_sample.hpp"
#include "llm/model/language_model.hpp"
#include "sim/statistics/estimate.hpp"

namespace rto::llm {

struct held_out_loss {
  std::int64_t samples = 0, tokens = 0;  ///< with, and of, tokens to be predicted
  sim::estimate loss;                    ///< -sum log pi / tokens, nats a token
  sim::estimate perplexity;              ///< exp(loss)
};

/// L = sum_i nll_i / sum_i n_i over samples i of n_i tokens. Interval: samples are independent, tokens of one are not;
/// the ratio's variance by linearisation, residuals nll_i - L n_i.
/// \source W. G. Cochran 1977, "Sampling Techniques", section 2.11 (ratio estimates)
/// \param batch samples of one pass
/// \throws std::invalid_argument without a token to be predicted
held_out_loss evaluate_loss(const language_model& model, std::span<const encoded_answer> samples, std::size_t batch,
                            double confidence = 0.95);

}  // namespace rto::llm
