#include "sim/training/world_evaluation.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include <rto/planning/kl_regularized_planning.hpp>

namespace rto::sim {

policy_figures figures_of(const token_world& world, const edge_table& log_policy, const edge_table& log_reference) {
  const std::vector<double> log_p = answer_sums(world, log_policy), log_q = answer_sums(world, log_reference);
  const std::span<const double> rho = world.tree.start_distribution();
  policy_figures figures;
  for_each_answer(world, [&](std::size_t prompt, std::size_t i) {
    const double p = rho[prompt] * std::exp(log_p[i]);
    if (p == 0) return;
    figures.reward += p * world.answer_reward[i];
    figures.kl += p * (log_p[i] - log_q[i]);
    figures.length += p * static_cast<double>(world.answer_length[i]);
  });
  return figures;
}

double expected_sum_along(const token_world& world, const edge_table& log_policy, const edge_table& edge) {
  const std::vector<double> p = answer_probabilities(world, log_policy), r = answer_sums(world, edge);
  const std::span<const double> rho = world.tree.start_distribution();
  double sum = 0;
  for_each_answer(world, [&](std::size_t prompt, std::size_t i) { sum += rho[prompt] * p[i] * r[i]; });
  return sum;
}

double optimal_objective(const token_world& world, const edge_table& log_reference, double beta) {
  return plan(world.tree, log_reference, world.reward, {.beta = beta}).objective;
}

}  // namespace rto::sim
