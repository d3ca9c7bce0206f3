#pragma once
// Random instances for the exact identities of planning, and what the claims compute on them.
#include <string>
#include <variant>
#include <vector>

#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/finite_mdp.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/mdp/token_trie.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/performance_difference.hpp>
#include <rto/planning/policy_evaluation.hpp>

#include "sim/engine/claim.hpp"

namespace rto::sim {

/// A model with a reference policy and a reward; rows are its states.
struct random_planning_problem {
  using state_table = eigen_array<double>;
  using model = std::variant<complete_token_tree, token_trie, finite_mdp<eigen_matrix<double>>>;

  model mdp;
  state_table log_reference;  // [N, A]
  state_table reward;         // [N, A]

  std::int64_t states() const { return log_reference.rows(); }
  std::int64_t actions() const { return log_reference.cols(); }

  optimal_plan<state_table> plan(double beta) const;
  policy_evaluation<state_table> evaluate(const state_table& log_policy, double beta) const;
  state_table visits(const state_table& log_policy) const;
  double gap_divergence(const optimal_plan<state_table>& optimum, const state_table& log_policy, double beta) const;
  performance_difference_terms<double> difference(const state_table& first, const state_table& second,
                                                  double beta) const;
};

/// The kinds of models: "complete tree", "trie" (end-of-sequence token, several prompts, forbidden tokens), "stochastic
/// MDP" (sparse transitions, forbidden actions).
const std::vector<std::string>& problem_kinds();

/// Sizes, structure, rewards and reference all random; a few to a few hundred states.
random_planning_problem draw_problem(const std::string& kind, stream& rng);

/// A random policy on the support of the reference: softmax of Gaussian logits of scale 2.
random_planning_problem::state_table draw_policy(const random_planning_problem& problem, stream& rng);

/// |left - right| / scale, 0 where both are equal.
double relative_error(double left, double right, double scale);

/// That an identity check can fail: a deliberately wrong variant is off by more than 1e-6 on some instances.
/// \param tested what is wrong with the variant  \param errors its relative error on every instance
check control_check(const std::string& tested, const std::vector<double>& errors);

/// The share of errors up to x, as steps; exact zeros are drawn at 1e-18.
series error_distribution(std::string label, std::vector<double> errors, mark style = mark::steps);

/// The largest value of a field over the replicates of each cell, against the positive values of a coordinate of the
/// grid.
series largest_against(std::string label, const outcomes& results, const std::string& coordinate,
                       const std::string& field);

/// Two panels: the distribution of the relative error by kind of model, beside that of a control which must not vanish,
/// and the largest error against beta.
figure error_figure(std::string id, std::string title, std::string caption, const outcomes& results,
                    const std::string& control_label);

/// The grid kinds x betas, `replicates` instances each.
std::vector<cell> planning_grid(const settings& s);

/// The settings `betas` and `replicates` of these claims.
settings_schema planning_settings(const std::vector<double>& betas);

}  // namespace rto::sim
