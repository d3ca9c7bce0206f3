#pragma once
// A random token tree with a linear reward and comparison data, for the tests of Algorithm 1 and of value pessimism.
#include <cstdint>
#include <span>
#include <vector>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>

#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/trajectory_features.hpp>
#include <rto/reward/linear_reward.hpp>

namespace rto::test {

using array_2d = eigen_array<double>;
using matrix = eigen_matrix<double>;

inline array_2d normal_array(Eigen::Index rows, Eigen::Index cols, boost::random::mt19937& rng) {
  boost::random::normal_distribution<double> normal;
  array_2d x(rows, cols);
  for (double& v : x.reshaped()) v = normal(rng);
  return x;
}

struct random_instance {
  token_trie tree;
  double beta;
  array_2d log_reference, features;  // [n, A], [n A, d]
  matrix theta;                      // theta* [d, 1]
  array_2d reward;
  std::vector<trajectory_pair> pairs;

  random_instance(const trie_shape& shape, Eigen::Index d, std::int64_t n, double kl_coefficient, unsigned seed)
      : tree(full_trie(shape)), beta(kl_coefficient) {
    boost::random::mt19937 rng(seed);
    log_reference = log_softmax(normal_array(tree.states(), tree.actions(), rng));
    features = 0.5 * normal_array(tree.states() * tree.actions(), d, rng);
    theta = normal_array(d, 1, rng).matrix();
    theta /= theta.norm();
    reward = reward_of(theta);
    draw_pairs(n, rng);
  }

  array_2d reward_of(const matrix& parameter) const {
    const matrix r = linear_reward(matrix(features.matrix()), parameter);
    return r.array().reshaped<Eigen::RowMajor>(tree.states(), tree.actions());
  }
  double value_of(const array_2d& log_policy, const array_2d& of_reward) const {
    return evaluate_policy(tree, log_policy, log_reference, of_reward, beta).objective;
  }
  double value_of(const array_2d& log_policy) const { return value_of(log_policy, reward); }

  // Two responses of the reference policy to one prompt, label by Bradley-Terry.
  void draw_pairs(std::int64_t n, boost::random::mt19937& rng) {
    const tabular_sampler policy(tree, log_reference);
    while (static_cast<std::int64_t>(pairs.size()) < n) {
      const trajectory first = sample_trajectory(tree, policy, rng).response;
      const trajectory second = sample_trajectory(tree, policy, rng).response;
      if (first.prompt != second.prompt) continue;
      const std::vector<trajectory> both{first, second};
      const matrix total = trajectory_features(tree, features, std::span<const trajectory>(both)).matrix() * theta;
      const matrix margin = total.topRows(1) - total.bottomRows(1);
      pairs.push_back({.first = first, .second = second, .label = sample_preferences(margin, rng)(0, 0)});
    }
  }
};

}  // namespace rto::test
