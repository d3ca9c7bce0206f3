#pragma once
// From a row of logits to a token.
#include <cstdint>
#include <span>
#include <vector>

#include "llm/text/token.hpp"

namespace rto::llm {

/// Applied in this order, which is that of transformers; each where it differs from its neutral value.
struct sampling_options {
  double repetition_penalty = 1;  // of the tokens seen: a positive logit is divided by it, another one multiplied
  double temperature = 1;         // 0: the most probable token
  std::int64_t top_k = 0;         // the k largest, with all that equal the last of them; 0: all
  double top_p = 1;               // the fewest most probable tokens of at least this probability together
  double min_p = 0;               // at least this share of the largest probability
};

/// \throws std::domain_error `rto::llm::sampling: temperature must be at least 0, got -1`
void require_valid(const sampling_options& options);

/// What a row of logits leaves to be sampled.
struct token_distribution {
  std::vector<std::int32_t> tokens;   // most probable first; ids in ascending order among equals
  std::vector<double> probabilities;  // sum to 1
};
/// \param logits changed where a penalty applies  \param seen tokens of the prompt and the answer so far
/// \source the logits processors of transformers
token_distribution make_token_distribution(std::span<float> logits, std::span<const token_id> seen,
                                           const sampling_options& options);

struct sampled_token {
  token_id token = 0;
  float log_probability = 0;           // by the logits as the model gave them: what a trainer computes
  float sampling_log_probability = 0;  // by the distribution it was drawn from
};
/// The token at `uniform` in [0, 1) of the cumulative distribution. Without truncation it passes over the row twice and
/// allocates nothing of its size.
sampled_token sample(std::span<float> logits, std::span<const token_id> seen, const sampling_options& options,
                     double uniform);

/// Uniform number of a step of a sequence: a function of these three, whatever is generated beside it.
/// \source J. Salmon, M. Moraes, R. Dror, D. Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox 4x64)
double sampling_uniform(std::uint64_t seed, std::uint64_t sequence, std::uint64_t step);

}  // namespace rto::llm
