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

std::vector<std::vector<double>> win_rates(const token_world& world,
                                           const std::vector<std::vector<double>>& probabilities, judge by) {
  using matrix = Eigen::MatrixXd;
  const auto policies = static_cast<Eigen::Index>(probabilities.size());
  const std::span<const double> rho = world.tree.start_distribution();
  matrix wins = matrix::Zero(policies, policies);
  constexpr Eigen::Index block = 128;  // rows of the table of judgements held at once
  for (std::size_t k = 0; k + 1 < world.first_answer.size(); ++k) {
    const Eigen::Index from = world.first_answer[k], n = world.first_answer[k + 1] - from;
    matrix p(n, policies);
    for (Eigen::Index j = 0; j < policies; ++j)
      p.col(j) = Eigen::Map<const Eigen::VectorXd>(probabilities[static_cast<std::size_t>(j)].data() + from, n);
    const Eigen::Map<const Eigen::ArrayXd> r(world.answer_reward.data() + from, n);
    for (Eigen::Index i = 0; i < n; i += block) {
      const Eigen::Index rows = std::min(block, n - i);
      Eigen::ArrayXXd verdict(rows, n);  // P(answer i beats answer j)
      for (Eigen::Index a = 0; a < rows; ++a) {
        const Eigen::ArrayXd margin = r(i + a) - r;
        if (by == judge::bradley_terry)
          verdict.row(a) = (1 / (1 + (-margin).exp())).transpose();
        else
          verdict.row(a) = ((margin > 0).cast<double>() + 0.5 * (margin == 0).cast<double>()).transpose();
      }
      wins += rho[k] * p.middleRows(i, rows).transpose() * (verdict.matrix() * p);
    }
  }
  std::vector<std::vector<double>> rates(probabilities.size(), std::vector<double>(probabilities.size()));
  for (Eigen::Index i = 0; i < policies; ++i)
    for (Eigen::Index j = 0; j < policies; ++j)
      rates[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = wins(i, j);
  return rates;
}

}  // namespace rto::sim
