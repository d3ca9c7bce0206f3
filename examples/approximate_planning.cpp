// Planning by small steps, and planning without looking: policy iteration on a token tree, and the best predetermined
// sequence where a policy that sees the state does better.
#include <cmath>
#include <cstdio>

#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/open_loop.hpp>
#include <rto/planning/policy_iteration.hpp>
#include <rto/planning/redrawn_branches.hpp>

int main() {
  using table = rto::eigen_array<double>;

  // A tree of three tokens, five steps, random rewards and a uniform reference.
  const rto::complete_token_tree tree(3, 5);
  boost::random::mt19937_64 rng(1);
  boost::random::normal_distribution<double> normal;
  table reward(tree.states(), 3);
  for (Eigen::Index i = 0; i < reward.size(); ++i) reward.data()[i] = normal(rng);
  const table reference = table::Constant(tree.states(), 3, -std::log(3.0));

  const double beta = 0.5, optimum = rto::plan(tree, reference, reward, {beta}).objective;
  // With eta = 1/beta one sweep makes one more layer exact; with half of it the gap falls by (1 - 1/2)^2 a step.
  const auto full =
      rto::policy_iteration(tree, reference, reward, {.beta = beta, .eta = 1 / beta, .iterations = 5, .tolerance = 0});
  const auto half = rto::policy_iteration(tree, reference, reward, {.beta = beta, .eta = 0.5 / beta, .iterations = 60});
  std::printf("step  gap, eta = 1/beta  certified   gap, eta = 1/(2 beta)  certified\n");
  for (std::size_t t = 0; t < full.objective.size(); ++t)
    std::printf("%4zu %18.2e %10.2e %23.2e %10.2e\n", t, optimum - full.objective[t], full.gap_bound[t],
                optimum - half.objective[t], half.gap_bound[t]);
  std::printf("eta = 1/(2 beta): %s after %lld steps\n\n", half.converged ? "within 1e-10" : "not there",
              static_cast<long long>(half.iterations));

  // Two branches drawn anew at every step: a policy that sees the branch matches it, a sequence does every second time.
  std::printf("   beta  sees the state  best sequence\n");
  const auto problem = rto::redrawn_branches(table(), 2, 2);
  for (const double b : {0.0, 0.1, 1.0, 10.0})
    std::printf("%7.1f %15.4f %14.4f\n", b,
                rto::plan(problem.mdp, problem.log_reference, problem.reward, {b}).objective,
                rto::plan_open_loop(problem.mdp, problem.log_reference, problem.reward, {b}).objective);
  return half.converged && std::abs(optimum - full.objective.back()) < 1e-12 ? 0 : 1;
}
