// The families of problem files about batches of tokens: gae, ppo, dpo, token_rewards.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include <rto/advantage/generalized_advantage_estimates.hpp>
#include <rto/advantage/whitening.hpp>
#include <rto/array/autodiff.hpp>
#include <rto/array/eigen.hpp>
#include <rto/loss/clipped_surrogate_loss.hpp>
#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/kl_estimators.hpp>
#include <rto/loss/token_log_probability.hpp>
#include <rto/loss/value_loss.hpp>
#include <rto/reward/token_reward.hpp>

#include "sim/solve/registry.hpp"

namespace rto::sim {
namespace {

using real_array = eigen_array<double>;
// Every token's loss depends on that token's entry alone, so one derivative per entry is the whole gradient.
using dual = Eigen::AutoDiffScalar<Eigen::Matrix<double, 1, 1>>;
using dual_array = eigen_array<dual>;

real_array from_data(const std::vector<double>& data, std::size_t rows, std::size_t cols) {
  return array::from_host(real_array(), data, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(cols));
}

// [batch, time]; the shape is fixed by the mask, which every family has.
struct token_batch {
  const reader& input;
  real_array mask;

  explicit token_batch(const reader& from, const std::string& field = "mask") : input(from) {
    const ndarray m = input.array(field, {any_length, any_length});
    mask = from_data(m.data, m.shape[0], m.shape[1]);
    validate_mask("solve", mask);
  }
  real_array tokens(const std::string& field) const {
    const real_array x = from_data(input.array(field, {mask.rows(), mask.cols()}).data,
                                   static_cast<std::size_t>(mask.rows()), static_cast<std::size_t>(mask.cols()));
    require_finite("solve", field.c_str(), x, mask);
    return x;
  }
  real_array rows(const std::string& field) const {
    const real_array x = from_data(input.numbers(field, mask.rows()), static_cast<std::size_t>(mask.rows()), 1);
    for (Eigen::Index b = 0; b < x.rows(); ++b)  // the value of an empty row is not read
      if (mask(b, 0) != 0 && !std::isfinite(x(b, 0)))
        input.fail(field, fmt::format("expected finite numbers, found {} at row {}", x(b, 0), b));
    return x;
  }
};

json to_json(const real_array& x) {
  return array_json({static_cast<std::size_t>(x.rows()), static_cast<std::size_t>(x.cols())}, array::to_host(x).data());
}

json column_to_json(const real_array& x) {
  return array_json({static_cast<std::size_t>(x.rows())}, array::to_host(x).data());
}

json solve_gae(const problem& p) {
  const token_batch batch(p.input);
  const real_array reward = batch.tokens("reward"), value = batch.tokens("value"), bootstrap = batch.rows("bootstrap");
  const gae_options options{.gamma = p.input.number("gamma"), .lambda = p.input.number("lam")};
  const double epsilon = p.input.number_or("eps", whitening_options{}.epsilon);
  const real_array advantage = generalized_advantage_estimates(reward, value, batch.mask, bootstrap, options);
  return {{"adv", to_json(advantage)},
          {"ret", to_json(value_targets(advantage, value, batch.mask))},
          {"whiten_biased", to_json(whiten(advantage, batch.mask, {.unbiased = false, .epsilon = epsilon}))},
          {"whiten_unbiased", to_json(whiten(advantage, batch.mask, {.unbiased = true, .epsilon = epsilon}))}};
}

// The entries of x as variables of their own.
dual_array variables(const real_array& x) {
  return x.unaryExpr([](double value) { return dual(value, Eigen::Matrix<double, 1, 1>(1.0)); });
}
dual_array constants(const real_array& x) {
  return x.unaryExpr([](double value) { return dual(value); });
}
real_array slopes(const dual_array& x) {
  return x.unaryExpr([](const dual& entry) { return entry.derivatives()(0); });
}

json solve_ppo(const problem& p) {
  const token_batch batch(p.input);
  const real_array& mask = batch.mask;
  const real_array log_prob = batch.tokens("logp"), old_log_prob = batch.tokens("logp_old");
  const real_array advantage = batch.tokens("adv");
  const real_array value = batch.tokens("value"), old_value = batch.tokens("value_old"), target = batch.tokens("ret");
  const clipped_surrogate_options clip{.clip = p.input.number("clip")};
  value_loss_options value_clip{.clip = std::nullopt};
  if (p.input.has("value_clip")) value_clip.clip = p.input.number("value_clip");

  const auto masked = [&](const real_array& x) -> real_array { return array::select(mask, x, 0.0); };
  const auto finite = [](const char* name, double x) {
    if (!std::isfinite(x)) throw non_finite_result(fmt::format("{} is {}", name, x));
    return x;
  };
  const auto mean_estimate = [&](kl_estimator which) {
    return number(masked_mean(kl_estimates(log_prob, old_log_prob, which), mask));
  };
  const real_array token_loss = clipped_surrogate_token_loss(log_prob, old_log_prob, advantage, clip);
  const real_array token_slope =
      slopes(clipped_surrogate_token_loss(variables(log_prob), constants(old_log_prob), constants(advantage), clip));
  const real_array value_slope =
      slopes(value_token_loss(variables(value), constants(old_value), constants(target), value_clip));
  const std::array modes{std::pair("token_mean", aggregation::token_mean),
                         std::pair("seq_mean_token_mean", aggregation::seq_mean_token_mean),
                         std::pair("seq_mean_token_sum", aggregation::seq_mean_token_sum)};
  json loss, gradient;
  for (const auto& [name, mode] : modes) {
    loss[name] = finite("the policy loss", aggregate(token_loss, mask, {.mode = mode}));
    gradient[name] = to_json(masked(token_slope * aggregation_weights(mask, {.mode = mode})));
  }
  return {{"token_loss", to_json(masked(token_loss))},
          {"ratio", to_json(masked(array::exp(log_prob - old_log_prob)))},
          {"clip_frac", clip_fraction(log_prob, old_log_prob, advantage, mask, clip)},
          {"kl_k1", mean_estimate(kl_estimator::k1)},
          {"kl_k2", mean_estimate(kl_estimator::k2)},
          {"kl_k3", mean_estimate(kl_estimator::k3)},
          {"loss", loss},
          {"grad_logp", gradient},
          {"value_token_loss", to_json(masked(value_token_loss(value, old_value, target, value_clip)))},
          {"value_loss", finite("the value loss", value_loss(value, old_value, target, mask, value_clip))},
          {"grad_value", to_json(masked(value_slope * aggregation_weights(mask)))}};
}

// One side of the pairs: logits [batch time, vocabulary], the tokens, and what follows from them.
struct answers {
  token_batch batch;
  std::size_t vocabulary;
  real_array policy_logits;              // [batch time, vocabulary]
  index_t<real_array> ids;               // [batch time, 1]; 0 in the padding
  real_array log_policy, log_reference;  // [batch, time]

