#include "llm/training/pair_loss.hpp"

#include <stdexcept>
#include <utility>

#include <rto/loss/apo_zero_loss.hpp>
#include <rto/loss/cpo_loss.hpp>
#include <rto/loss/dpo_loss.hpp>
#include <rto/loss/dpo_nll_loss.hpp>
#include <rto/loss/hinge_dpo_loss.hpp>
#include <rto/loss/ipo_loss.hpp>
#include <rto/loss/nca_loss.hpp>
#include <rto/loss/orpo_loss.hpp>
#include <rto/loss/r_dpo_loss.hpp>
#include <rto/loss/robust_dpo_loss.hpp>
#include <rto/loss/simpo_loss.hpp>
#include <rto/loss/sppo_loss.hpp>
#include <rto/loss/tdpo_loss.hpp>
#include <rto/reward/implicit_reward.hpp>
#include <rto/torch/array.hpp>

namespace rto::llm {
namespace {

using at::Tensor;
using kind_t = pair_loss_kind;

Tensor mean_of(const side_scores& side) { return side.log_probability / side.length.clamp_min(1); }

bool by_means(kind_t kind) { return kind == kind_t::ipo || kind == kind_t::sigmoid_norm || kind == kind_t::simpo; }

// Differences between the sides, in the form that the loss looks at.
struct differences {
  Tensor policy, reference;
};
differences log_ratios(const side_scores& chosen, const side_scores& rejected, kind_t kind) {
  if (!by_means(kind))
    return {chosen.log_probability - rejected.log_probability, chosen.reference - rejected.reference};
  return {mean_of(chosen) - mean_of(rejected),
          chosen.reference / chosen.length.clamp_min(1) - rejected.reference / rejected.length.clamp_min(1)};
}

}  // namespace

bool needs_reference(kind_t kind) { return kind != kind_t::simpo && kind != kind_t::cpo && kind != kind_t::orpo; }
bool needs_divergence(kind_t kind) { return kind == kind_t::tdpo1 || kind == kind_t::tdpo2; }
bool takes_label_smoothing(kind_t kind) {
  switch (kind) {
    case kind_t::sigmoid:
    case kind_t::robust:
    case kind_t::sigmoid_norm:
    case kind_t::r_dpo:
    case kind_t::tdpo1:
    case kind_t::tdpo2:
    case kind_t::dpo_nll:
    case kind_t::simpo:
    case kind_t::cpo:
      return true;
    default:
      return false;
  }
}

Tensor pair_loss(const side_scores& chosen, const side_scores& rejected, const pair_loss_options& o) {
  const auto [policy, reference] = log_ratios(chosen, rejected, o.kind);
  const double beta = o.beta, eps = o.label_smoothing;
  const auto reward = [&](const side_scores& side, double scale) {
    return implicit_reward(side.log_probability, side.reference, scale);
  };
  switch (o.kind) {
    case kind_t::sigmoid:
    case kind_t::sigmoid_norm:
      return dpo_loss(policy, reference, {.beta = beta, .label_smoothing = eps});
    case kind_t::robust:
      return robust_dpo_loss(policy, reference, {.beta = beta, .flip_rate = eps});
    case kind_t::ipo:
    case kind_t::ipo_sum:
      return ipo_loss(policy, reference, {.beta = beta});
    case kind_t::hinge:
      return hinge_dpo_loss(policy, reference, {.beta = beta});
    case kind_t::r_dpo:
      return r_dpo_loss(policy, reference, Tensor(chosen.length - rejected.length),
                        {.beta = beta, .alpha = o.length_price, .label_smoothing = eps});
    case kind_t::tdpo1:
      return tdpo1_loss(policy, reference, chosen.divergence, rejected.divergence,
                        {.beta = beta, .label_smoothing = eps});
    case kind_t::tdpo2:
      return tdpo2_loss(policy, reference, chosen.divergence, rejected.divergence,
                        {.beta = beta, .alpha = o.divergence_weight, .label_smoothing = eps});
    case kind_t::dpo_nll:
      return dpo_nll_loss(policy, reference, mean_of(chosen),
                          {.beta = beta, .nll_coefficient = o.nll_coefficient, .label_smoothing = eps});
    case kind_t::apo_zero:
      return apo_zero_loss(reward(chosen, beta), reward(rejected, beta));
    case kind_t::nca:
      return nca_pair_loss(reward(chosen, beta), reward(rejected, beta));
    case kind_t::sppo:
      return sppo_hard_loss(reward(chosen, 1), reward(rejected, 1), {.beta = beta});
    case kind_t::simpo:
      return simpo_loss(mean_of(chosen), mean_of(rejected),
                        {.beta = beta, .gamma = o.target_margin, .label_smoothing = eps});
    case kind_t::cpo:
      return cpo_loss(policy, mean_of(chosen),
                      {.beta = beta, .nll_coefficient = o.nll_coefficient, .label_smoothing = eps});
    case kind_t::orpo:
      return orpo_loss(mean_of(chosen), mean_of(rejected), {.lambda = o.odds_weight});
  }
  throw std::domain_error("rto::pair_loss: an unknown kind");
}

Tensor pair_reward(const side_scores& side, const pair_loss_options& o) {
  if (o.kind == kind_t::orpo) return o.odds_weight * mean_of(side);
  const Tensor log_ratio =
      needs_reference(o.kind) ? Tensor(side.log_probability - side.reference) : side.log_probability;
  return o.beta * (by_means(o.kind) ? Tensor(log_ratio / side.length.clamp_min(1)) : log_ratio);
}

std::optional<double> loss_at_reference(const pair_loss_options& options) {
  if (!needs_reference(options.kind) || options.kind == kind_t::r_dpo || options.kind == kind_t::dpo_nll)
    return std::nullopt;
  const Tensor zero = at::zeros({1, 1}, at::kDouble), one = at::ones({1, 1}, at::kDouble);
  const side_scores side{zero, zero, one, zero};
  return pair_loss(side, side, options).item<double>();
}

const std::vector<std::pair<std::string, pair_loss_kind>>& pair_loss_names() {
  static const std::vector<std::pair<std::string, pair_loss_kind>> names{
      {"sigmoid", kind_t::sigmoid}, {"robust", kind_t::robust},     {"ipo", kind_t::ipo},
      {"ipo_sum", kind_t::ipo_sum}, {"hinge", kind_t::hinge},       {"sigmoid_norm", kind_t::sigmoid_norm},
      {"r_dpo", kind_t::r_dpo},     {"tdpo1", kind_t::tdpo1},       {"tdpo2", kind_t::tdpo2},
      {"dpo_nll", kind_t::dpo_nll}, {"apo_zero", kind_t::apo_zero}, {"nca", kind_t::nca},
      {"sppo", kind_t::sppo},       {"simpo", kind_t::simpo},       {"cpo", kind_t::cpo},
      {"orpo", kind_t::orpo}};
  return names;
}

std::string to_string(pair_loss_kind kind) {
  for (const auto& [name, k] : pair_loss_names())
    if (k == kind) return name;
  return "unknown";
}

}  // namespace rto::llm
