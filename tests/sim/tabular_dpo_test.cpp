// DPO fitted on small trees: what the claim eq-4.3-4.6 compares with maximum likelihood.
#include <cmath>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>

#include <rto/loss/dpo_loss.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/reward/reward_mle.hpp>

#include "sim/experiments/tabular_dpo.hpp"
#include "support/catch.hpp"

using rto::sim::dpo_fit;
using rto::sim::dpo_problem;
using table = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

namespace {

// Two tokens, two steps: rows root, after 0, after 1; the trajectories 00, 01, 10, 11 and all their pairs.
dpo_problem two_step_problem(const matrix& features, boost::random::mt19937_64& rng) {
  boost::random::normal_distribution<double> normal;
  table logits(3, 2);
  for (double& x : logits.reshaped()) x = normal(rng);
  matrix on = matrix::Zero(4, 6);
  on << 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1;
  dpo_problem p{.log_reference = rto::policy_from_logits(logits), .features = features, .beta = 0.4};
  p.difference = p.label = p.weight = matrix(6, 1);
  p.difference.resize(6, 6);
  Eigen::Index row = 0;
  for (int i = 0; i < 4; ++i)
    for (int j = i + 1; j < 4; ++j, ++row) {
      p.difference.row(row) = on.row(i) - on.row(j);
      p.label(row, 0) = 0.5 + 0.4 * std::tanh(normal(rng));
      p.weight(row, 0) = 1.0 + static_cast<double>(row);
    }
  return p;
}

// The loss at w, from its definition: one pair at a time.
double loss_at(const dpo_problem& p, const matrix& w) {
  const matrix shift = p.features * w;
  const table log_policy = rto::log_softmax(table(p.log_reference + shift.reshaped<Eigen::RowMajor>(3, 2).array()));
  double loss = 0;
  for (Eigen::Index i = 0; i < p.difference.rows(); ++i) {
    double policy = 0, reference = 0;
    for (Eigen::Index edge = 0; edge < 6; ++edge) {
      policy += p.difference(i, edge) * log_policy.data()[edge];
      reference += p.difference(i, edge) * p.log_reference.data()[edge];
    }
    const double won = rto::dpo_loss(policy, reference, {.beta = p.beta});
    const double lost = rto::dpo_loss(-policy, -reference, {.beta = p.beta});
    loss += p.weight(i, 0) * (p.label(i, 0) * won + (1 - p.label(i, 0)) * lost);
  }
  return loss / p.weight.sum();
}

}  // namespace

TEST_CASE("DPO on one pair of answers fits the share of wins") {
  dpo_problem p{.log_reference = table(1, 2), .features = matrix::Identity(2, 2), .beta = 0.3};
  p.log_reference << std::log(0.9), std::log(0.1);
  p.difference = matrix(1, 2);
  p.difference << 1, -1;
  p.label = matrix::Constant(1, 1, 0.2), p.weight = matrix::Ones(1, 1);
  const dpo_fit fit = fit_dpo(p);
  CHECK(fit.converged);
  CHECK(rto::array::sigmoid(fit.margin(0, 0)) == Approx(0.2).epsilon(1e-9));
  // log pi(0)/pi(1) = log 9 + log(0.2 / 0.8) / beta
  CHECK(fit.log_policy(0, 0) - fit.log_policy(0, 1) == Approx(std::log(9.0) - std::log(4.0) / 0.3).epsilon(1e-9));
}

TEST_CASE("with every reward and every policy allowed, DPO and maximum likelihood fit the same probabilities") {
  boost::random::mt19937_64 rng(51);
  for (int k = 0; k < 20; ++k) {
    const dpo_problem p = two_step_problem(matrix::Identity(6, 6), rng);
    const dpo_fit fit = fit_dpo(p);
    const rto::comparison_set<matrix> comparisons{matrix(p.difference * p.features), p.label, p.weight};
    const auto mle = rto::reward_mle(comparisons);
    REQUIRE(fit.converged);
    REQUIRE(mle.converged);
    const table by_mle = rto::array::sigmoid(table((comparisons.features * mle.theta).array()));
    CHECK((rto::array::sigmoid(fit.margin) - by_mle).abs().maxCoeff() <= 1e-6);
  }
}

TEST_CASE("with one feature for both they differ, and each is the best of its class") {
  boost::random::mt19937_64 rng(52);
  boost::random::normal_distribution<double> normal;
  double largest = 0;
  for (int k = 0; k < 20; ++k) {
    matrix feature(6, 1);
    for (double& x : feature.reshaped()) x = normal(rng);
    const dpo_problem p = two_step_problem(feature, rng);
    const dpo_fit fit = fit_dpo(p);
    REQUIRE(fit.converged);
    // No other logit on a grid has a smaller loss.
    for (double w = -30; w <= 30; w += 0.05) CHECK(loss_at(p, matrix::Constant(1, 1, w)) >= fit.loss - 1e-12);
    const rto::comparison_set<matrix> comparisons{matrix(p.difference * p.features), p.label, p.weight};
    const table by_mle =
        rto::array::sigmoid(table((comparisons.features * rto::reward_mle(comparisons).theta).array()));
    largest = std::max(largest, (rto::array::sigmoid(fit.margin) - by_mle).abs().maxCoeff());
  }
  CHECK(largest > 0.05);
}

TEST_CASE("dpo_gradient_norm is the largest derivative of the loss") {
  boost::random::mt19937_64 rng(53);
  const dpo_problem p = two_step_problem(matrix::Identity(6, 6), rng);
  double largest = 0;
  constexpr double h = 1e-5;
  for (Eigen::Index k = 0; k < 6; ++k) {
    const matrix step = h * matrix(matrix::Identity(6, 6).col(k));
    largest = std::max(largest, std::abs(loss_at(p, step) - loss_at(p, -step)) / (2 * h));
  }
  CHECK(dpo_gradient_norm(p, p.log_reference) == Approx(largest).epsilon(1e-6));
  CHECK(largest > 1e-3);
}
