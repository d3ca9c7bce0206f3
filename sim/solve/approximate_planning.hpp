#pragma once
// The families npg (policy iteration) and prop_c2 (open-loop planning), for any array type.
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <rto/array/array.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/planning/open_loop.hpp>
#include <rto/planning/policy_iteration.hpp>

#include "sim/solve/finite_mdp_input.hpp"
#include "sim/solve/registry.hpp"

namespace rto::sim {

/// The family npg: `J_star` and, for every step size of `etas`, the objectives J_0 .. J_T and the last policy.
template <Array A> json solve_npg(const problem& p, const A& like) {
  const auto model = read_finite_mdp(p.input, like);
  const std::int64_t actions = model.mdp.actions();
  const array_t<A> reward = read_table(p.input, "reward", model.shape, actions, like);
  const array_t<A> log_reference =
      policy_from_logits(read_table(p.input, "ref_logits", model.shape, actions, like), "ref_logits");
  const double beta = p.input.number("beta");
  const std::int64_t iterations = p.input.integer("T");
  if (iterations < 0) p.input.fail("T", fmt::format("expected an integer >= 0, found {}", iterations));
  if (p.input.has("init") && p.input.text("init") != "pi_ref")
    p.input.fail("init", fmt::format("expected \"pi_ref\", found \"{}\"", p.input.text("init")));

  json result{{"J_star", array::item(plan(model.mdp, log_reference, reward, {.beta = beta}).objective)},
              {"runs", json::array()}};
  for (const double eta : p.input.numbers("etas")) {
    const auto run = policy_iteration(model.mdp, log_reference, reward,
                                      {.beta = beta, .eta = eta, .iterations = iterations, .tolerance = 0});
    result["runs"].push_back({{"eta", eta},
                              {"eta_beta", detail::reference_share("solve_npg", beta, eta)},
                              {"J", array_json({run.objective.size()}, run.objective.data())},
                              {"logpi_T", table_json(run.log_policy, model.shape)}});
  }
  return result;
}

/// The family prop_c2: expected returns of all action sequences, and the optimal values with and without sight of the
/// state, for every entry of `betas`; by default those of the expected answer, else 0, 0.1, 1, 25 and inf.
template <Array A> json solve_prop_c2(const problem& p, const A& like) {
  const auto model = read_finite_mdp(p.input, like);
  const std::int64_t actions = model.mdp.actions();
  const array_t<A> reward = read_table(p.input, "reward", model.shape, actions, like);
  const array_t<A> log_reference =
      policy_from_logits(read_table(p.input, "ref_logits", model.shape, actions, like), "ref_logits");

  std::vector<double> betas{0, 0.1, 1, 25, detail::infinity};
  if (p.input.has("betas")) {
    betas = p.input.numbers("betas");
  } else if (p.expect != nullptr && p.expect->contains("values")) {
    betas.clear();
    for (const json& entry : p.expect->at("values")) betas.push_back(to_number(entry.at("beta"), "beta"));
  }
  json result{{"values", json::array()}};
  const array_t<A> returns = open_loop_returns(model.mdp, reward);
  result["open_loop_returns"] =
      array_json({static_cast<std::size_t>(array::rows(returns))}, array::to_host(returns).data());
  for (const double beta : betas) {
    const double markov = array::item(plan(model.mdp, log_reference, reward, {.beta = beta}).objective);
    const double open_loop = array::item(plan_open_loop(model.mdp, log_reference, reward, {.beta = beta}).objective);
    result["values"].push_back(
        {{"beta", beta}, {"markov", markov}, {"open_loop", open_loop}, {"gap", markov - open_loop}});
  }
  return result;
}

}  // namespace rto::sim
