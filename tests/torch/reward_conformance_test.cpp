// From comparisons to pessimistic plans on every array type.
#include "support/comparison_problem.hpp"
#include "support/planning_problem.hpp"
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// Features [n, d], labels [n, 1], weights [n, 1], a parameter [d, 1].
std::vector<sample> comparisons_of(std::int64_t n, std::int64_t d, unsigned seed, bool soft = false) {
  const sample features = normal_sample(n, d, seed), theta = normal_sample(d, 1, seed + 1);
  generator rng(seed);
  sample label{n, 1, {}}, weight{n, 1, {}};
  for (std::int64_t i = 0; i < n; ++i) {
    double margin = 0;
    for (std::int64_t j = 0; j < d; ++j)
      margin += features.entries[static_cast<std::size_t>(i * d + j)] * theta.entries[static_cast<std::size_t>(j)];
    const double p = 1 / (1 + std::exp(-margin));
    label.entries.push_back(soft ? static_cast<float>(p) : uniform(rng) < p ? 1.0 : 0.0);
    weight.entries.push_back(1 + static_cast<double>(i % 3));
  }
  return {features, label, weight, theta};
}
template <class A> auto comparison_set_of(const std::vector<A>& x) {
  using M = matrix_t<A>;
  return comparison_set<M>{as_matrix(x[0]), as_matrix(x[1]), as_matrix(x[2])};
}

const token_trie trie = full_trie({.actions = 3, .horizon = 3, .eos = 0, .rho = {0.3, 0.7}});
const std::int64_t edges = trie.states() * trie.actions();

}  // namespace

TEST_CASE("Bradley-Terry likelihoods and their derivatives are the same on every array type") {
  conforms_entrywise(
      {normal_sample(3, 2, 1), normal_sample(3, 2, 2)},
      [](const auto& x) { return bradley_terry_probability(x[0], x[1]); }, derivatives{.of = {0, 1}});
  conforms_entrywise(
      {normal_sample(3, 2, 1, 3), policy_sample(3, 2, 2)},
      [](const auto& x) { return bradley_terry_log_likelihood(x[0], array::exp(x[1])); }, derivatives{.of = {0}});
  conforms_entrywise(
      {normal_sample(3, 2, 1, 3)}, [](const auto& x) { return bradley_terry_curvature(x[0]); }, derivatives{.of = {0}});
  conforms(comparisons_of(40, 3, 1), [](const auto& x) {
    const auto c = comparison_set_of(x);
    const auto all = evaluate_bradley_terry(c, as_matrix(x[3]));
    return together(bradley_terry_log_likelihood(c, as_matrix(x[3])), all.log_likelihood, all.gradient,
                    all.information);
  });
}

