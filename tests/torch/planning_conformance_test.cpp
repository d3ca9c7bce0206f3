// Policies, planning and what is said about them, on every array type.
#include "support/planning_problem.hpp"
#include "torch/precompiled.hpp"

using namespace rto;
using namespace rto::test;

namespace {

// Three tokens, an end of sequence, two prompts: a ragged trie; and a complete tree of the same size.
const token_trie trie = full_trie({.actions = 3, .horizon = 3, .eos = 0, .rho = {0.3, 0.7}});
const complete_token_tree tree(3, 3);

template <class Mdp> std::vector<sample> problem(const Mdp& mdp, bool forbid = true) {
  const std::int64_t n = mdp.states(), a = mdp.actions();
  return {policy_sample(n, a, 1, forbid), normal_sample(n, a, 2), policy_sample(n, a, 3, forbid)};
}

template <class A> std::vector<matrix_t<A>> transitions(const A& like) {
  boost::random::mt19937 rng(5);
  std::vector<matrix_t<A>> list;
  for (int h = 0; h < 2; ++h) {
    const eigen_matrix<double> p = random_transitions(4, 2, rng);
    const std::vector<double> host = array::to_host(p);
    list.push_back(as_matrix(A(array::from_host(like, host, 8, 4))));
  }
  return list;
}
template <class A> finite_mdp<matrix_t<A>> stochastic(const A& like) {
  return {2, 3, {0.1, 0.2, 0.3, 0.4}, transitions(like)};
}
// The same distribution in every state of a step.
std::vector<sample> open_loop_problem() {
  const sample step = policy_sample(3, 2, 1);
  sample reference{12, 2, {}};
  for (std::size_t row = 0; row < 12; ++row)
    for (std::size_t a = 0; a < 2; ++a) reference.entries.push_back(step.entries[row / 4 * 2 + a]);
  return {reference, normal_sample(12, 2, 2)};
}
const std::vector<sample> stochastic_problem{policy_sample(12, 2, 1), normal_sample(12, 2, 2), policy_sample(12, 2, 3)};

}  // namespace

TEST_CASE("policies from logits, their entropies and divergences are the same on every array type") {
  sample logits = normal_sample(4, 5, 1, 3);
  conforms(
      {logits}, [](const auto& x) { return log_softmax(x[0]); }, derivatives{.of = {0}});
  logits.entries[2] = logits.entries[5] = -infinity;
  conforms({logits}, [](const auto& x) { return policy_from_logits(x[0]); });
  conforms(
      {logits}, [](const auto& x) { return probabilities(policy_from_logits(x[0])); }, derivatives{.of = {0}});
  conforms(
      {policy_sample(4, 5, 1, true)}, [](const auto& x) { return probabilities(x[0]); }, derivatives{.of = {0}});
  conforms(
      {policy_sample(4, 5, 1, true), policy_sample(4, 5, 2)}, [](const auto& x) { return kl_divergence(x[0], x[1]); },
      derivatives{.of = {0, 1}});
  conforms({policy_sample(4, 5, 1), policy_sample(4, 5, 2, true)},  // infinite
           [](const auto& x) { return kl_divergence(x[0], x[1]); });
  throws_alike({normal_sample(4, 5, 1)}, [](const auto& x) { validate_policy(array::full(x[0], 2, 2, -1.0)); });
}

TEST_CASE("the soft Bellman backup is the same on every array type, for every beta") {
  const std::vector<sample> in{policy_sample(4, 5, 1, true), normal_sample(4, 5, 2)};
  for (const double beta : {0.0, 1e-3, 0.5, 100.0, infinity}) {
    conforms(in, [=](const auto& x) { return soft_bellman(x[0], x[1], beta).log_policy; });
    conforms(
        in, [=](const auto& x) { return soft_bellman(x[0], x[1], beta).value; }, derivatives{.of = {1}});
  }
}

