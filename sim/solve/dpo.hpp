#pragma once
// The family dpo, for any array type: from logits to the loss of pairs and its gradient with respect to the logits.
#include <cstdint>
#include <string>
#include <vector>

#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/token_log_probability.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "sim/solve/token_batch.hpp"

namespace rto::sim {

/// One side of the pairs: logits [batch time, vocabulary], the tokens, and what follows from them.
template <Array A> struct answers {
  token_batch<A> batch;
  std::int64_t vocabulary;
  A policy_logits;                // [batch time, vocabulary]
  std::vector<std::int64_t> ids;  // [batch time]; 0 in the padding
  A log_policy, log_reference;    // [batch, time]

  answers(const reader& input, const A& like, const std::string& side) : batch(input, like, "mask_" + side) {
    const std::int64_t rows = batch.batch, cols = batch.time;
    const ndarray policy = input.array("policy_" + side, {rows, cols, any_length});
    vocabulary = static_cast<std::int64_t>(policy.shape[2]);
    const ndarray reference = input.array("ref_" + side, {rows, cols, vocabulary});
    ids = input.integer_array("tokens_" + side, {rows, cols});
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (batch.host_mask[i] == 0)
        ids[i] = 0;
      else if (ids[i] < 0 || ids[i] >= vocabulary)
        input.fail("tokens_" + side, fmt::format("expected ids in [0, {}), found {}", vocabulary, ids[i]));
    }
    const index_t<A> tokens = array::index_from_host(like, ids, rows * cols, 1);
    policy_logits = array::from_host(like, policy.data, rows * cols, vocabulary);
    const A reference_logits = array::from_host(like, reference.data, rows * cols, vocabulary);
    const A policy_column = token_log_probability(policy_logits, tokens);
    const A reference_column = token_log_probability(reference_logits, tokens);
    log_policy = array::reshape(policy_column, rows, cols);
    log_reference = array::reshape(reference_column, rows, cols);
    require_finite("solve", ("the log-probability under policy_" + side).c_str(), log_policy, batch.mask);
    require_finite("solve", ("the log-probability under ref_" + side).c_str(), log_reference, batch.mask);
  }

  A sequence(const A& token_log_prob) const { return sequence_log_probability(token_log_prob, batch.mask); }
  json implicit(double beta) const {
    const A reward = implicit_reward(log_policy, log_reference, beta);
    return rows_json(batch.masked(reward));
  }
  /// d loss / d logits = slope (1{v = y} - pi(v)) at valid tokens, `slope` [batch, 1] = d loss / d log pi(y|x).
  json gradient(const A& slope) const {
    const std::vector<double> pi = array::to_host(A(array::exp(log_softmax(policy_logits))));
    const std::vector<double> slopes = array::to_host(slope);
    const auto width = static_cast<std::size_t>(vocabulary), time = static_cast<std::size_t>(batch.time);
    std::vector<double> data(pi.size(), 0.0);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (batch.host_mask[i] == 0) continue;
      for (std::size_t v = 0; v < width; ++v)
        data[i * width + v] =
            slopes[i / time] * ((v == static_cast<std::size_t>(ids[i]) ? 1.0 : 0.0) - pi[i * width + v]);
    }
    return array_json({static_cast<std::size_t>(batch.batch), time, width}, data.data());
  }
};

/// The family dpo. \param like says which array type, on which device  \param slope as of `solve_ppo`
template <Array A, class Slope> json solve_dpo(const problem& p, const A& like, const Slope& slope) {
  const answers<A> winner(p.input, like, "w"), loser(p.input, like, "l");
  const dpo_options options{.beta = p.input.number("beta"), .label_smoothing = p.input.number_or("label_smoothing", 0)};
  const A policy_w = winner.sequence(winner.log_policy), reference_w = winner.sequence(winner.log_reference);
  const A policy_l = loser.sequence(loser.log_policy), reference_l = loser.sequence(loser.log_reference);
  require_same_shape("solve", "the preferred answers", policy_w, "the other answers", policy_l);

  const A policy_ratio = policy_w - policy_l, reference_ratio = reference_w - reference_l;
  const auto pair_loss = [&](const auto& x, const auto& reference) { return dpo_loss(x, reference, options); };
  const A margin = dpo_margin(policy_ratio, reference_ratio, options.beta),
          loss = pair_loss(policy_ratio, reference_ratio);
  const double pairs = static_cast<double>(array::rows(loss));
  const A slopes = slope(pair_loss, policy_ratio, reference_ratio);
  if (!array::all_finite(loss)) throw non_finite_result("the loss of a pair is not finite");
  return {{"logp_w", vector_json(policy_w)},
          {"logp_l", vector_json(policy_l)},
          {"ref_w", vector_json(reference_w)},
          {"ref_l", vector_json(reference_l)},
          {"margin", vector_json(margin)},
          {"loss_per_pair", vector_json(loss)},
          {"loss", array::item(array::sum(loss)) / pairs},
          {"accuracy", array::item(preference_accuracy(margin))},
          {"implicit_w", winner.implicit(options.beta)},
          {"implicit_l", loser.implicit(options.beta)},
          {"grad_logits_w", winner.gradient(A((1.0 / pairs) * slopes))},
          {"grad_logits_l", loser.gradient(A((-1.0 / pairs) * slopes))}};
}

}  // namespace rto::sim
