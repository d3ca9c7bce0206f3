// Algorithm 1 and its relatives on every array type.
#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

namespace {

const token_trie trie = ragged_trie();
const std::int64_t edges = trie.states() * trie.actions();

}  // namespace

TEST_CASE("Algorithm 1 from trajectory pairs to the plan is the same on every array type") {
  boost::random::mt19937 rng(11);
  const table policy = random_policy(trie.states(), trie.actions(), rng);
  std::vector<trajectory_pair> pairs;
  const tabular_sampler sampler(trie, policy);
  while (pairs.size() < 40) {
    const trajectory first = sample_trajectory(trie, sampler, rng).response;
    const trajectory second = sample_trajectory(trie, sampler, rng).response;
    if (first.prompt == second.prompt)
      pairs.push_back({.first = first, .second = second, .label = pairs.size() % 3 == 0 ? 0.0 : 1.0});
  }
  const std::vector<sample> in{policy_sample(trie.states(), trie.actions(), 1), normal_sample(edges, 3, 2, 0.5)};
  const std::span<const trajectory_pair> data(pairs);
  for (const bool quotient : {false, true})
    conforms(in,
             [&](const auto& x) {
               const auto found = pessimistic_reward_planning(
                   trie, x[0], x[1], data,
                   {.beta = 0.5, .lambda = 0.5, .radius = 0.2, .bound = 2, .quotient_features = quotient});
               return together(found.estimate.theta, found.covariance.matrix, found.radius, found.bonus, found.reward,
                               found.plan.log_policy, found.plan.objective);
             },
             {.amplification = 16});
  conforms(in,
           [&](const auto& x) {
             const auto found = pessimistic_reward_planning(trie, x[0], x[1], data, {.beta = 0.5, .bound = 1});
             return together(found.radius);
           },
           {.amplification = 16});
}

TEST_CASE("value pessimism, pessimism over reward classes and over kernels are the same on every array type") {
  const std::vector<sample> in{policy_sample(trie.states(), trie.actions(), 1), normal_sample(edges, 3, 2, 0.5),
                               normal_sample(30, 3, 3), normal_sample(3, 1, 4), normal_sample(3, 1, 5, 0.1)};
  conforms(in,
           [](const auto& x) {
             const auto covariance = make_regularized_covariance(as_matrix(x[2]), 0.5);
             const auto found = value_pessimism(trie, x[0], x[1], as_matrix(x[3]), covariance, as_matrix(x[4]),
                                                {.beta = 0.5, .radius = 0.8});
             return together(found.plan.log_policy, found.theta, found.expected_features, found.objective,
                             found.pessimistic_value);
           },
           {.amplification = 256});
  conforms(in, [](const auto& x) {
    const auto covariance = make_regularized_covariance(as_matrix(x[2]), 0.5);
    const auto value = evaluate_linear_policy(trie, x[0], x[0], x[1], as_matrix(x[3]), 0.5);
    return together(value.objective, value.expected_features,
                    pessimistic_value(value, as_matrix(x[3]), covariance, as_matrix(x[4]), 0.8));
  });
  std::vector<sample> rewards{policy_sample(trie.states(), trie.actions(), 1)};
  for (unsigned k = 0; k < 3; ++k) rewards.push_back(normal_sample(trie.states(), trie.actions(), 20 + k));
  conforms(rewards, [](const auto& x) {
    using A = array_t<decltype(x[0])>;
    const std::vector<A> list(x.begin() + 1, x.end());
    return together(pointwise_pessimistic_reward(trie, A(x[0]), std::span<const A>(list)));
  });
  conforms(rewards, [](const auto& x) {
    using A = array_t<decltype(x[0])>;
    const std::vector<A> list(x.begin() + 1, x.end());
    const auto bound =
        bound_reward_class(trie, A(x[0]), A(occupancy(trie, x[0]).state_action_visits), std::span<const A>(list), 1);
    return together(bound.value, bound.pointwise);
  });
  throws_alike(rewards, [](const auto& x) {
    using A = array_t<decltype(x[0])>;
    return reward_class_pessimism(trie, A(x[0]), std::span<const A>(), {.beta = 0.5});
  });
  // The weights of a mixture are found to the square root of the precision only; its value to all of it.
  conforms(rewards,
           [](const auto& x) {
             using A = array_t<decltype(x[0])>;
             const std::vector<A> list(x.begin() + 1, x.end());
             const auto found = reward_class_pessimism(trie, A(x[0]), std::span<const A>(list), {.beta = 0.5});
             return together(found.objective, static_cast<double>(found.converged));
           },
           {.amplification = 16});
}
