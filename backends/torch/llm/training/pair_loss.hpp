#pragma once
// The losses of preference pairs by name: each is a template of include/rto/loss, given what it asks for.
#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rto::llm {

enum class pair_loss_kind {
  sigmoid,       ///< dpo_loss; with label smoothing "cDPO"
  robust,        ///< robust_dpo_loss, label smoothing being the rate of flipped labels
  ipo,           ///< ipo_loss of means over tokens, as in TRL
  ipo_sum,       ///< ipo_loss of sums, as in the paper
  hinge,         ///< hinge_dpo_loss
  sigmoid_norm,  ///< dpo_loss of means over tokens
  r_dpo,         ///< r_dpo_loss
  tdpo1,         ///< tdpo1_loss
  tdpo2,         ///< tdpo2_loss
  dpo_nll,       ///< dpo_nll_loss
  apo_zero,      ///< apo_zero_loss
  nca,           ///< nca_pair_loss
  sppo,          ///< sppo_hard_loss
  simpo,         ///< simpo_loss, no reference
  cpo,           ///< cpo_loss, no reference
  orpo,          ///< orpo_loss, no reference
};

struct pair_loss_options {
  pair_loss_kind kind = pair_loss_kind::sigmoid;
  double beta = 0.1;
  double label_smoothing = 0;
  double length_price = 0.01;      ///< alpha of R-DPO
  double divergence_weight = 0.5;  ///< alpha of TDPO2
  double target_margin = 0.5;      ///< gamma of SimPO
  double odds_weight = 0.1;        ///< lambda of ORPO
  double nll_coefficient = 1;      ///< of DPO + NLL and CPO
};

/// What the policy and the reference say of one side of the pairs, [pairs, 1] each.
struct side_scores {
  at::Tensor log_probability;  ///< sums over tokens, nats
  at::Tensor reference;        ///< the same of the reference; zeros where there is none
  at::Tensor length;           ///< tokens
  at::Tensor divergence;       ///< sequential_kl; for TDPO alone
};

bool needs_reference(pair_loss_kind kind);
bool needs_divergence(pair_loss_kind kind);
bool takes_label_smoothing(pair_loss_kind kind);

/// The loss of every pair, [pairs, 1]. \throws std::domain_error where an option is out of its domain
at::Tensor pair_loss(const side_scores& chosen, const side_scores& rejected, const pair_loss_options& options);

/// The rewards whose difference the loss looks at, [pairs, 1]: beta log(pi / pi_ref), or of the means over tokens, or
/// without a reference. For the metrics.
at::Tensor pair_reward(const side_scores& side, const pair_loss_options& options);

/// The loss of a pair where the policy is the reference; none where the loss depends on more than their difference.
std::optional<double> loss_at_reference(const pair_loss_options& options);

/// The names that the command line takes, in the order above.
const std::vector<std::pair<std::string, pair_loss_kind>>& pair_loss_names();
std::string to_string(pair_loss_kind kind);

}  // namespace rto::llm
