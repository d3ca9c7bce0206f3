#pragma once
// Supervised fine-tuning, the family of direct preference optimisation, and reward models, on answers of a token world.
#include <cstdint>
#include <vector>

#include "sim/training/softmax_policy.hpp"

namespace rto::sim {

/// Two answers to one prompt (places in token_world::answers), the preferred one first.
struct answer_pair {
  std::int64_t winner = 0, loser = 0;
  double weight = 1;
};

struct preference_data_options {
  std::int64_t pairs = 10000;
  double label_noise = 0;  // probability that a label is flipped, besides Bradley-Terry's own
};

/// Pairs of independent answers of `log_policy` to one prompt, labelled by Bradley-Terry under the true reward.
std::vector<answer_pair> draw_preferences(const token_world& world, const edge_table& log_policy,
                                          const preference_data_options& options, stream& rng);

/// All pairs of answers to one prompt of a small world, weighted as an infinite sample of `log_policy` would be.
std::vector<answer_pair> population_preferences(const token_world& world, const edge_table& log_policy);

enum class preference_method { dpo, r_dpo, simpo, tdpo };

struct preference_options {
  preference_method method = preference_method::dpo;
  double beta = 0.1;
  double alpha = 0.5;  // R-DPO: per token, reward units; TDPO: weight of the divergence
  double gamma = 0.3;  // SimPO: margin, reward units
  std::int64_t epochs = 1;
  std::int64_t minibatch = 32;
  double rate = 0.03;  // of Adam, falling linearly to 0
};

/// Maximum likelihood on the preferred answers: mean of -log pi(y_t|s_t) over tokens.
void fine_tune(const token_world& world, softmax_policy& policy, const std::vector<answer_pair>& pairs,
               const preference_options& options, stream& rng);

/// One of the methods on `policy`, in place. \param log_reference [N, A]
void optimize_preferences(const token_world& world, softmax_policy& policy, const edge_table& log_reference,
                          const std::vector<answer_pair>& pairs, const preference_options& options, stream& rng);

/// A token reward model r(s,a) whose sums over answers fit the pairs by Bradley-Terry maximum likelihood.
/// \param features of edges \returns [N, A], reward units
edge_table fit_token_reward(const token_world& world, const indexed_features& features,
                            const std::vector<answer_pair>& pairs, const preference_options& options, stream& rng);

}  // namespace rto::sim
