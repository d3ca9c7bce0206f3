// Inference, confidence sets and the terms of the theory on every array type.
#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

namespace {

const token_trie trie = ragged_trie();
const std::int64_t edges = trie.states() * trie.actions();

}  // namespace

TEST_CASE("Wald and likelihood-ratio inference is the same on every array type") {
  conforms(comparisons_of(80, 3, 7),
           [](const auto& x) {
             const auto c = comparison_set_of(x);
             const auto theta = reward_mle(c).theta;
             const auto wald = make_wald_inference(c, theta);
             return together(wald.covariance, wald.standard_error, wald.z);
           },
           {.amplification = 16});
  const std::vector<sample> in = comparisons_of(80, 3, 7);
  const auto interval = [](const auto& x) {
    const auto c = comparison_set_of(x);
    const auto theta = reward_mle(c).theta;
    const auto i = likelihood_ratio_interval(c, theta, make_wald_inference(c, theta), 1, 0.95);
    return together(i.low, i.high);
  };
  const std::vector<double> want = interval(conformance::inputs<eigen_array<double>>(in));
  CHECK(distance(interval(conformance::inputs(tensor_kinds()[0], in)), want) <= tolerance<double>::gradient);
}

TEST_CASE("covariances, elliptical norms, pessimistic rewards and their confidence sets") {
  std::vector<sample> in = comparisons_of(50, 4, 9);
  in.push_back(normal_sample(7, 4, 10));
  conforms(in, [](const auto& x) {
    const auto covariance = make_regularized_covariance(as_matrix(x[0]), 0.5);
    return together(covariance.matrix, log_determinant_ratio(covariance), elliptical_norms(as_matrix(x[4]), covariance),
                    pessimistic_reward(as_matrix(x[4]), as_matrix(x[3]), covariance, 0.7),
                    linear_reward(as_matrix(x[4]), as_matrix(x[3])), largest_row_norm(as_matrix(x[4])));
  });
  throws_alike(in, [](const auto& x) { return make_regularized_covariance(as_matrix(x[0]), 0); });
  throws_alike(in, [](const auto& x) {
    return pessimistic_reward(as_matrix(x[4]), as_matrix(x[3]), make_regularized_covariance(as_matrix(x[0]), 1.0), -1);
  });
  throws_alike(in, [](const auto& x) { return linear_reward(as_matrix(x[4]), as_matrix(x[0])); });
  // Indefinite.
  throws_alike({sample{2, 2, {1, 2, 2, 1}}}, [](const auto& x) { return factorize_covariance(as_matrix(x[0]), 1.0); });
}

TEST_CASE("what the theory computes from arrays is the same on every array type") {
  std::vector<sample> in{policy_sample(trie.states(), trie.actions(), 1),
                         policy_sample(trie.states(), trie.actions(), 2), normal_sample(edges, 3, 3),
                         normal_sample(trie.states(), trie.actions(), 4)};
  conforms(in,
           [](const auto& x) {
             const auto features = evaluate_features(trie, x[1], x[2]);
             const auto kernel = find_structural_kernel(trie, x[2]);
             return together(features.expectation, features.advantage, static_cast<double>(kernel.dimension),
                             kernel.complement);
           },
           {.amplification = 16});
  conforms(in, [](const auto& x) {
    const auto of_policy = occupancy(trie, x[1]), of_reference = occupancy(trie, x[0]);
    return together(
        concentrability_coefficient(of_policy.state_action_visits, of_reference.state_action_visits),
        expected_bonus(of_policy.state_action_visits, x[3]), fast_rate_bound(trie, x[0], x[3], 0.5),
        log_ratio_spans(trie, x[1], x[0]),
        decompose_suboptimality(of_policy.state_action_visits, of_reference.state_action_visits, x[3], x[0], 0.5, 0.1)
            .total());
  });
}
