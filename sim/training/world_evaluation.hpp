#pragma once
// What a policy is worth in a token world, exactly: by enumeration of all answers.
#include <cstdint>
#include <vector>

#include "sim/training/token_world.hpp"

namespace rto::sim {

/// Of one policy, expectations over prompts and answers.
struct policy_figures {
  double reward = 0;  // E R(x, y), reward units
  double kl = 0;      // E log(pi / pi_ref)(y|x), nats
  double length = 0;  // tokens
  double objective(double beta) const { return reward - beta * kl; }
};

/// \param log_policy, log_reference [N, A]
policy_figures figures_of(const token_world& world, const edge_table& log_policy, const edge_table& log_reference);

/// E of an edge reward summed along the answer, e.g. of a proxy. \param edge [N, A]
double expected_sum_along(const token_world& world, const edge_table& log_policy, const edge_table& edge);

/// J* of the true reward at KL coefficient `beta` > 0 to the reference.
double optimal_objective(const token_world& world, const edge_table& log_reference, double beta);

/// Who wins a comparison of two answers to one prompt.
enum class judge {
  true_reward,    // the one with the larger R, ties half
  bradley_terry,  // the first with probability sigma(R_1 - R_2)
};

/// P(an answer of policy i beats one of policy j), exactly (to rounding), for all pairs. \cost O(answers (policies^2 +
/// log answers)) \param probabilities `answer_probabilities` of every policy
std::vector<std::vector<double>> win_rates(const token_world& world,
                                           const std::vector<std::vector<double>>& probabilities, judge by);

}  // namespace rto::sim