  answers(const reader& input, const std::string& side) : batch(input, "mask_" + side) {
    const std::int64_t rows = batch.mask.rows(), cols = batch.mask.cols();
    const ndarray policy = input.array("policy_" + side, {rows, cols, any_length});
    vocabulary = policy.shape[2];
    const std::int64_t width = static_cast<std::int64_t>(vocabulary);
    const ndarray reference = input.array("ref_" + side, {rows, cols, width});
    std::vector<std::int64_t> tokens = input.integer_array("tokens_" + side, {rows, cols});
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (batch.mask.data()[i] == 0)
        tokens[i] = 0;
      else if (tokens[i] < 0 || tokens[i] >= width)
        input.fail("tokens_" + side, fmt::format("expected ids in [0, {}), found {}", width, tokens[i]));
    }
    ids = array::index_from_host(real_array(), tokens, rows * cols, 1);
    policy_logits = from_data(policy.data, tokens.size(), vocabulary);
    const real_array reference_logits = from_data(reference.data, tokens.size(), vocabulary);
    log_policy = array::reshape(token_log_probability(policy_logits, ids), rows, cols);
    log_reference = array::reshape(token_log_probability(reference_logits, ids), rows, cols);
    require_finite("solve", ("the log-probability under policy_" + side).c_str(), log_policy, batch.mask);
    require_finite("solve", ("the log-probability under ref_" + side).c_str(), log_reference, batch.mask);
  }

