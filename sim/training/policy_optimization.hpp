#pragma once
// Algorithm 2 on a token tree: rollouts, token rewards, advantages, and epochs of clipped updates.
#include <cstdint>
#include <functional>
#include <vector>

#include <rto/algorithm/token_policy_step.hpp>

#include "sim/training/softmax_policy.hpp"

namespace rto::sim {

enum class critic_kind {
  exact,    // V^pi of the reward at hand, by dynamic programming before every rollout
  learned,  // trained from zero on the value targets
};

/// Where segments of tokens end, for rewards paid by the segment: after every `chunk` tokens, or at the delimiter.
enum class segment_rule { chunk, delimiter };

struct policy_optimization_options {
  token_policy_options step{};
  std::int64_t iterations = 100;  // rollouts
  std::int64_t batch = 256;       // answers a rollout
  std::int64_t minibatch = 16;    // answers an update
  std::int64_t epochs = 2;        // passes over a rollout
  double policy_rate = 0.03;      // of Adam, falling linearly to 0
  double value_rate = 0.03;
  critic_kind critic = critic_kind::learned;
  segment_rule segments = segment_rule::delimiter;
  std::int64_t chunk = 2;           // tokens a chunk
  bool measure_advantages = false;  // fills rollout_record::advantage_error, at the cost of an exact critic
};

/// What a recipe's terms are read from, edge tables [N, A] each; a recipe that does not use one may leave it null.
struct reward_tables {
  const edge_table* log_reference = nullptr;
  const edge_table* log_dpo = nullptr;
  const edge_table* score = nullptr;  // of a token reward model; its sum along the answer is the sequence reward
};

/// One rollout's figures.
struct rollout_record {
  std::int64_t samples = 0;       // answers sampled before this rollout
  double reward = 0;              // mean of sum_t of the reward without its KL term, reward units
  double kl = 0;                  // mean of sum_t log(pi / pi_ref), nats
  double length = 0;              // mean, tokens
  double advantage_variance = 0;  // of the raw advantages over tokens, reward units squared
  double advantage_error = 0;     // mean square of raw minus exact advantages, reward units squared; where asked for
  double explained_variance = 0;  // of the value targets, by the critic
  double first_log_ratio = 0;     // max |log rho| at the first update: 0 to rounding
};

/// Called before every rollout with what is known of the ones before, and once at the end. \returns false to stop
using policy_observer = std::function<bool(std::int64_t samples, const softmax_policy&)>;

/// Runs Algorithm 2 on `policy`, in place.
/// \param value_features of the learned critic, item s
/// \returns a record for every rollout
std::vector<rollout_record> optimize_policy(const token_world& world, softmax_policy& policy,
                                            const indexed_features& value_features, const reward_tables& rewards,
                                            const policy_optimization_options& options, stream& rng,
                                            const policy_observer& observer = {});

/// The reward of a recipe without its KL term as one of edges [N, A], paid as it accrues: every placement of the recipe
/// adds up to it along an answer. \throws std::invalid_argument where a clip of the sequence reward makes that
/// impossible
edge_table accruing_reward(const reward_tables& rewards, const token_reward_recipe& recipe);

}  // namespace rto::sim