TEST_CASE("planning on complete trees, tries and stochastic MDPs is the same on every array type") {
  const auto check = [](const auto& model, const std::vector<sample>& in) {
    for (const double beta : {0.0, 0.3, 50.0, infinity}) {
      conforms(in, [&](const auto& x) {
        const auto best = plan(model(x[0]), x[0], x[1], {beta});
        return together(best.objective, best.value, best.action_value, best.log_policy,
                        implicit_token_reward(best, x[0]));
      });
      conforms(in, [&](const auto& x) {
        const auto e = evaluate_policy(model(x[0]), x[2], x[0], x[1], beta);
        return together(e.objective, e.value, e.action_value, e.kl);
      });
    }
    conforms<false>(
        in, [&](const auto& x) { return plan(model(x[0]), x[0], x[1], {0.3}).objective; }, derivatives{.of = {1}});
    conforms(in, [&](const auto& x) {
      const auto d = occupancy(model(x[0]), x[2]);
      return together(d.visits, d.state_action_visits);
    });
    conforms(in, [&](const auto& x) {
      const auto mdp = model(x[0]);
      const auto best = plan(mdp, x[0], x[1], {0.3});
      const auto policy = evaluate_policy(mdp, x[2], x[0], x[1], 0.3);
      const auto terms = performance_difference(mdp, x[2], best.log_policy, x[0], x[1], 0.3);
      return together(suboptimality_gap(best, policy), suboptimality_gap_divergence(mdp, best, x[2], 0.3),
                      terms.action_value_term, terms.kl_term);
    });
    conforms(in, [&](const auto& x) {
      const auto found = policy_iteration(model(x[0]), x[0], x[1], {.beta = 0.5, .eta = 1, .iterations = 5});
      return together(found.log_policy, found.objective, found.gap_bound);
    });
    throws_alike(in, [&](const auto& x) { return plan(model(x[0]), x[0], x[1], {-1}); });
    throws_alike(in, [&](const auto& x) { return plan(model(x[0]), x[1], x[1], {1}); });  // no policy
    std::vector<sample> broken = in;
    broken[1].entries[1] = not_a_number;
    throws_alike(broken, [&](const auto& x) { return plan(model(x[0]), x[0], x[1], {1}); });
  };
  check(
      [](const auto&) -> const auto& { return tree; }, problem(tree));
  check(
      [](const auto&) -> const auto& { return trie; }, problem(trie));
  check([](const auto& like) { return stochastic(like); }, stochastic_problem);
}

TEST_CASE("rewards that pay late, shaped rewards and open-loop plans are the same on every array type") {
  std::vector<sample> in = problem(trie);
  sample pays = in[1];
  for (std::size_t k = 0; k < pays.entries.size(); ++k) pays.entries[k] = k % 3 == 0 ? 1 : 0;
  in.push_back(pays);
  in.push_back(normal_sample(trie.states(), 1, 4));
  conforms(in, [](const auto& x) {
    const auto late = delay_reward(trie, x[1], x[3]);
    return together(late.reward, late.pending);
  });
  conforms<false>(
      in, [](const auto& x) { return shaped_reward(trie, x[1], x[4]); }, derivatives{.of = {1, 4}});
  conforms(open_loop_problem(), [](const auto& x) {
    const auto found = plan_open_loop(stochastic(x[0]), x[0], x[1], {0.4});
    return together(found.returns, found.log_policy, found.objective);
  });
  conforms({normal_sample(1, 1, 1)}, [](const auto& x) {
    const auto problem = redrawn_branches(x[0], 3, 3);
    return together(plan(problem.mdp, problem.log_reference, problem.reward, {0.5}).objective,
                    plan_open_loop(problem.mdp, problem.log_reference, problem.reward, {0.5}).objective);
  });
}

TEST_CASE("sampling a tabular policy draws the same trajectories on every array type") {
  conforms(problem(trie), [](const auto& x) {
    boost::random::mt19937 rng(7);
    const tabular_sampler policy(trie, x[2]);
    std::vector<double> drawn;
    for (int i = 0; i < 50; ++i)
      for (const std::int64_t token : sample_trajectory(trie, policy, rng).response.tokens)
        drawn.push_back(static_cast<double>(token));
    return drawn;
  });
}
