// Everything, for users: `#include <rto/rto.hpp>`. Nothing inside the library includes this header.
// Only the autodiff scalar stays out (rto/array/autodiff.hpp, and rto/reward/autodiff_reward.hpp, which differentiates
// a reward by it), since it costs compile time and few programs need it.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/eigen.hpp>
#include <rto/array/eigen_matrix.hpp>
#include <rto/array/eigen_operators.hpp>
#include <rto/array/executor.hpp>
#include <rto/array/linear_algebra.hpp>
#include <rto/array/mask.hpp>
#include <rto/array/precision.hpp>
#include <rto/array/running_sum.hpp>
#include <rto/array/scalar.hpp>
#include <rto/array/shape.hpp>

#include <rto/mdp/finite_mdp.hpp>
#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/mdp/token_trie.hpp>
#include <rto/mdp/token_trie_builder.hpp>
#include <rto/mdp/trajectory.hpp>
#include <rto/mdp/transition_likelihood.hpp>

#include <rto/preference/bradley_terry.hpp>
#include <rto/preference/comparison.hpp>
#include <rto/preference/trajectory_features.hpp>

#include <rto/reward/ball_newton_step.hpp>
#include <rto/reward/confidence_set.hpp>
#include <rto/reward/differentiable_reward.hpp>
#include <rto/reward/differentiable_reward_mle.hpp>
#include <rto/reward/implicit_reward.hpp>
#include <rto/reward/inference.hpp>
#include <rto/reward/length_reward.hpp>
#include <rto/reward/likelihood_confidence_set.hpp>
#include <rto/reward/linear_reward.hpp>
#include <rto/reward/nonnegative_combination.hpp>
#include <rto/reward/pessimism.hpp>
#include <rto/reward/reward_estimate.hpp>
#include <rto/reward/reward_mle.hpp>
#include <rto/reward/reward_mle_l_bfgs.hpp>
#include <rto/reward/reward_mle_newton.hpp>
#include <rto/reward/row_space.hpp>
#include <rto/reward/separability.hpp>
#include <rto/reward/shifted_likelihood.hpp>
#include <rto/reward/tanh_network.hpp>
#include <rto/reward/token_reward.hpp>
#include <rto/reward/token_reward_recipe.hpp>
#include <rto/reward/token_reward_statistics.hpp>

#include <rto/planning/delayed_reward.hpp>
#include <rto/planning/depth_first_planning.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/open_loop.hpp>
#include <rto/planning/performance_difference.hpp>
#include <rto/planning/policy_evaluation.hpp>
#include <rto/planning/policy_iteration.hpp>
#include <rto/planning/redrawn_branches.hpp>
#include <rto/planning/shaped_reward.hpp>
#include <rto/planning/soft_bellman.hpp>
#include <rto/planning/soft_bellman_row.hpp>
#include <rto/planning/suboptimality_gap.hpp>

#include <rto/exploration/any_order_search.hpp>
#include <rto/exploration/best_first_search.hpp>
#include <rto/exploration/canonical_instance.hpp>
#include <rto/exploration/child_order.hpp>
#include <rto/exploration/feedback.hpp>
#include <rto/exploration/leaf_mass_tree.hpp>
#include <rto/exploration/preference_search.hpp>
#include <rto/exploration/random_instance.hpp>
#include <rto/exploration/search_result.hpp>
#include <rto/exploration/sentence_search.hpp>
#include <rto/exploration/token_log_probability_model.hpp>
#include <rto/exploration/token_search.hpp>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/group_advantages.hpp>
#include <rto/advantage/returns.hpp>
#include <rto/advantage/whitening.hpp>

#include <rto/loss/aggregation.hpp>
#include <rto/loss/apo_zero_loss.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/cpo_loss.hpp>
#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/dpo_nll_loss.hpp>
#include <rto/loss/hinge_dpo_loss.hpp>
#include <rto/loss/ipo_loss.hpp>
#include <rto/loss/kl_estimators.hpp>
#include <rto/loss/kto_loss.hpp>
#include <rto/loss/nca_loss.hpp>
#include <rto/loss/orpo_loss.hpp>
#include <rto/loss/preference_loss.hpp>
#include <rto/loss/r_dpo_loss.hpp>
#include <rto/loss/reward_model_loss.hpp>
#include <rto/loss/robust_dpo_loss.hpp>
#include <rto/loss/sft_loss.hpp>
#include <rto/loss/simpo_loss.hpp>
#include <rto/loss/sppo_loss.hpp>
#include <rto/loss/tdpo_loss.hpp>
#include <rto/loss/token_log_probability.hpp>
#include <rto/loss/value_loss.hpp>

#include <rto/theory/concentrability.hpp>
#include <rto/theory/feature_evaluation.hpp>
#include <rto/theory/open_loop_gap.hpp>
#include <rto/theory/policy_iteration_rates.hpp>
#include <rto/theory/sample_complexity.hpp>
#include <rto/theory/structural_kernel.hpp>
#include <rto/theory/suboptimality.hpp>

#include <rto/algorithm/differentiable_reward_planning.hpp>
#include <rto/algorithm/group_policy_step.hpp>
#include <rto/algorithm/kl_controller.hpp>
#include <rto/algorithm/pessimistic_reward_planning.hpp>
#include <rto/algorithm/pessimistic_value.hpp>
#include <rto/algorithm/reward_class_pessimism.hpp>
#include <rto/algorithm/token_policy_step.hpp>
#include <rto/algorithm/unknown_transitions.hpp>
#include <rto/algorithm/value_pessimism.hpp>

#include <rto/version.hpp>
