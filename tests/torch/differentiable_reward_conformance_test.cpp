// Rewards that are any function of their parameters, and likelihood sets of reward classes, on every array type.
#include <rto/reward/autodiff_reward.hpp>

#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

namespace {

const token_trie trie = ragged_trie();
const std::int64_t edges = trie.states() * trie.actions();

// Visits of pairs of trajectories [n, edges], labels, a policy [states, actions], inputs of the network [edges, 2].
struct problem {
  std::vector<trajectory_pair> pairs;
  std::vector<sample> in;

  problem() {
    boost::random::mt19937 rng(23);
    const table policy = random_policy(trie.states(), trie.actions(), rng);
    const tabular_sampler sampler(trie, policy);
    while (pairs.size() < 60) {
      const trajectory first = sample_trajectory(trie, sampler, rng).response;
      const trajectory second = sample_trajectory(trie, sampler, rng).response;
      if (first.prompt == second.prompt)
        pairs.push_back({.first = first, .second = second, .label = pairs.size() % 3 == 0 ? 0.0 : 1.0});
    }
    sample one_hot{edges, edges, std::vector<double>(static_cast<std::size_t>(edges * edges), 0.0)};
    for (std::int64_t e = 0; e < edges; ++e) one_hot.entries[static_cast<std::size_t>(e * (edges + 1))] = 1;
    in = {one_hot, policy_sample(trie.states(), trie.actions(), 1), normal_sample(edges, 2, 2),
          normal_sample(4, 1, 3, 0.5), normal_sample(edges, 3, 4)};
  }
  template <class A> auto visits(const std::vector<A>& x) const {
    return compare_trajectories(trie, x[0], std::span<const trajectory_pair>(pairs));
  }
};
template <class A> auto network(const std::vector<A>& x) {
  const tanh_network f(as_matrix(x[2]), 1);
  return autodiff_reward(f, f.edges(), f.parameters());
}

}  // namespace

TEST_CASE("features of trajectories are the same on every array type, with their derivatives") {
  const problem p;
  const std::vector<std::vector<std::int64_t>> lists{{0, 2, 2}, {}, {1}};
  conforms(
      {normal_sample(3, 2, 1)},
      [&](const auto& x) { return sum_rows(x[0], std::span<const std::vector<std::int64_t>>(lists)); },
      derivatives{.of = {0}});
  conforms(p.in, [&](const auto& x) {
    const auto c = compare_trajectories(trie, x[4], std::span<const trajectory_pair>(p.pairs));
    return together(c.features, c.label);
  });
  throws_alike({normal_sample(2, 2, 1)},
               [&](const auto& x) { return sum_rows(x[0], std::span<const std::vector<std::int64_t>>(lists)); });
  throws_alike({normal_sample(edges - 1, 2, 1)}, [&](const auto& x) {
    return compare_trajectories(trie, x[0], std::span<const trajectory_pair>(p.pairs));
  });
}

TEST_CASE("likelihoods of a finite class of rewards are the same on every array type") {
  const problem p;
  std::vector<sample> in = p.in;
  for (unsigned k = 0; k < 3; ++k) in.push_back(normal_sample(trie.states(), trie.actions(), 30 + k));
  conforms(in, [&](const auto& x) {
    using A = array_t<decltype(x[0])>;
    const std::vector<A> list(x.begin() + 5, x.end());
    const auto set = make_likelihood_confidence_set(reward_log_likelihoods(p.visits(x), std::span<const A>(list)), 2.0);
    return together(set.log_likelihood, static_cast<double>(set.best), static_cast<double>(set.members.size()));
  });
  in[6].entries[1] = infinity;
  throws_alike(in, [&](const auto& x) {
    using A = array_t<decltype(x[0])>;
    const std::vector<A> list(x.begin() + 5, x.end());
    return reward_log_likelihoods(p.visits(x), std::span<const A>(list));
  });
}

TEST_CASE("a differentiable reward, its linearisation and its maximum likelihood are the same on every array type") {
  const problem p;
  conforms(p.in,
           [&](const auto& x) {
             const auto reward = network(x);
             const auto visits = p.visits(x);
             const auto at = linearize_reward(reward, visits, as_matrix(x[3]));
             return together(reward_log_likelihood(reward, visits, as_matrix(x[3])), at.value, at.features,
                             make_reward_covariance(at, 0.5, reward_metric::information).matrix,
                             make_reward_covariance(at, 0.5, reward_metric::design).matrix);
           },
           {.amplification = 4});
  // The ball makes the maximum unique to both precisions: without it a network's likelihood is flat about its top.
  conforms(p.in,
           [&](const auto& x) {
             using M = matrix_t<decltype(x[0])>;
             const std::vector<M> starts{as_matrix(x[3])};
             const auto found =
                 differentiable_reward_mle(network(x), p.visits(x), std::span<const M>(starts), {.bound = 1.0});
             return together(found.best.log_likelihood, static_cast<double>(found.best.converged),
                             static_cast<double>(found.best.status));
           },
           {.amplification = 64});
  conforms(p.in,
           [&](const auto& x) {
             using M = matrix_t<decltype(x[0])>;
             const std::vector<M> starts{as_matrix(x[3])};
             const auto found =
                 differentiable_reward_planning(trie, x[1], network(x), p.visits(x), std::span<const M>(starts),
                                                {.beta = 0.5, .radius = 0.2, .bound = 1.0});
             return together(found.pessimistic.plan.objective);
           },
           {.amplification = 256});
  throws_alike(p.in, [&](const auto& x) {
    using M = matrix_t<decltype(x[0])>;
    return differentiable_reward_mle(network(x), p.visits(x), std::span<const M>());
  });
}