  real_array sequence(const real_array& token_log_prob) const {
    return sequence_log_probability(token_log_prob, batch.mask);
  }
  json implicit(double beta) const {
    return to_json(array::select(batch.mask, implicit_reward(log_policy, log_reference, beta), 0.0));
  }
  /// d loss / d logits = slope (1{v = y} - pi(v)) at valid tokens, `slope` [batch, 1] = d loss / d log pi(y|x).
  json gradient(const real_array& slope) const {
    const real_array pi = array::exp(log_softmax(policy_logits));
    const std::size_t rows = static_cast<std::size_t>(batch.mask.rows()),
                      cols = static_cast<std::size_t>(batch.mask.cols());
    std::vector<double> data(rows * cols * vocabulary, 0.0);
    for (Eigen::Index i = 0; i < pi.rows(); ++i) {
      if (batch.mask.data()[i] == 0) continue;
      for (Eigen::Index v = 0; v < pi.cols(); ++v)
        data[static_cast<std::size_t>(i * pi.cols() + v)] =
            slope(i / batch.mask.cols(), 0) * ((v == ids(i, 0) ? 1.0 : 0.0) - pi(i, v));
    }
    return array_json({rows, cols, vocabulary}, data.data());
  }
};

json solve_dpo(const problem& p) {
  const answers winner(p.input, "w"), loser(p.input, "l");
  const dpo_options options{.beta = p.input.number("beta"), .label_smoothing = p.input.number_or("label_smoothing", 0)};
  const real_array policy_w = winner.sequence(winner.log_policy), reference_w = winner.sequence(winner.log_reference);
  const real_array policy_l = loser.sequence(loser.log_policy), reference_l = loser.sequence(loser.log_reference);
  require_same_shape("solve", "the preferred answers", policy_w, "the other answers", policy_l);

  const real_array policy_ratio = policy_w - policy_l, reference_ratio = reference_w - reference_l;
  const real_array margin = dpo_margin(policy_ratio, reference_ratio, options.beta);
  const real_array loss = dpo_loss(policy_ratio, reference_ratio, options);
  const double pairs = static_cast<double>(loss.rows());
  const real_array slope = slopes(dpo_loss(variables(policy_ratio), constants(reference_ratio), options)) / pairs;
  if (!array::all_finite(loss)) throw non_finite_result("the loss of a pair is not finite");
  return {{"logp_w", column_to_json(policy_w)},
          {"logp_l", column_to_json(policy_l)},
          {"ref_w", column_to_json(reference_w)},
          {"ref_l", column_to_json(reference_l)},
          {"margin", column_to_json(margin)},
          {"loss_per_pair", column_to_json(loss)},
          {"loss", array::sum(loss) / pairs},
          {"accuracy", preference_accuracy(margin)},
          {"implicit_w", winner.implicit(options.beta)},
          {"implicit_l", loser.implicit(options.beta)},
          {"grad_logits_w", winner.gradient(slope)},
          {"grad_logits_l", loser.gradient(-slope)}};
}

json solve_token_rewards(const problem& p) {
  const token_batch batch(p.input);
  const token_reward_inputs<real_array> in{.mask = batch.mask,
                                           .log_policy = batch.tokens("logp"),
                                           .log_reference = batch.tokens("logp_ref"),
                                           .log_dpo = batch.tokens("logp_dpo"),
                                           .sequence_reward = batch.rows("r_seq"),
                                           .score = batch.tokens("token_scores")};
  validate(in);
  const double beta_1 = p.input.number("beta1"), beta_2 = p.input.number("beta2"), beta_3 = p.input.number("beta3");
  return {
      {"implicit", to_json(token_reward(in, rto_reward(beta_1, 0)))},
      {"ppo", to_json(token_reward(in, ppo_reward(beta_2)))},
      {"rto", to_json(token_reward(in, rto_reward(beta_1, beta_2)))},
      {"rto_v4", to_json(token_reward(in, rto_terminal_reward(beta_1, beta_2, beta_3)))},
      {"dppo", to_json(token_reward(in, dppo_reward(beta_1, beta_2)))},
      {"tppo", to_json(token_reward(in, tppo_reward(beta_2)))},
      {"rto_release",
       to_json(token_reward(in, rto_release_reward(p.input.number("scale"), p.input.number("reward_clip"), beta_2)))}};
}

const registered_family gae{"gae", solve_gae};
const registered_family ppo{"ppo", solve_ppo};
const registered_family dpo{"dpo", solve_dpo};
const registered_family token_rewards{"token_rewards", solve_token_rewards};

}  // namespace
}  // namespace rto::sim
