// How fast approximate planning approaches the optimal policy: the rates behind Remark A.3, as functions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <rto/array/array.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/policy_iteration.hpp>

namespace rto {

/// e_h = max over the states s of layer h of span_a(log pi(a|s) - log pi*(a|s)), over the tokens that pi* allows: how
/// far a policy is from the optimum, whatever the states it visits.
/// \source mathematics.md, section 8
/// \param log_policy, log_optimum log pi and log pi* [N, A]
/// \returns [layers], nats, >= 0; inf where pi forbids what pi* allows
/// \throws std::invalid_argument for shapes  \cost O(N A); synchronises with a device
template <class Mdp, Array P, Array Q>
requires TabularMdp<Mdp, P> && GoesWith<Q, P>
[[nodiscard]] std::vector<double> log_ratio_spans(const Mdp& mdp, const P& log_policy, const Q& log_optimum) {
  using A = array_t<P>;
  require_shape("log_ratio_spans", "log_policy", log_policy, mdp.states(), mdp.actions());
  require_shape("log_ratio_spans", "log_optimum", log_optimum, mdp.states(), mdp.actions());
  const A ratio = detail::where_allowed(log_optimum, log_policy - log_optimum, 0.0);
  const A above = array::row_max(detail::where_allowed(log_optimum, ratio, -detail::infinity));
  const A below = array::row_max(detail::where_allowed(log_optimum, -ratio, -detail::infinity));
  std::vector<double> spans;
  for (std::int64_t h = 0; h < mdp.layers(); ++h) {
    const A layer = array::row_slice(A(above + below), mdp.layer_begin(h), mdp.layer_begin(h + 1));
    spans.push_back(array::item(array::max_coeff(layer)));
  }
  return spans;
}

/// After one step of policy iteration: e_h(t+1) <= (1 - eta beta) e_h(t) + (eta beta / 8) sum_{h' > h} e_h'(t)^2.
/// \source mathematics.md, section 8; a step multiplies log(pi/pi*) by 1 - eta beta and adds eta (q^pi - q*), whose
///   span is at most (eta beta / 8) times the sum, since a divergence is at most span^2 / 8
/// \assumes exact evaluation, finite horizon, any kernel
/// \param spans e_0(t) .. e_{H-1}(t), nats, >= 0 (`log_ratio_spans`)
/// \param share eta beta in (0, 1]
/// \returns the bounds of e_0(t+1) .. e_{H-1}(t+1); at share = 1 the last layer with an error falls to 0, so that H
///   steps are exact
/// \throws std::domain_error for values out of their domain
[[nodiscard]] inline std::vector<double> next_log_ratio_spans_bound(std::span<const double> spans, double share) {
  require_domain(share > 0 && share <= 1, "next_log_ratio_spans_bound", "0 < eta beta <= 1", share);
  std::vector<double> bound(spans.size());
  double later = 0;  // sum of squares of the layers below
  for (std::size_t h = spans.size(); h-- > 0;) {
    require_domain(spans[h] >= 0, "next_log_ratio_spans_bound", "spans >= 0", spans[h]);
    const double kept = share == 1 ? 0 : (1 - share) * spans[h];  // 0 inf is 0 here: the old policy is not used
    bound[h] = kept + share / 8 * later;
    later += spans[h] * spans[h];
  }
  return bound;
}

/// J* - J(pi) <= (beta / 8) sum_h e_h^2.
/// \source (3.a) and KL(p || q) <= span(log p/q)^2 / 8, mathematics.md (3.b)
/// \param spans e_0 .. e_{H-1}, nats  \param beta in (0, inf), reward units a nat
/// \returns reward units
/// \throws std::domain_error for values out of their domain
[[nodiscard]] inline double suboptimality_of_spans(std::span<const double> spans, double beta) {
  require_domain(beta > 0 && beta < detail::infinity, "suboptimality_of_spans", "0 < beta < inf", beta);
  double sum = 0;
  for (const double e : spans) {
    require_domain(e >= 0, "suboptimality_of_spans", "spans >= 0", e);
    sum += e * e;
  }
  return beta / 8 * sum;
}

/// The factor by which J* - J(pi_t) shrinks an iteration in the limit, (1 - eta beta)^2.
/// \source mathematics.md, section 8 (Cen et al. 2022, arXiv 2007.06558, prove the rate 1 - eta tau of Q with a
/// discount) \throws std::domain_error unless 0 <= beta < inf and 0 < eta <= 1 / beta
[[nodiscard]] inline double policy_iteration_gap_ratio(double beta, double eta) {
  const double kept = 1 - detail::reference_share("policy_iteration_gap_ratio", beta, eta);
  return kept * kept;
}

namespace detail {
inline void require_regret_domain(const char* function, std::int64_t horizon, std::int64_t actions,
                                  std::int64_t iterations) {
  require_domain(horizon >= 1, function, "horizon >= 1", static_cast<double>(horizon));
  require_domain(actions >= 1, function, "actions >= 1", static_cast<double>(actions));
  require_domain(iterations >= 1, function, "iterations >= 1", static_cast<double>(iterations));
}
}  // namespace detail

/// eta = sqrt(8 log A / (T H^2)), the step size for which `exponentiated_gradient_regret_bound` is proved; 0 where
/// there is one action.
/// \source mathematics.md, section 8; Hoeffding's lemma for exponential weights in every state
/// \throws std::domain_error for arguments < 1
[[nodiscard]] inline double exponentiated_gradient_step_size(std::int64_t horizon, std::int64_t actions,
                                                             std::int64_t iterations) {
  detail::require_regret_domain("exponentiated_gradient_step_size", horizon, actions, iterations);
  return std::sqrt(8 * std::log(static_cast<double>(actions)) / static_cast<double>(iterations)) /
         static_cast<double>(horizon);
}

/// beta = 0: (1/T) sum_{t < T} (J* - J(pi_t)) <= H^2 sqrt(log A / (2 T)).
/// \source mathematics.md, section 8
/// \assumes rewards in [0, 1], pi_0 uniform over (at most A) allowed tokens, exact evaluation, step size
///   `exponentiated_gradient_step_size`
/// \returns reward units
/// \throws std::domain_error for arguments < 1
[[nodiscard]] inline double exponentiated_gradient_regret_bound(std::int64_t horizon, std::int64_t actions,
                                                                std::int64_t iterations) {
  detail::require_regret_domain("exponentiated_gradient_regret_bound", horizon, actions, iterations);
  return static_cast<double>(horizon) * static_cast<double>(horizon) *
         std::sqrt(std::log(static_cast<double>(actions)) / (2 * static_cast<double>(iterations)));
}

}  // namespace rto
