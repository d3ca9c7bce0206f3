#pragma once
// The family unknown_p (Remark B.2), for any array type: a back end instantiates the same answers.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <rto/algorithm/unknown_transitions.hpp>

#include "sim/solve/planning.hpp"

namespace rto::sim {

/// The trajectories of `data`: lists of [s, a, s'] in which every s' is the next s.
inline std::vector<visited_trajectory<step_state>> read_transition_data(const reader& input) {
  const json& data = input.at("data");
  if (!data.is_array()) input.fail("data", "expected a list of trajectories");
  std::vector<visited_trajectory<step_state>> trajectories;
  for (const json& list : data) {
    if (!list.is_array()) input.fail("data", "expected a list of [s, a, s'] for every trajectory");
    visited_trajectory<step_state> path;
    std::int64_t reached = -1;
    for (const json& step : list) {
      const bool triple = step.is_array() && step.size() == 3 && step[0].is_number_integer() &&
                          step[1].is_number_integer() && step[2].is_number_integer();
      if (!triple) input.fail("data", "expected [s, a, s'] of integers, found " + step.dump());
      const auto state = step[0].get<std::int64_t>();
      if (!path.states.empty() && state != reached)
        input.fail("data", "expected the state reached before, " + std::to_string(reached) + ", found " +
                               std::to_string(state));
      path.states.push_back({static_cast<std::int64_t>(path.states.size()), state});
      path.response.tokens.push_back(step[1].get<std::int64_t>());
      reached = step[2].get<std::int64_t>();
    }
    trajectories.push_back(path);
  }
  return trajectories;
}

/// The family unknown_p. \param like says which array type, on which device
template <Array A> json solve_unknown_p(const problem& p, const A& like) {
  using matrix = matrix_t<A>;
  using model = finite_mdp<matrix>;
  const std::int64_t states = p.input.integer("S"), actions = p.input.integer("A"), horizon = p.input.integer("H");
  for (const char* field : {"S", "A", "H"})
    if (p.input.integer(field) < 1) p.input.fail(field, "expected an integer >= 1");
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  const std::vector<double> start = p.input.numbers("rho0", states);

  const ndarray kernels = p.input.array("candidates", {any_length, horizon, states, actions, states});
  const auto layer = size(states * actions * states);
  std::vector<model> candidates;
  for (std::size_t k = 0; k < kernels.shape[0]; ++k) {
    std::vector<matrix> transitions;  // the last layer leads nowhere
    for (std::size_t h = 0; h + 1 < size(horizon); ++h)
      transitions.push_back(read_matrix(like, std::span(kernels.data).subspan((k * size(horizon) + h) * layer, layer),
                                        states * actions, states));
    candidates.emplace_back(actions, horizon, start, std::move(transitions));
  }

  const state_shape shape{size(horizon), size(states)};
  const array_t<A> log_reference =
      policy_from_logits(read_table(p.input, "ref_logits", shape, actions, like), "ref_logits");
  const ndarray logits = p.input.array("policy_logits", {any_length, horizon, states, actions});
  const auto table = size(horizon * states * actions);
  std::vector<array_t<A>> log_policies;
  for (std::size_t k = 0; k < logits.shape[0]; ++k) {
    const array_t<A> z =
        array::from_host(like, std::span(logits.data).subspan(k * table, table), horizon * states, actions);
    log_policies.push_back(policy_from_logits(z, "policy_logits"));
  }

  const ndarray phi = p.input.array("phi", {horizon, states, actions, any_length});
  const auto d = static_cast<std::int64_t>(phi.shape.back());
  const std::vector<double> theta = p.input.numbers("theta", d);
  const ndarray sigma = p.input.array("Sigma", {d, d});
  const linear_reward_set<array_t<A>> rewards{
      .features = array::from_host(like, phi.data, horizon * states * actions, d),
      .theta = read_matrix(like, std::span(theta), d, 1),
      .covariance = factorize_covariance(read_matrix(like, std::span(sigma.data), d, d), 0.0),
      .radius = p.input.number("radius"),
      .beta = p.input.number("beta")};

  const auto trajectories = read_transition_data(p.input);
  const auto counts =
      count_transitions(like, states, actions, horizon, std::span<const visited_trajectory<step_state>>(trajectories));
  const std::span<const model> kernel_list(candidates);
  const auto set = kernel_confidence_set(counts, kernel_list, p.input.number("zeta"));
  const auto values =
      evaluate_doubly_pessimistic(kernel_list, set, std::span<const array_t<A>>(log_policies), log_reference, rewards);
  json member = json::array();
  for (std::size_t k = 0; k < candidates.size(); ++k) member.push_back(set.contains(static_cast<std::int64_t>(k)));
  return {{"loglik", array_json({set.log_likelihood.size()}, set.log_likelihood.data())},
          {"count_mle_loglik", tabular_log_likelihood(counts)},
          {"member", member},
          {"value", table_json(values.value, {log_policies.size()})},
          {"pess_value", array_json({values.pessimistic_value.size()}, values.pessimistic_value.data())},
          {"best_policy", values.best_policy}};
}

}  // namespace rto::sim
