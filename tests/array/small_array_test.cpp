// The library on an array type that has nothing but the verbs of the seam: it needs nothing else.
#include "support/small_array.hpp"

#include <rto/rto.hpp>

#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto;
using namespace rto::test;

namespace {

template <class A> A numbers(std::int64_t rows, std::int64_t cols, unsigned seed) {
  boost::random::mt19937 rng(seed);
  return array::from_host(A(), array::to_host(random_table(rows, cols, rng)), rows, cols);
}

/// f(A()) gives the same entries on both types.
template <class F> void same(F&& f) {
  const auto got = f(small_array()), want = f(eigen_array<double>());
  REQUIRE(!want.empty());
  CHECK(distance(got, want) <= tolerance<double>::cross_backend);
}

}  // namespace

TEST_CASE("an array type of the verbs of the seam alone models every tier") {
  STATIC_REQUIRE(Elementwise<small_array>);
  STATIC_REQUIRE(Array<small_array>);
  STATIC_REQUIRE(LinearAlgebra<small_array>);
  STATIC_REQUIRE(DesignMatrix<small_array>);
  STATIC_REQUIRE_FALSE(GoesWith<small_array, eigen_array<double>>);
}

TEST_CASE("losses, token rewards and advantages run on it as on Eigen") {
  same([]<class A>(const A&) { return array::to_host(A(dpo_loss(numbers<A>(4, 1, 1), numbers<A>(4, 1, 2)))); });
  same([]<class A>(const A&) {
    return array::to_host(A(orpo_loss(A(-array::exp(numbers<A>(4, 1, 1))), A(-array::exp(numbers<A>(4, 1, 2))))));
  });
  same([]<class A>(const A& like) {
    const std::vector<double> entries{1, 1, 1, 1, 1, 0, 1, 0, 0};
    token_reward_inputs<A> in{};
    in.mask = array::from_host(like, entries, 3, 3);
    in.log_policy = numbers<A>(3, 3, 1), in.log_reference = numbers<A>(3, 3, 2), in.log_dpo = numbers<A>(3, 3, 3);
    validate(in);
    const A reward = token_reward(in, rto_reward(0.1, 0.05));
    const A advantage = generalized_advantage_estimates(reward, numbers<A>(3, 3, 4), in.mask, {.lambda = 0.9});
    const A white = whiten(advantage, in.mask);
    std::vector<double> all = array::to_host(white);
    all.push_back(clipped_surrogate_loss(in.log_policy, in.log_reference, white, in.mask));
    return all;
  });
  same([]<class A>(const A& like) {
    const std::vector<std::int64_t> tokens{2, 0, 1};
    return array::to_host(A(token_log_probability(numbers<A>(3, 4, 5), array::index_from_host(like, tokens, 3, 1))));
  });
}

TEST_CASE("planning on trees and maximum likelihood run on it as on Eigen") {
  const token_trie trie = full_trie({.actions = 3, .horizon = 3, .eos = 0, .rho = {0.3, 0.7}});
  const complete_token_tree tree(3, 3);
  const auto planned = [](const auto& mdp) {
    same([&]<class A>(const A&) {
      const A reference = policy_from_logits(numbers<A>(mdp.states(), 3, 1));
      const auto best = plan(mdp, reference, numbers<A>(mdp.states(), 3, 2), {.beta = 0.5});
      std::vector<double> all = array::to_host(best.log_policy);
      all.push_back(best.objective);
      const std::vector<double> visits = array::to_host(occupancy(mdp, best.log_policy).visits);
      all.insert(all.end(), visits.begin(), visits.end());
      return all;
    });
  };
  planned(trie);
  planned(tree);
  same([]<class A>(const A& like) {
    std::vector<double> labels;
    for (int i = 0; i < 40; ++i) labels.push_back(i % 3 == 0 ? 0 : 1);
    const comparison_set<matrix_t<A>> data{
        array::matrix(numbers<A>(40, 3, 7)), array::matrix(A(array::from_host(like, labels, 40, 1))), {}};
    const auto estimate = reward_mle(data, {.bound = 0.5});
    const auto covariance = make_regularized_covariance(data.features, 1.0);
    std::vector<double> all = array::to_host(estimate.theta);
    const std::vector<double> bonus = array::to_host(elliptical_norms(data.features, covariance));
    all.insert(all.end(), bonus.begin(), bonus.end());
    return all;
  });
}