TEST_CASE("reward_mle is the same on every array type: interior, on the ball, separable, rank-deficient, soft labels") {
  const auto fit = [](const auto& x, const reward_mle_options& options) {
    const auto estimate = reward_mle(comparison_set_of(x), options);
    return together(estimate.theta, estimate.norm, estimate.log_likelihood, static_cast<double>(estimate.rank),
                    static_cast<double>(estimate.status), static_cast<double>(estimate.separability));
  };
  // Whether an estimate lies on the ball, and what rank the data have, is decided with thresholds made for double:
  // float is held against it where neither matters.
  const auto options = [](const auto& like, double bound, mle_solver solver) {
    return reward_mle_options{
        .bound = bound, .solver = solver, .tolerance = conformance::in_double(like) ? 1e-10 : 1e-5};
  };
  for (const mle_solver solver : {mle_solver::newton, mle_solver::l_bfgs})
    for (const double bound : {infinity, 0.5})
      for (const bool soft : {false, true}) {
        CAPTURE(static_cast<int>(solver), bound, soft);
        const bool first_order = solver == mle_solver::l_bfgs;
        conforms(comparisons_of(60, 4, 3, soft), [&](const auto& x) { return fit(x, options(x[0], bound, solver)); },
                 {.amplification = first_order ? 64.0 : 4.0, .single_precision = !first_order && std::isinf(bound)});
      }
  std::vector<sample> separable = comparisons_of(30, 3, 5);
  for (std::size_t i = 0; i < 30; ++i) {
    double margin = 0;
    for (std::size_t j = 0; j < 3; ++j) margin += separable[0].entries[3 * i + j] * separable[3].entries[j];
    separable[1].entries[i] = margin > 0 ? 1 : 0;
  }
  conforms(separable, [&](const auto& x) { return fit(x, options(x[0], 2, mle_solver::newton)); },
           {.amplification = 16, .single_precision = false});
  conforms(separable, [&](const auto& x) {
    const auto estimate = reward_mle(comparison_set_of(x));
    return together(static_cast<double>(estimate.status), static_cast<double>(estimate.separability));
  });
  std::vector<sample> deficient = comparisons_of(40, 3, 6);
  for (std::size_t i = 0; i < 40; ++i) deficient[0].entries[3 * i + 2] = deficient[0].entries[3 * i];
  conforms(deficient, [&](const auto& x) { return fit(x, options(x[0], infinity, mle_solver::newton)); },
           {.amplification = 16, .single_precision = false});
}

TEST_CASE("reward_mle refuses the same on every array type") {
  std::vector<sample> in = comparisons_of(10, 2, 1);
  const auto fit = [](const auto& x) { return reward_mle(comparison_set_of(x)); };
  in[1].entries[3] = 1.5;
  throws_alike(in, fit);
  in = comparisons_of(10, 2, 1);
  in[0].entries[3] = infinity;
  throws_alike(in, fit);
  in = comparisons_of(10, 2, 1);
  in[1] = normal_sample(9, 1, 1);
  throws_alike(in, fit);
  in = comparisons_of(10, 2, 1);
  throws_alike(in, [](const auto& x) { return reward_mle(comparison_set_of(x), {.bound = -1}); });
}

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
  std::vector<sample> in{policy_sample(trie.states(), trie.actions(), 1), normal_sample(edges, 3, 2, 0.5),
                         normal_sample(30, 3, 3), normal_sample(3, 1, 4), normal_sample(3, 1, 5, 0.1)};
  conforms(in,
           [](const auto& x) {
             const auto covariance = make_regularized_covariance(as_matrix(x[2]), 0.5);
             const auto found = value_pessimism(
                 trie, x[0], x[1], as_matrix(x[3]), covariance, as_matrix(x[4]),
                 {.beta = 0.5, .radius = 0.8, .tolerance = conformance::in_double(x[0]) ? 1e-12 : 1e-5});
             return together(found.plan.log_policy, found.theta, found.expected_features, found.objective,
                             found.pessimistic_value);
           },
           {.amplification = 256});
  std::vector<sample> rewards{policy_sample(trie.states(), trie.actions(), 1)};
  for (unsigned k = 0; k < 3; ++k) rewards.push_back(normal_sample(trie.states(), trie.actions(), 20 + k));
  conforms(rewards, [](const auto& x) {
    using A = array_t<decltype(x[0])>;
    const std::vector<A> list(x.begin() + 1, x.end());
    return together(pointwise_pessimistic_reward(trie, A(x[0]), std::span<const A>(list)));
  });
  // The weights of a mixture are found to the square root of the precision only; its value to all of it.
  conforms(rewards,
           [](const auto& x) {
             using A = array_t<decltype(x[0])>;
             const std::vector<A> list(x.begin() + 1, x.end());
             const auto found =
                 reward_class_pessimism(trie, A(x[0]), std::span<const A>(list),
                                        {.beta = 0.5, .tolerance = conformance::in_double(x[0]) ? 1e-10 : 1e-5});
             return together(found.objective);
           },
           {.amplification = 16});
}

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
