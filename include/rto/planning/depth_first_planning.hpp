// Planning and evaluation on models that are never stored: depth-first over prefixes, memory O(H A).
//
// Reward, reference and policy are callables of a prefix and a token. Subtrees that the reference (the policy, in an
// evaluation) forbids are not entered, so a sparse policy makes a huge tree small.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <rto/array/scalar.hpp>
#include <rto/array/shape.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/probability.hpp>
#include <rto/mdp/token_mdp.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/soft_bellman_row.hpp>

namespace rto {

/// A number for a prefix and a token: a reward, or a log-probability. (A table is none, though it may be callable.)
template <class F, class Mdp>
concept PrefixFunction = !Elementwise<F> && requires(const F& f, const state_t<Mdp>& state, std::int64_t token) {
  { f(state, token) } -> std::convertible_to<double>;
};

/// The optimum at one prefix.
struct prefix_plan {
  double value = 0;                  // V*(s)
  std::vector<double> action_value;  // q*(s, .) [A]; -inf where the reference forbids the token (not explored)
  std::vector<double> log_policy;    // log pi*(.|s) [A]
};

/// The optimum from the start states.
struct start_plan {
  double objective = 0;             // J* = E_rho V*
  std::vector<prefix_plan> starts;  // one for every start state
  std::int64_t states = 0;          // prefixes visited
};

/// The value of a policy from the start states.
struct start_evaluation {
  double objective = 0;       // J(pi); -inf where the policy leaves the support of the reference and beta > 0
  double kl = 0;              // E sum_h KL(pi(.|s_h) || pi_ref(.|s_h)), nats
  double length = 0;          // E[T]
  std::vector<double> value;  // V^pi of every start state
  std::int64_t states = 0;    // prefixes visited
};

namespace detail {

// The buffers of one depth; a deque keeps references to them valid while deeper ones are added.
struct prefix_rows {
  std::vector<double> log_reference, log_policy, action_value;
};

template <class Mdp> prefix_rows& rows_at(std::deque<prefix_rows>& rows, const Mdp& mdp, std::size_t depth) {
  if (depth >= static_cast<std::size_t>(mdp.horizon()))
    throw std::runtime_error("rto::plan: a state after horizon() tokens must be terminal");
  if (depth == rows.size()) {
    const std::vector<double> row(static_cast<std::size_t>(mdp.actions()));
    rows.push_back({row, row, row});
  }
  return rows[depth];
}

// Reads a row of log-probabilities and checks it.
template <class Mdp, class F>
void read_policy_row(const Mdp&, const F& f, const state_t<Mdp>& state, const char* name, std::vector<double>& row) {
  double sum = 0;
  for (std::size_t a = 0; a < row.size(); ++a) {
    row[a] = static_cast<double>(f(state, static_cast<std::int64_t>(a)));
    sum += std::exp(row[a]);
  }
  if (!(std::abs(sum - 1) <= 1e-9))
    throw std::domain_error("rto::plan: need probabilities of " + std::string(name) +
                            " that sum to 1 after every prefix, got " + number_text(sum));
}

template <class F, class State> double finite_reward(const F& reward, const State& state, std::size_t token) {
  const double r = static_cast<double>(reward(state, static_cast<std::int64_t>(token)));
  require_domain(std::isfinite(r), "plan", "finite rewards", r);
  return r;
}

template <class Mdp> auto checked_starts(const char* function, const Mdp& mdp) {
  std::vector<start_state<state_t<Mdp>>> starts;
  std::vector<double> rho;
  for (const auto& start : mdp.start_states()) {
    starts.push_back(start);
    rho.push_back(start.probability);
  }
  validate_prompt_distribution(function, rho);
  return starts;
}

template <class Mdp, class L, class R> struct depth_first_planner {
  const Mdp& mdp;
  const L& log_reference;
  const R& reward;
  double beta;
  std::int64_t states = 0;
  std::deque<prefix_rows> rows = {};

  // V*(state); leaves q* and log pi* in rows[depth].
  double solve(const state_t<Mdp>& state, std::size_t depth) {
    prefix_rows& here = rows_at(rows, mdp, depth);
    ++states;
    read_policy_row(mdp, log_reference, state, "the reference", here.log_reference);
    for (std::size_t a = 0; a < here.action_value.size(); ++a) {
      here.action_value[a] = -infinity;
      if (here.log_reference[a] == -infinity) continue;
      const state_t<Mdp> next = mdp.append(state, static_cast<std::int64_t>(a));
      const double r = finite_reward(reward, state, a);
      here.action_value[a] = mdp.is_terminal(next) ? r : r + solve(next, depth + 1);
    }
    return soft_bellman_row(here.log_reference, here.action_value, beta, here.log_policy);
  }
  prefix_plan solve_at(const state_t<Mdp>& state) {
    if (mdp.is_terminal(state)) return {};
    const double value = solve(state, 0);
    return {value, rows[0].action_value, rows[0].log_policy};
  }
};

template <class Mdp, class P, class L, class R> struct depth_first_evaluator {
  const Mdp& mdp;
  const P& log_policy;
  const L& log_reference;
  const R& reward;
  double beta;
  std::int64_t states = 0;
  double kl = 0, length = 0;  // accumulated over all states, weighted by the probability of a visit
  std::deque<prefix_rows> rows = {};

  // V^pi(state), reached with probability `visit`.
  double solve(const state_t<Mdp>& state, std::size_t depth, double visit) {
    prefix_rows& here = rows_at(rows, mdp, depth);
    ++states;
    read_policy_row(mdp, log_reference, state, "the reference", here.log_reference);
    read_policy_row(mdp, log_policy, state, "the policy", here.log_policy);
    double divergence = 0, value = 0;
    for (std::size_t a = 0; a < here.log_policy.size(); ++a)
      divergence += kl_terms(here.log_policy[a], here.log_reference[a]);
    if (visit > 0) kl += visit * divergence, length += visit;
    for (std::size_t a = 0; a < here.log_policy.size(); ++a) {
      if (here.log_policy[a] == -infinity) continue;
      const double p = std::exp(here.log_policy[a]);
      const state_t<Mdp> next = mdp.append(state, static_cast<std::int64_t>(a));
      const double r = finite_reward(reward, state, a);
      const double ahead = mdp.is_terminal(next) ? 0 : solve(next, depth + 1, visit * p);
      value += ahead == -infinity ? ahead : p * (r + ahead);
    }
    return divergence > 0 && beta > 0 ? value - beta * divergence : value;
  }
};

}  // namespace detail

/// V*, q* and pi* at one prefix, by recursion over everything below it.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.4), reconstructed
/// \param state not terminal, or the plan is empty with value 0
/// \param log_reference callable (state, token) -> log pi_ref, every row a distribution
/// \param reward callable (state, token) -> r, finite
/// \throws std::domain_error for values out of their domain; std::runtime_error when the model outlives its horizon
/// \cost time O(prefixes below A), memory O(H A)
template <TokenMdp Mdp, PrefixFunction<Mdp> L, PrefixFunction<Mdp> R>
[[nodiscard]] prefix_plan plan_at(const Mdp& mdp, const state_t<Mdp>& state, const L& log_reference, const R& reward,
                                  planning_options options) {
  require_domain(options.beta >= 0, "plan_at", "beta >= 0", options.beta);
  return detail::depth_first_planner<Mdp, L, R>{mdp, log_reference, reward, options.beta}.solve_at(state);
}

/// The optimum from every start state. Parameters as `plan_at`; start probabilities sum to one.
template <TokenMdp Mdp, PrefixFunction<Mdp> L, PrefixFunction<Mdp> R>
[[nodiscard]] start_plan plan(const Mdp& mdp, const L& log_reference, const R& reward, planning_options options) {
  require_domain(options.beta >= 0, "plan", "beta >= 0", options.beta);
  detail::depth_first_planner<Mdp, L, R> planner{mdp, log_reference, reward, options.beta};
  start_plan best;
  for (const auto& start : detail::checked_starts("plan", mdp)) {
    best.starts.push_back(planner.solve_at(start.state));
    best.objective += start.probability * best.starts.back().value;
  }
  best.states = planner.states;
  return best;
}

/// V^pi of every start state, J(pi), and what the policy pays and how long it talks.
/// \source Zhong et al. 2024 (arXiv 2404.18922), (3.2), (3.3), reconstructed
/// \param log_policy, log_reference callables (state, token) -> log-probability, every row a distribution
/// \param reward callable (state, token) -> r, finite  \param beta in [0, inf]
/// \throws as `plan_at`
/// \cost time O(prefixes the policy reaches, times A), memory O(H A)
template <TokenMdp Mdp, PrefixFunction<Mdp> P, PrefixFunction<Mdp> L, PrefixFunction<Mdp> R>
[[nodiscard]] start_evaluation evaluate_policy(const Mdp& mdp, const P& log_policy, const L& log_reference,
                                               const R& reward, double beta) {
  require_domain(beta >= 0, "evaluate_policy", "beta >= 0", beta);
  detail::depth_first_evaluator<Mdp, P, L, R> evaluator{mdp, log_policy, log_reference, reward, beta};
  start_evaluation result;
  for (const auto& start : detail::checked_starts("evaluate_policy", mdp)) {
    const bool ended = mdp.is_terminal(start.state);
    result.value.push_back(ended ? 0 : evaluator.solve(start.state, 0, start.probability));
    if (start.probability > 0) result.objective += start.probability * result.value.back();
  }
  result.kl = evaluator.kl;
  result.length = evaluator.length;
  result.states = evaluator.states;
  return result;
}

}  // namespace rto
