#pragma once
// Human preferences between texts, as tokens: what the real-data experiment learns from.
#include <filesystem>
#include <string>
#include <vector>

#include "sim/data/text_features.hpp"

namespace rto::sim {

/// A response and, where people marked them, which of its tokens are wrong.
struct tokenized_response {
  std::vector<text_token> tokens;
  std::vector<bool> in_error;  // empty: not marked
};

/// One comparison: indices of the preferred and of the other response.
struct preference_pair {
  int preferred = 0, other = 0;
  int cluster = 0;  // comparisons of one prompt stay on one side of a split
};

struct preference_corpus {
  std::vector<tokenized_response> responses;
  std::vector<preference_pair> pairs;
  std::vector<int> marked;  // responses with error spans; response i belongs to cluster marked_cluster[k]
  std::vector<int> marked_cluster;
  int clusters = 0;
};

/// HH-RLHF, harmless-base: `preference/hh-rlhf-harmless-base/test.public.jsonl.gz` (or test.jsonl.gz) below `folder`.
/// Every line is a cluster. \throws user_error
preference_corpus load_harmless_base(const std::filesystem::path& folder);

/// QA-Feedback: `preference/qa-feedback/dev_feedback.public.json.gz` (or dev_feedback.json) below `folder`. Every
/// question is a cluster of up to six comparisons; answers 1 carry the error spans. \throws user_error
preference_corpus load_qa_feedback(const std::filesystem::path& folder);

}  // namespace rto::sim
