#pragma once
// Clipped PPO on sampled answers beside exact policy iteration, on one random token world.
#include <cstdint>
#include <vector>

#include "sim/engine/stream.hpp"

namespace rto::sim {

struct clipped_against_exact_options {
  std::int64_t tokens = 3, horizon = 4;
  double beta = 0.5;             // KL coefficient, reward units a nat
  double clip = 0.2;             // of the probability ratio
  double share = 0.1;            // eta beta of the exact steps
  std::int64_t iterations = 60;  // rollouts, and exact steps
  std::int64_t batch = 256;      // answers a rollout
};

/// J* - J(pi) before every iteration and after the last [iterations + 1], reward units.
struct clipped_against_exact_gaps {
  std::vector<double> clipped, exact;
};

/// Both start at the pretrained model. The policy of PPO has a logit of its own for every state and token, its
/// advantages come from the sampled rewards r - beta log(pi / pi_ref) with the exact value of the policy as critic.
clipped_against_exact_gaps run_clipped_against_exact(const clipped_against_exact_options& options, stream& rng);

}  // namespace rto::sim
