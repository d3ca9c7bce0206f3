// The hinge loss of the DPO margin.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/dpo_loss.hpp>

namespace rto {

struct hinge_dpo_options {
  double beta = 0.1;  // KL coefficient, > 0
};

/// l = max(0, 1 - m), m the dpo_margin: pairs ordered with a margin of 1 are left alone.
///
/// \source Zhao et al. 2023 (arXiv 2305.10425, SLiC-HF), with log-ratios to a reference in place of log-probabilities
///   and 1 / beta for the width delta, as in TRL ("hinge"). Parameters as in dpo_margin.
/// \returns the shape of the arguments, reward units, >= 0; take its mean over pairs
/// \gradient through policy_log_ratio only: -beta where m <= 1, else 0
/// \throws as dpo_margin
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> hinge_dpo_loss(const A& policy_log_ratio, const B& reference_log_ratio,
                                        hinge_dpo_options options = {}) {
  const value_t<A> lacking = value_t<A>(1.0 - dpo_margin(policy_log_ratio, reference_log_ratio, options.beta));
  return array::clamp(lacking, 0.0, detail::infinity);
}

}  // namespace rto
