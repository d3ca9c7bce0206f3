// A reward that is not linear: a small neural network of a token's features, fitted to comparisons by maximum
// likelihood through the autodiff tier, and Algorithm 1 on top of it, beside a linear reward in the same features.
#include <cmath>
#include <cstdio>
#include <span>
#include <vector>

#include <boost/random/mersenne_twister.hpp>

#include <rto/reward/autodiff_reward.hpp>
#include <rto/rto.hpp>

using table = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

// r_theta = v1 tanh(w1 x1 + b1) + v2 tanh(w2 x2 + b2): any callable will do whose scalar type is a template parameter.
struct network {
  matrix x;  // features of the edges [states x actions, 2]
  template <class S> S operator()(std::int64_t edge, std::span<const S> theta) const {
    const auto unit = [&](std::size_t first, double feature) {
      const S twice = (theta[first + 1] * feature + theta[first + 2]) * 2.0;
      return S(theta[first] * (rto::array::sigmoid(twice) * 2.0 - 1.0));  // tanh u = 2 sigma(2u) - 1
    };
    return unit(0, x(edge, 0)) + unit(3, x(edge, 1));
  }
};

int main() {
  // Three tokens, three steps, a uniform reference; features at random, and a true reward that saturates in both.
  const rto::complete_token_tree tree(3, 3);
  const Eigen::Index edges = tree.states() * 3;
  const table reference = table::Constant(tree.states(), 3, -std::log(3.0));
  boost::random::mt19937 rng(2);
  boost::random::normal_distribution<double> normal;
  matrix x(edges, 2);
  for (double& entry : x.reshaped()) entry = normal(rng);
  const rto::autodiff_reward<network> reward({x}, edges, 6);
  matrix truth(6, 1);
  truth << 1.0, 2.0, -1.0, -0.8, 3.0, 0.5;
  const auto as_table = [&](const matrix& r) -> table { return r.array().reshaped<Eigen::RowMajor>(tree.states(), 3); };

  // 20 000 comparisons of responses of the reference policy. With one-hot features they count visits: all that the
  // likelihood of any reward needs.
  std::vector<rto::trajectory_pair> pairs(20000);
  const rto::tabular_sampler policy(tree, reference);
  for (rto::trajectory_pair& pair : pairs) {
    pair.first = rto::sample_trajectory(tree, policy, rng).response;
    pair.second = rto::sample_trajectory(tree, policy, rng).response;
  }
  const table one_hot = matrix::Identity(edges, edges).array();
  auto visits = rto::compare_trajectories(tree, one_hot, std::span<const rto::trajectory_pair>(pairs));
  visits.label = rto::sample_preferences(matrix(visits.features * reward.values(truth)), rng);

  // The likelihood is not concave: several starts, and the result says how many agree.
  const double beta = 0.5, bound = 6;
  const auto starts = rto::random_starts(matrix(), 6, 6, 1.0, rng);
  const auto fit =
      rto::differentiable_reward_planning(tree, reference, reward, visits, std::span<const matrix>(starts),
                                          {.beta = beta, .lambda = 0.01, .radius = 1.0, .bound = bound, .delta = 0.1});
  const auto& best = fit.estimate.best;
  std::printf("network: log-likelihood %.1f (truth %.1f), %s, gradient %.1e, rank %d, %d of %d starts agree\n",
              best.log_likelihood, rto::reward_log_likelihood(reward, visits, truth),
              best.converged ? "converged" : "not converged", best.gradient_norm, static_cast<int>(best.rank),
              static_cast<int>(fit.estimate.agreeing), static_cast<int>(starts.size()));

  // The same data, a reward that is linear in the features: the path of the paper.
  const rto::comparison_set<matrix> features{visits.features * x, visits.label, matrix()};
  const auto linear = rto::pessimistic_reward_planning(tree, reference, table(x.array()), features,
                                                       {.beta = beta, .lambda = 0.01, .radius = 0.0, .bound = bound});
  std::printf("linear:  log-likelihood %.1f\n", linear.estimate.log_likelihood);

  const auto optimum = rto::plan(tree, reference, as_table(reward.values(truth)), {.beta = beta});
  const auto gap = [&](const table& log_policy) {
    return rto::suboptimality_gap_divergence(tree, optimum, log_policy, beta);
  };
  const table plug_in = rto::plan(tree, reference, as_table(fit.linear.value), {.beta = beta}).log_policy;
  std::printf("SubOpt:  reference %.4f, linear %.4f, network %.5f, network with pessimism %.5f\n", gap(reference),
              gap(linear.plan.log_policy), gap(plug_in), gap(fit.pessimistic.plan.log_policy));
  return best.converged && gap(plug_in) < gap(linear.plan.log_policy) ? 0 : 1;
}
