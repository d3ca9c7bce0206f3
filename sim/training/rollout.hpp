#pragma once
// Sampling answers from a softmax policy, and laying them out as arrays [batch, time].
#include <algorithm>
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
    return at_tokens([&](std::int64_t s, std::int64_t a) { return edge.data()[s * edge.cols() + a]; });
  }
  /// Values of the states along the answers, 0 in the padding.
  template <class F> edge_table of_states(const F& value) const {
    return at_tokens([&](std::int64_t s, std::int64_t) { return value(s); });
  }

 private:
  // Everywhere, and then 0 in the padding: no branch that depends on where answers end.
  template <class F> edge_table at_tokens(const F& number) const {
    edge_table out(batch, time);
    for (std::size_t i = 0; i < state.size(); ++i)
      out.data()[i] = number(std::max<std::int64_t>(state[i], 0), std::max<std::int64_t>(token[i], 0));
    return array::select(mask, out, 0.0);
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
