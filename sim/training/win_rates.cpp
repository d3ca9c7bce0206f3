#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include <Eigen/Core>

#include "sim/training/world_evaluation.hpp"

namespace rto::sim {
namespace {

using matrix = Eigen::MatrixXd;

// Answers of one prompt: rewards [n], and in p [n, policies] how likely each policy gives them.
struct answers {
  Eigen::VectorXd reward;
  matrix p;
};

// sum_ab p_i(a) p_j(b) (1{r_a > r_b} + 1/2 1{r_a = r_b}): in the order of rewards a running sum is all that it takes.
matrix wins_by_reward(const answers& of) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(of.reward.size()));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return of.reward[a] < of.reward[b]; });
  const Eigen::Index policies = of.p.cols();
  matrix wins = matrix::Zero(policies, policies);
  Eigen::RowVectorXd below = Eigen::RowVectorXd::Zero(policies), tied(policies);
  for (std::size_t i = 0; i < order.size();) {
    tied.setZero();
    const double reward = of.reward[order[i]];
    for (; i < order.size() && of.reward[order[i]] == reward; ++i) tied += of.p.row(order[i]);
    wins.noalias() += tied.transpose() * (below + 0.5 * tied);
    below += tied;
  }
  return wins;
}

// Few rewards in the place of many, with the same expectations of sigma(r - x) under every policy: in pieces of length
// 2, the interpolation of sigma at Chebyshev's points. Its poles are pi away from the real axis, so that the error of m
// points falls as (pi + sqrt(pi^2 + 1))^-m, and 24 of them leave 1e-19.
answers condensed(const answers& of) {
  constexpr Eigen::Index points = 24;
  constexpr double length = 2;
  const double low = of.reward.minCoeff(), span = of.reward.maxCoeff() - low;
  const auto pieces = static_cast<Eigen::Index>(span / length) + 1;
  if (pieces * points >= of.reward.size()) return of;
  Eigen::ArrayXd node(points), weight(points);  // on [-1, 1], barycentric
  for (Eigen::Index k = 0; k < points; ++k) {
    const double angle = std::numbers::pi * (static_cast<double>(k) + 0.5) / static_cast<double>(points);
    node[k] = std::cos(angle);
    weight[k] = (k % 2 == 0 ? 1 : -1) * std::sin(angle);
  }
  answers few{Eigen::VectorXd(pieces * points), matrix::Zero(pieces * points, of.p.cols())};
  for (Eigen::Index piece = 0; piece < pieces; ++piece)
    few.reward.segment(piece * points, points) = low + length * (static_cast<double>(piece) + 0.5 * (1 + node));
  for (Eigen::Index a = 0; a < of.reward.size(); ++a) {
    const double position = (of.reward[a] - low) / length;
    const auto piece = std::min(static_cast<Eigen::Index>(position), pieces - 1);
    const Eigen::ArrayXd distance = 2 * (position - static_cast<double>(piece)) - 1 - node;
    Eigen::VectorXd share = weight / distance;
    Eigen::Index at = 0;
    if (distance.abs().minCoeff(&at) == 0)
      share = Eigen::VectorXd::Unit(points, at);
    else
      share /= share.sum();
    few.p.middleRows(piece * points, points).noalias() += share * of.p.row(a);
  }
  return few;
}

// sum_ab p_i(a) p_j(b) sigma(r_a - r_b)
matrix wins_by_bradley_terry(const answers& all) {
  const answers of = condensed(all);
  const Eigen::Index n = of.reward.size(), policies = of.p.cols();
  constexpr Eigen::Index block = 128;  // rows of the table of judgements held at once
  matrix wins = matrix::Zero(policies, policies);
  for (Eigen::Index i = 0; i < n; i += block) {
    const Eigen::Index rows = std::min(block, n - i);
    Eigen::ArrayXXd verdict(rows, n);  // P(answer i beats answer j)
    for (Eigen::Index a = 0; a < rows; ++a)
      verdict.row(a) = (1 / (1 + (of.reward.array() - of.reward[i + a]).exp())).transpose();
    wins += of.p.middleRows(i, rows).transpose() * (verdict.matrix() * of.p);
  }
  return wins;
}

}  // namespace

std::vector<std::vector<double>> win_rates(const token_world& world,
                                           const std::vector<std::vector<double>>& probabilities, judge by) {
  const auto policies = static_cast<Eigen::Index>(probabilities.size());
  const std::span<const double> rho = world.tree.start_distribution();
  matrix wins = matrix::Zero(policies, policies);
  for (std::size_t k = 0; k + 1 < world.first_answer.size(); ++k) {
    const Eigen::Index from = world.first_answer[k], n = world.first_answer[k + 1] - from;
    answers of{Eigen::Map<const Eigen::VectorXd>(world.answer_reward.data() + from, n), matrix(n, policies)};
    for (Eigen::Index j = 0; j < policies; ++j)
      of.p.col(j) = Eigen::Map<const Eigen::VectorXd>(probabilities[static_cast<std::size_t>(j)].data() + from, n);
    wins += rho[k] * (by == judge::bradley_terry ? wins_by_bradley_terry(of) : wins_by_reward(of));
  }
  std::vector<std::vector<double>> rates(probabilities.size(), std::vector<double>(probabilities.size()));
  for (Eigen::Index i = 0; i < policies; ++i)
    for (Eigen::Index j = 0; j < policies; ++j)
      rates[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = wins(i, j);
  return rates;
}

}  // namespace rto::sim
