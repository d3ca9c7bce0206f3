#include <rto/theory/structural_kernel.hpp>

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>

#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/preference/trajectory_features.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/theory/concentrability.hpp>

#include "support/catch.hpp"
#include "support/tolerance.hpp"

using array_2d = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

namespace {

constexpr double rounding = 1e-10;  // mathematics.md, section 16, row 14: two inverses of one covariance
constexpr double identity = 16 * rto::test::tolerance<double>::identity;  // sums of some tens of products

array_2d normal_array(Eigen::Index rows, Eigen::Index cols, unsigned seed) {
  boost::random::mt19937 rng(seed);
  boost::random::normal_distribution<double> normal;
  array_2d x(rows, cols);
  for (double& v : x.reshaped()) v = normal(rng);
  return x;
}

array_2d one_hot(const rto::token_trie& tree) {
  return matrix::Identity(tree.states() * tree.actions(), tree.states() * tree.actions()).array();
}

void list(const rto::token_trie& tree, std::int64_t node, std::vector<std::int64_t> tokens, std::int64_t prompt,
          std::vector<rto::trajectory>& all) {
  for (std::int64_t token = 0; token < tree.actions(); ++token) {
    auto longer = tokens;
    longer.push_back(token);
    if (tree.child(node, token) == rto::token_trie::ended)
      all.push_back({.prompt = prompt, .tokens = longer});
    else
      list(tree, tree.child(node, token), longer, prompt, all);
  }
}

// Differences of all trajectories of one prompt to the first one.
matrix all_differences(const rto::token_trie& tree, const array_2d& features) {
  std::vector<rto::trajectory_pair> pairs;
  for (std::size_t k = 0; k < tree.roots().size(); ++k) {
    std::vector<rto::trajectory> all;
    list(tree, tree.roots()[k], {}, static_cast<std::int64_t>(k), all);
    for (const auto& t : all) pairs.push_back({.first = t, .second = all.front()});
  }
  return rto::compare_trajectories(tree, features, std::span<const rto::trajectory_pair>(pairs)).features;
}

}  // namespace

TEST_CASE("evaluate_features gives the occupancy-weighted features and mean-zero advantages") {
  const auto tree = rto::full_trie({.actions = 3, .horizon = 3, .eos = 0, .rho = {0.3, 0.7}});
  const array_2d phi = normal_array(tree.states() * 3, 2, 1);
  const array_2d log_policy = rto::log_softmax(normal_array(tree.states(), 3, 2));
  const auto evaluation = rto::evaluate_features(tree, log_policy, phi);
  const array_2d visits = rto::occupancy(tree, log_policy).state_action_visits.reshaped<Eigen::RowMajor>(phi.rows(), 1);
  const matrix expected = rto::expected_features(matrix(visits.matrix()), matrix(phi.matrix()));
  CHECK((evaluation.expectation - expected).norm() <= identity);
  for (Eigen::Index k = 0; k < 2; ++k) {
    const array_2d advantage = evaluation.advantage.col(k).array().reshaped<Eigen::RowMajor>(tree.states(), 3);
    CHECK((log_policy.exp() * advantage).rowwise().sum().abs().maxCoeff() <= identity);
  }
}

TEST_CASE("With one-hot features the structural kernel has one dimension for each internal node") {
  for (const std::int64_t eos : {-1, 0}) {
    const auto tree = rto::full_trie({.actions = 3, .horizon = 3, .eos = eos, .rho = {0.5, 0.5}});
    CHECK(rto::find_structural_kernel(tree, one_hot(tree)).dimension == tree.states());
  }
  const auto single = rto::full_trie({.actions = 1, .horizon = 4});
  CHECK(rto::find_structural_kernel(single, one_hot(single)).dimension == 4);  // nothing to compare
}

TEST_CASE("The structural kernel is what all differences of trajectories are orthogonal to") {
  const auto tree = rto::full_trie({.actions = 3, .horizon = 3, .eos = 2, .rho = {0.5, 0.5}});
  array_2d phi = normal_array(tree.states() * 3, 7, 3);
  phi.col(5).setZero();
  for (Eigen::Index e = 0; e < 6; ++e) phi(e, 5) = 0.3;  // the first token's prompt: the same for all responses
  phi.col(6) = 2 * phi.col(1) - phi.col(0);
  const auto kernel = rto::find_structural_kernel(tree, phi);
  const matrix x = all_differences(tree, phi);
  const Eigen::JacobiSVD<matrix> svd(x);
  Eigen::Index rank = 0;
  while (rank < 7 && svd.singularValues()(rank) > 1e-12 * svd.singularValues()(0)) ++rank;
  CHECK(kernel.dimension == 7 - rank);
  CHECK(kernel.dimension == 2);
  CHECK((x * kernel.complement - x).norm() <= identity * x.norm());
  CHECK((kernel.complement * kernel.complement - kernel.complement).norm() <= identity);
  CHECK(kernel.complement.trace() == Approx(static_cast<double>(rank)));
}

TEST_CASE("A feature that every response collects alike lies in the structural kernel in spite of rounding") {
  const auto tree = rto::full_trie({.actions = 3, .horizon = 3});
  array_2d phi = normal_array(tree.states() * 3, 2, 4);
  phi.col(1).setConstant(0.1);  // a bias: 3 times 0.1 along every trajectory
  const auto kernel = rto::find_structural_kernel(tree, phi);
  CHECK(kernel.dimension == 1);
  CHECK((kernel.complement - matrix{{1.0, 0.0}, {0.0, 0.0}}).norm() <= identity);
}

TEST_CASE("The fixed-length example has a kernel of one dimension, generic features have none") {
  const auto tree = rto::full_trie({.actions = 2, .horizon = 2});
  array_2d phi = normal_array(6, 2, 5);
  phi.col(1) << 0, 0.7, 0, 0, -0.7, -0.7;
  CHECK(rto::find_structural_kernel(tree, phi).dimension == 1);
  CHECK(rto::find_structural_kernel(tree, normal_array(6, 2, 6)).dimension == 0);
}

TEST_CASE("The squared bonus is the kernel's part over lambda plus the quotient features' squared bonus") {
  const auto tree = rto::full_trie({.actions = 3, .horizon = 3, .eos = 0});
  const matrix phi = one_hot(tree).matrix();
  const auto kernel = rto::find_structural_kernel(tree, one_hot(tree));
  const matrix x = all_differences(tree, one_hot(tree)), psi = rto::quotient_features(kernel, phi);
  const double lambda = 0.5;
  const auto covariance = rto::make_regularized_covariance(matrix(40.0 * x), lambda);
  const array_2d all = rto::elliptical_norms(phi, covariance).array().square();
  const array_2d visible = rto::elliptical_norms(psi, covariance).array().square();
  const array_2d hidden = (phi - psi).rowwise().squaredNorm().array() / lambda;
  CHECK((all - visible - hidden).abs().maxCoeff() <= rounding);
  CHECK(hidden.minCoeff() > 0.1);
  CHECK_THROWS_AS(rto::quotient_features(kernel, matrix(phi.leftCols(2))), std::invalid_argument);
}
