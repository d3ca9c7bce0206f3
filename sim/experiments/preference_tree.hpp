#pragma once
// Random token trees with a linear reward, comparison data on them, and what Algorithm 1 makes of both: the common part
// of the experiments on Theorem 4.2 and Algorithm 1. Compiled once: those experiments need no array code of their own.
#include <cstdint>
#include <vector>

#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/token_trie.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/theory/structural_kernel.hpp>

#include "sim/engine/stream.hpp"

namespace rto::sim {

/// Features of the edges of a tree.
enum class edge_features {
  gaussian,          // independent normal entries, each feature vector scaled to norm <= 1
  tabular,           // one-hot, d = number of edges
  fixed_length,      // A = H = 2, d = 2: the example of mathematics.md 7.2
  missed_harmful,    // gaussian, and one more feature on the last token that the true reward punishes
  missed_beneficial  // the same feature, which the true reward values
};

struct preference_tree_shape {
  std::int64_t actions = 3, horizon = 3, eos = -1, dimension = 3;
  edge_features features = edge_features::gaussian;
  double beta = 0.5;
  double norm = 1;  // of theta*
  std::vector<double> rho = {1.0};
};

/// A token tree with linear features, a true reward and its optimum, and all its trajectories.
struct preference_tree {
  using array_2d = eigen_array<double>;
  using matrix = eigen_matrix<double>;

  token_trie tree;
  double beta = 0;
  array_2d log_reference = {}, features = {};  // [n, A], [n A, d]
  matrix theta = {};                           // theta* [d, 1]
  array_2d reward = {};
  optimal_plan<array_2d> optimum = {};
  occupancy_measure<array_2d> visits = {};  // of the optimum
  structural_kernel<matrix> kernel = {};

  matrix trajectory_features = {};        // Phi [m, d]
  std::vector<std::int64_t> prompt = {};  // [m]
  std::vector<double> probability = {};   // [m] of a trajectory under prompts and reference policy
  std::vector<double> last_tokens = {};   // [m] how many of its tokens are the last one (id A - 1)
};

/// A shape drawn at random: one to three steps, features of both kinds, one prompt or two.
preference_tree_shape draw_shape(stream& rng);

preference_tree make_preference_tree(const preference_tree_shape& shape, stream& rng);

/// n comparisons of two independent trajectories of one prompt, labels by Bradley-Terry: equal comparisons are one row
/// with their count as weight and their share of wins as label. Exactly as if n pairs were drawn one by one, and as
/// fast for n = 10^9 as for 100.
/// \param probability of the trajectories in the data [m]; need not be normalised
comparison_set<eigen_matrix<double>> draw_comparisons(const preference_tree& t, const std::vector<double>& probability,
                                                      std::int64_t n, stream& rng);

/// Other labels for the same pairs.
void redraw_labels(const preference_tree& t, comparison_set<eigen_matrix<double>>& comparisons, stream& rng);

/// Step 1 of Algorithm 1, with the covariance of all comparisons and the radius of Lemma A.1.
struct learned_reward {
  reward_estimate<eigen_matrix<double>> estimate;
  regularized_covariance<eigen_matrix<double>> covariance;
  double formula_radius = 0;
  double error = 0;          // ||theta_hat - theta*||
  double oracle_radius = 0;  // ||theta_hat - theta*||_{Sigma_D}
};

learned_reward learn(const comparison_set<eigen_matrix<double>>& comparisons, const preference_tree& t, double bound,
                     double lambda, double delta);

/// What Theorem 4.2 says of one run, and by how much each of its statements is violated (0 or less: not at all).
struct theorem_42_terms {
  double suboptimality = 0, coverage = 0, coverage_bound = 0, bound = 0, kl = 0;
  double scale = 1;                // errors below are divided by it: max(1, the largest term)
  double identity_error = 0;       // E0
  double pointwise_violation = 0;  // E1
  double term_i_violation = 0;     // E2
  double term_ii_violation = 0;    // E3
  double term_iii_error = 0;       // E4: the identity, and the sign
  double bound_violation = 0;      // E5
  double divergence_error = 0;     // E6: the identity, and the sign
  double kl_violation = 0;         // E7
  double fast_rate_violation = 0;  // (7.a): SubOpt <= E span^2 / (8 beta)
};

/// Steps 2 and 3 of Algorithm 1. With `quotient` the bonus is that of the features off the structural kernel, and the
/// statements are about the reward <theta, P phi>.
theorem_42_terms run_algorithm_1(const preference_tree& t, const learned_reward& learned, double radius, bool quotient);

/// E_{d^pi_ref} phi, the reference vector with which the coverage term of Theorem B.1 vanishes as data grow [d, 1].
eigen_matrix<double> expected_reference_features(const preference_tree& t);

/// What Theorem B.1 says of one run of value pessimism; errors and violations relative to `scale` (0 or less: none).
struct theorem_b1_terms {
  bool converged = false;
  double suboptimality = 0, coverage = 0, coverage_bound = 0, bound = 0;
  double scale = 1;
  double duality_error = 0;      // |primal value of the policy - dual value of the worst parameter|
  double perturbation_gain = 0;  // the best of some perturbed policies over the policy, in pessimistic value
  double printed_violation = 0;  // SubOpt <= 2 rho coverage
  double bound_violation = 0;    // the same with the KL term
};

/// \param reference the vector v  \param perturbations how many other policies are tried
theorem_b1_terms run_value_pessimism(const preference_tree& t, const learned_reward& learned, double radius,
                                     const eigen_matrix<double>& reference, std::int64_t perturbations, stream& rng);

/// Largest relative error of bonus^2 = ||P_K phi||^2 / lambda + (bonus of the quotient features)^2 over all edges.
double kernel_bonus_error(const preference_tree& t, const learned_reward& learned);

}  // namespace rto::sim
