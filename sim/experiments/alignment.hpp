#pragma once
// The whole pipeline on a token world, from preferences to trained policies: the common part of the experiments on
// Algorithm 2, Table 1 and Figure 3.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine/claim.hpp"
#include "sim/training/policy_optimization.hpp"
#include "sim/training/preference_training.hpp"
#include "sim/training/world_evaluation.hpp"

namespace rto::sim {

/// A method of the paper's tables (or a kin of it).
struct alignment_method {
  std::string id;     // "rto", as on the command line
  std::string label;  // "RTO"
  bool policy_optimization = false;
};
/// SFT, DPO and its kin, PPO and its kin; "dpo_matched" is DPO with beta at the common temperature.
const std::vector<alignment_method>& alignment_methods();
/// \throws user_error naming the known ones
const alignment_method& find_method(const std::string& id);

/// Settings that the experiments share; the paper's (appendix D.2) are the defaults where they carry over.
/// \param iterations rollouts of a run
settings_schema alignment_settings(per_level<std::int64_t> iterations);
/// Their values, as fields of a point; those that the claim turned into lists are left to it.
json alignment_point(const settings& s);

/// One data set: the world, preferences, the SFT policy, the DPO policy and the reward model learned from it.
class alignment {
 public:
  /// \param point fields of `alignment_point`, and "parametrization"
  alignment(const json& point, stream& rng);
  alignment(const alignment&) = delete;
  alignment& operator=(const alignment&) = delete;

  const token_world& world() const { return world_; }
  const std::vector<answer_pair>& pairs() const { return pairs_; }
  const edge_table& reference() const { return reference_; }        // log pi_SFT, the reference of everything after it
  const edge_table& dpo() const { return dpo_; }                    // log pi_dpo
  const edge_table& token_reward() const { return token_reward_; }  // of the reward model
  double temperature() const { return temperature_; }               // the common beta_eff of the objective J
  const indexed_features& edge_features() const;
  reward_tables rewards() const { return {&reference_, &dpo_, &token_reward_}; }

  /// The recipe of a policy optimisation method: coefficients as published, or such that its optimum has the common
  /// temperature (mathematics.md 13.5).
  token_reward_recipe recipe(const std::string& method) const;
  policy_optimization_options options(const std::string& method) const;
  const indexed_features& value_features() const;

  /// log pi of the method, trained. \param observer of policy optimisation
  edge_table train(const std::string& method, stream& rng, const policy_observer& observer = {},
                   std::vector<rollout_record>* records = nullptr) const;

  /// The objective that a recipe's training maximises: E of its accruing reward minus beta_2 KL, reward units.
  double own_objective(const token_reward_recipe& recipe, const edge_table& log_policy) const;
  /// The exact optimum of a method's own objective: what its training approaches.
  edge_table own_optimum(const std::string& method) const;

 private:
  preference_options preferences_;
  policy_optimization_options training_;
  bool linear_, linear_critic_, matched_;
  double beta_, beta_1_, beta_3_, temperature_;
  token_world world_;
  indexed_features tabular_edges_, tabular_states_;
  std::vector<answer_pair> pairs_;
  edge_table reference_, dpo_, token_reward_;
};

}  // namespace rto::sim
