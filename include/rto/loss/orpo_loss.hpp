// Odds-ratio preference optimisation: supervised fine-tuning with a price on the odds of the other answer.
#pragma once

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/loss/preference_loss.hpp>

namespace rto {

struct orpo_options {
  double lambda = 0.1;  // weight of the odds-ratio term, >= 0; 0 is supervised fine-tuning on the preferred answers
};

/// log(p / (1 - p)) of a probability given as x = log p, to full relative accuracy at both ends.
///
/// \param log_prob x <= 0, nats; above -1e-12 it counts as -1e-12, so that certainty has finite odds and no NaN
/// gradient \returns the shape of the argument \gradient 1 / (1 - p) \cost one pass
template <Elementwise A> [[nodiscard]] value_t<A> log_odds(const A& log_prob) {
  using namespace array;
  constexpr double certain = -1e-12, half = -0.69314718055994530942;  // log(1 - 1e-12), log(1/2)
  const value_t<A> x = clamp(log_prob, -detail::infinity, certain);
  // log(1 - e^x): each form where it does not cancel, with a harmless input where the other one is taken.
  const value_t<A> small = where_le(x, half, x, half), large = where_le(x, half, half, x);
  const value_t<A> near_zero = log1p(-exp(small)), near_one = log(-expm1(large));
  return x - value_t<A>(where_le(x, half, near_zero, near_one));
}

/// l = -lambda log sigma(log odds(p_w) - log odds(p_l)), p the geometric mean of an answer's token probabilities.
///
/// \source Hong, Lee and Thorne 2024 (arXiv 2403.07691), (7): L_OR, with its weight
/// \param preferred_mean log pi(y^w|x) / |y^w|, nats per token (`mean_log_probability`)
/// \param other_mean log pi(y^l|x) / |y^l|, the same shape
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through both arguments: -lambda sigma(-m) / (1 - p_w) and lambda sigma(-m) / (1 - p_l)
/// \throws std::invalid_argument where shapes differ; std::domain_error unless lambda is non-negative and finite
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> odds_ratio_loss(const A& preferred_mean, const B& other_mean, orpo_options options = {}) {
  require_same_shape("odds_ratio_loss", "preferred_mean", preferred_mean, "other_mean", other_mean);
  require_domain(options.lambda >= 0 && options.lambda < detail::infinity, "odds_ratio_loss", "0 <= lambda < infinity",
                 options.lambda);
  const value_t<A> log_odds_ratio = log_odds(preferred_mean) - log_odds(other_mean);
  return value_t<A>(options.lambda * preference_loss(log_odds_ratio));
}

/// l = -log pi(y^w|x) / |y^w| + odds_ratio_loss: no reference policy.
///
/// \source Hong, Lee and Thorne 2024 (arXiv 2403.07691), (6). Parameters and errors as in odds_ratio_loss.
/// \returns the shape of the arguments, nats, >= 0; take its mean over pairs
/// \gradient through both arguments
/// \cost one pass
template <Elementwise A, GoesWith<A> B>
[[nodiscard]] value_t<A> orpo_loss(const A& preferred_mean, const B& other_mean, orpo_options options = {}) {
  return value_t<A>(odds_ratio_loss(preferred_mean, other_mean, options) - preferred_mean);
}

}  // namespace rto
