// Policies as arrays of log-probabilities [states, actions], -inf where a token is forbidden.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>

namespace rto {

namespace detail {

// x where the log-probability allows the token, `otherwise` (array or number) where it is -inf.
template <Elementwise L, class X, class Y>
[[nodiscard]] value_t<L> where_allowed(const L& log_probability, const X& x, const Y& otherwise) {
  return array::where_le(log_probability, array::full_like(log_probability, -infinity), otherwise, x);
}
}  // namespace detail

/// pi = e^log pi, exactly 0 where the token is forbidden (a vectorised exp may leave a denormal number there).
/// \param log_policy [N, A]  \returns [N, A]
template <Array A> [[nodiscard]] array_t<A> probabilities(const A& log_policy) {
  return detail::where_allowed(log_policy, array::exp(log_policy), 0.0);
}

namespace detail {
// z - max z of every row into `shifted`, and e^ of that into `weights`: exactly 0 where the token is forbidden.
// \returns the sums of the weights [N, 1], 1 for a row that forbids every token
template <Array A, class Shifted, class Weights>
[[nodiscard]] array_t<A> shifted_exponentials(const A& logits, Shifted&& shifted, Weights&& weights) {
  const array_t<A> largest = array::row_max(logits), shift = array::where_le(largest, -infinity, 0.0, largest);
  array::assign(shifted, logits - array::broadcast_columns(shift, array::cols(logits)));
  // The largest entry is 0 now: the sum is in [1, n] and needs no shift of its own.
  array::assign(weights, array::where_le(shifted, -infinity, 0.0, array::exp(shifted)));
  return array::where_le(largest, -infinity, 1.0, array::row_sum(weights));
}
}  // namespace detail

/// log softmax of every row: log pi(a|s) = z_a - log sum_b e^z_b.
/// \param logits [N, A] with entries < +inf; -inf forbids a token. A row of -inf stays one (and is no policy: see
///   `validate_policy`).
/// \returns [N, A], entries <= 0
template <Array A> [[nodiscard]] array_t<A> log_softmax(const A& logits) {
  array_t<A> shifted, weights;
  const array_t<A> total = detail::shifted_exponentials(logits, shifted, weights), log_total = array::log(total);
  return shifted - array::broadcast_columns(log_total, array::cols(logits));
}

/// The same and its exponential, with one exponential an entry for both.
/// \param log_policy, policy [N, A]: log pi as above, and pi, exactly 0 where a token is forbidden; one of them may be
///   `logits` itself
template <Array A, class LogPolicy, class Policy>
void log_softmax(const A& logits, LogPolicy&& log_policy, Policy&& policy) {
  const std::int64_t n = array::cols(logits);
  const array_t<A> total = detail::shifted_exponentials(logits, log_policy, policy);
  const array_t<A> log_total = array::log(total), share = 1.0 / total;
  array::assign(log_policy, log_policy - array::broadcast_columns(log_total, n));
  array::assign(policy, policy * array::broadcast_columns(share, n));
}

/// Throws unless every row of `log_policy` is a probability distribution: sum one to `probability_tolerance`, no NaN.
/// A row that forbids every token is none.
/// \param name of the argument, for the message
/// \throws std::domain_error naming the first bad row
/// \cost O(N A), synchronises with a device
template <Array A> void validate_policy(const A& log_policy, const char* name = "log_policy") {
  const array_t<A> sums = array::row_sum(array::exp(log_policy));
  if (array::rows(sums) == 0) return;
  const double tolerance = probability_tolerance(log_policy);
  if (array::all_finite(sums) && array::item(array::max_coeff(array::abs(sums - 1.0))) <= tolerance) return;
  const std::vector<double> host = array::to_host(array::row_sum(probabilities(log_policy)));
  for (std::size_t row = 0; row < host.size(); ++row)
    if (!(std::abs(host[row] - 1) <= tolerance))
      throw std::domain_error("rto::validate_policy: need probabilities of " + std::string(name) +
                              " that sum to 1 in every row, got " + number_text(host[row]) + " in row " +
                              std::to_string(row));
}

/// The policy of logits: `log_softmax`, validated.
/// \param name of the argument, for the message
/// \throws std::domain_error for NaN, +inf, or a row that forbids every token
template <Array A> [[nodiscard]] array_t<A> policy_from_logits(const A& logits, const char* name = "logits") {
  const array_t<A> log_policy = log_softmax(logits);
  validate_policy(log_policy, name);
  return log_policy;
}

/// The terms of KL(p || q) for one token each: p log(p/q) - p + q >= 0; q where p = 0, +inf where q = 0 < p. They add
/// up to KL(p || q) over a row because both sides sum to one; unlike p log(p/q) they do not cancel where p is close to
/// q. \param log_p, log_q log-probabilities, numbers or arrays of one shape
template <Elementwise P, GoesWith<P> Q> [[nodiscard]] value_t<P> kl_terms(const P& log_p, const Q& log_q) {
  const value_t<P> p = detail::where_allowed(log_p, array::exp(log_p), 0.0);
  const value_t<P> q = detail::where_allowed(log_q, array::exp(log_q), 0.0);
  const value_t<P> log_ratio = detail::where_allowed(log_p, detail::where_allowed(log_q, log_p - log_q, 0.0), 0.0);
  const value_t<P> small = array::clamp(log_ratio, -1.0, 1.0);  // a safe argument on the branch not taken
  const value_t<P> terms = array::where_le(array::abs(log_ratio), array::full_like(p, 1.0),
                                           p * (small + array::expm1(-small)), p * log_ratio - p + q);
  return detail::where_allowed(log_p, detail::where_allowed(log_q, terms, detail::infinity), q);
}

/// KL(p || q) = sum_a p_a log(p_a / q_a) of every row, nats; +inf where p leaves the support of q. Exactly zero for
/// equal rows.
/// \param log_p, log_q policies of one shape [N, A]
/// \returns [N, 1], >= 0
template <Array P, GoesWith<P> Q> [[nodiscard]] array_t<P> kl_divergence(const P& log_p, const Q& log_q) {
  require_same_shape("kl_divergence", "log_p", log_p, "log_q", log_q);
  return array::row_sum(kl_terms(log_p, log_q));
}

/// Draws tokens from a policy array: a callable (state, rng) -> token for `sample_trajectory`. Holds the model by
/// reference and a host copy of the probabilities.
template <class Mdp> class tabular_sampler {
 public:
  /// \param mdp with row(state)  \param log_policy [N, A]
  /// \throws std::domain_error where it is no policy
  template <Array A>
  tabular_sampler(const Mdp& mdp, const A& log_policy)
      : mdp_(&mdp), actions_(static_cast<std::size_t>(array::cols(log_policy))) {
    require_shape("tabular_sampler", "log_policy", log_policy, mdp.states(), mdp.actions());
    validate_policy(log_policy);
    probabilities_ = array::to_host(probabilities(log_policy));
  }
  /// \cost O(A)
  template <class URBG> [[nodiscard]] std::int64_t operator()(const state_t<Mdp>& state, URBG& rng) const {
    const auto from = static_cast<std::size_t>(mdp_->row(state)) * actions_;
    return draw_index(std::span(probabilities_).subspan(from, actions_), rng);
  }

 private:
  const Mdp* mdp_;
  std::size_t actions_;
  std::vector<double> probabilities_;  // [N, A]
};

/// The same from a callable log_policy(state, token), for models that are not stored.
template <class Mdp, class LogPolicy> class log_policy_sampler {
 public:
  log_policy_sampler(const Mdp& mdp, LogPolicy log_policy) : mdp_(&mdp), log_policy_(std::move(log_policy)) {}

  template <class URBG> [[nodiscard]] std::int64_t operator()(const state_t<Mdp>& state, URBG& rng) {
    probabilities_.clear();
    for (std::int64_t token = 0; token < mdp_->actions(); ++token)
      probabilities_.push_back(std::exp(static_cast<double>(log_policy_(state, token))));
    return draw_index(probabilities_, rng);
  }

 private:
  const Mdp* mdp_;
  LogPolicy log_policy_;
  std::vector<double> probabilities_;
};

}  // namespace rto
