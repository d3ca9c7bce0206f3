// Unknown transitions on every array type.
#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

TEST_CASE("unknown transitions: likelihoods of kernels and doubly pessimistic values") {
  boost::random::mt19937 rng(13);
  std::vector<sample> in{policy_sample(9, 2, 1), normal_sample(18, 3, 2, 0.5), normal_sample(12, 3, 3),
                         normal_sample(3, 1, 4), policy_sample(9, 2, 5)};
  for (int k = 0; k < 3; ++k) {
    const eigen_matrix<double> p = random_transitions(3, 2, rng);
    in.push_back({6, 3, array::to_host(p)});
  }
  conforms(
      in,
      [](const auto& x) {
        using A = std::remove_cvref_t<decltype(x[0])>;
        using model = finite_mdp<matrix_t<A>>;
        std::vector<model> candidates;
        for (std::size_t k = 5; k < 8; ++k)
          candidates.emplace_back(2, 3, std::vector<double>{0.2, 0.3, 0.5}, std::vector<matrix_t<A>>{as_matrix(x[k])});
        boost::random::mt19937 draws(17);
        const tabular_sampler policy(candidates[0], x[4]);
        std::vector<visited_trajectory<step_state>> paths;
        for (int i = 0; i < 40; ++i) paths.push_back(sample_trajectory(candidates[0], policy, draws));
        const auto counts = count_transitions(x[0], 3, 2, 3, std::span<const visited_trajectory<step_state>>(paths));
        const auto set = kernel_confidence_set(counts, std::span<const model>(candidates), 1.0);
        const linear_reward_set<A> rewards{x[1], as_matrix(x[3]), make_regularized_covariance(as_matrix(x[2]), 0.5),
                                           0.3, 0.5};
        const std::vector<A> policies{x[0], x[4]};
        const auto values = evaluate_doubly_pessimistic(std::span<const model>(candidates), set,
                                                        std::span<const A>(policies), x[0], rewards);
        const auto bound = bound_unknown_transitions(std::span<const model>(candidates), set, 0, x[4], x[0], rewards);
        return together(set.log_likelihood, values.value, values.pessimistic_value, bound.coverage,
                        bound.transition_error, tabular_log_likelihood(counts));
      },
      {.amplification = 4});
}
