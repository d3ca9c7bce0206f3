// Likelihoods and maximum likelihood on every array type.
#include "torch/comparison_samples.hpp"

using namespace rto;
using namespace rto::test;

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
                    static_cast<double>(estimate.converged), static_cast<double>(estimate.status),
                    static_cast<double>(estimate.separability));
  };
  // The default tolerance is the same for all: each type is asked for what it can hold.
  const auto options = [](double bound, mle_solver solver) {
    return reward_mle_options{.bound = bound, .solver = solver};
  };
  for (const mle_solver solver : {mle_solver::newton, mle_solver::l_bfgs})
    for (const double bound : {infinity, 0.5})
      for (const bool soft : {false, true}) {
        CAPTURE(static_cast<int>(solver), bound, soft);
        const bool first_order = solver == mle_solver::l_bfgs;
        conforms(comparisons_of(60, 4, 3, soft), [&](const auto& x) { return fit(x, options(bound, solver)); },
                 {.amplification = first_order ? 64.0 : 4.0});
      }
  std::vector<sample> separable = comparisons_of(30, 3, 5);
  for (std::size_t i = 0; i < 30; ++i) {
    double margin = 0;
    for (std::size_t j = 0; j < 3; ++j) margin += separable[0].entries[3 * i + j] * separable[3].entries[j];
    separable[1].entries[i] = margin > 0 ? 1 : 0;
  }
  conforms(separable, [&](const auto& x) { return fit(x, options(2, mle_solver::newton)); }, {.amplification = 16});
  conforms(separable, [&](const auto& x) {
    const auto estimate = reward_mle(comparison_set_of(x));
    return together(static_cast<double>(estimate.status), static_cast<double>(estimate.separability));
  });
  std::vector<sample> deficient = comparisons_of(40, 3, 6);
  for (std::size_t i = 0; i < 40; ++i) deficient[0].entries[3 * i + 2] = deficient[0].entries[3 * i];
  conforms(deficient, [&](const auto& x) { return fit(x, options(infinity, mle_solver::newton)); },
           {.amplification = 16});
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
