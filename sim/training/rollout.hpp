#pragma once
// Sampling answers from a softmax policy, and laying them out as arrays [batch, time].
#include <cstdint>
#include <vector>

#include "sim/training/softmax_policy.hpp"

namespace rto::sim {

/// Answers as rows of equal width; states and tokens are -1 in the padding.
struct sampled_answers {
  std::int64_t batch = 0, time = 0;
  std::vector<std::int64_t> state, token;  // [batch, time]
  std::vector<std::int64_t> length;        // [batch]
  edge_table mask;                         // [batch, time]
  edge_table log_policy;                   // [batch, time] of the sampling policy, 0 in the padding

  std::size_t at(std::int64_t b, std::int64_t t) const { return static_cast<std::size_t>(b * time + t); }
  /// Entries of an edge table [N, A] along the answers, 0 in the padding.
  edge_table along(const edge_table& edge) const {
    return at_tokens([&](std::size_t i) { return edge.data()[state[i] * edge.cols() + token[i]]; });
  }
  /// Values of the states along the answers, 0 in the padding.
  template <class F> edge_table of_states(const F& value) const {
    return at_tokens([&](std::size_t i) { return value(state[i]); });
  }

 private:
  template <class F> edge_table at_tokens(const F& number) const {
    edge_table out = edge_table::Zero(batch, time);
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::size_t i = at(b, 0); i < at(b, length[static_cast<std::size_t>(b)]); ++i) out.data()[i] = number(i);
    return out;
  }
};

/// Samples answers of one policy, whose rows are computed once for all answers that meet in a state.
class answer_sampler {
 public:
  explicit answer_sampler(const token_world& world);

  /// `batch` answers to prompts drawn from the prompt distribution. \cost O(tokens sampled A)
  sampled_answers sample(const softmax_policy& policy, std::int64_t batch, stream& rng);

 private:
  const token_world* world_;
  distinct_states visited_;
  edge_table log_pi_, cumulative_;  // [N, A], filled as far as there are visited states
};

}  // namespace rto::sim
