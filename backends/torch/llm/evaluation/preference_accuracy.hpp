#pragma once
// How a reward orders pairs of answers of which people preferred one.
#include "llm/evaluation/answer_scorer.hpp"
#include "llm/judging/win_rate.hpp"

namespace rto::llm {

struct preference_summary {
  std::int64_t pairs = 0, ties = 0;
  sim::estimate accuracy;  ///< share of pairs whose preferred answer has the larger reward, an equal one counting half
  sim::estimate margin;    ///< mean of r(preferred) - r(other), reward units
  sim::estimate loss;      ///< mean of -log sigma(r(preferred) - r(other)), nats (`preference_loss`)
  sim::estimate longer;    ///< the accuracy of preferring the answer of more tokens: what length alone would reach
};

/// \param confidence of all intervals: Wilson's for shares without ties, else Student's t
/// \throws std::invalid_argument without pairs
preference_summary summarize_preferences(std::span<const encoded_pair> pairs, const answer_scorer& reward,
                                         double confidence = 0.95);

}  // namespace rto::llm
