// Algorithm 1 end to end on a small token tree: preferences in, policy out, and what Theorem 4.2 says about it.
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include <boost/random/mersenne_twister.hpp>

#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/planning/suboptimality_gap.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/theory/concentrability.hpp>
#include <rto/theory/suboptimality.hpp>

using array_2d = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

int main() {
  // Three tokens, the last one ends the response; responses of at most three tokens; a uniform reference policy.
  const rto::token_trie tree = rto::full_trie({.actions = 3, .horizon = 3, .eos = 2});
  const array_2d log_reference = rto::log_softmax(array_2d::Zero(tree.states(), 3).eval());

  // Features of a token: is it 0, is it 1, and its place in the response. The true reward likes 0s and short responses.
  array_2d features = array_2d::Zero(tree.states() * 3, 3);
  for (Eigen::Index node = 0; node < tree.states(); ++node)
    for (Eigen::Index token = 0; token < 3; ++token)
      features.row(node * 3 + token) << (token == 0), (token == 1), 0.3 * static_cast<double>(tree.depth(node));
  matrix theta(3, 1);
  theta << 0.5, -0.3, -0.4;
  const array_2d reward = (features.matrix() * theta).array().reshaped<Eigen::RowMajor>(tree.states(), 3);

  // 400 pairs of responses of the reference policy; the preferred one by the Bradley-Terry model.
  boost::random::mt19937 rng(1);
  const rto::tabular_sampler reference(tree, log_reference);
  std::vector<rto::trajectory_pair> pairs(400);
  for (rto::trajectory_pair& pair : pairs) {
    pair.first = rto::sample_trajectory(tree, reference, rng).response;
    pair.second = rto::sample_trajectory(tree, reference, rng).response;
  }
  const auto differences = rto::compare_trajectories(tree, features, std::span<const rto::trajectory_pair>(pairs));
  const matrix labels = rto::sample_preferences(matrix(differences.features * theta), rng);
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].label = labels(static_cast<Eigen::Index>(i), 0);

  const double beta = 0.5;
  const auto optimum = rto::plan(tree, log_reference, reward, {.beta = beta});
  const auto visits = rto::occupancy(tree, optimum.log_policy);
  std::printf("radius    SubOpt     bound of Theorem 4.2, valid where the radius is at least the error\n");
  for (const double radius : {0.0, 0.3, 1.0, 4.0}) {
    const auto result =
        rto::pessimistic_reward_planning(tree, log_reference, features, std::span<const rto::trajectory_pair>(pairs),
                                         {.beta = beta, .lambda = 1, .radius = radius, .bound = 1});
    const auto value = rto::evaluate_policy(tree, result.plan.log_policy, log_reference, reward, beta);
    const double kl = rto::expected_sum(visits.visits, rto::kl_divergence(optimum.log_policy, result.plan.log_policy));
    const double coverage = rto::expected_bonus(visits.state_action_visits, result.bonus);
    const matrix error = result.estimate.theta - theta;
    const double norm = std::sqrt(rto::inner_product(error, matrix(result.covariance.matrix * error)));
    std::printf("%6.2f  %9.2e  %9.2e  (error %.2f: %s)\n", radius, rto::suboptimality_gap(optimum, value),
                rto::pessimism_bound(radius, coverage, beta, kl).total(), norm, radius >= norm ? "valid" : "not valid");
  }
}
