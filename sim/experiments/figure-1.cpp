// Figure 1: the pipeline, drawn, and the check that its two branches lead to one policy.
#include <boost/random/normal_distribution.hpp>

#include <rto/array/eigen.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/token_tree.hpp>
#include <rto/planning/kl_regularized_planning.hpp>
#include <rto/reward/implicit_reward.hpp>

#include "sim/engine/claim.hpp"
#include "sim/report/pipeline_drawing.hpp"

namespace {

using namespace rto::sim;
using table_of_numbers = rto::eigen_array<double>;

table_of_numbers random_table(std::int64_t rows, std::int64_t columns, stream& rng) {
  boost::random::normal_distribution<double> normal;
  table_of_numbers x(rows, columns);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = normal(rng);
  return x;
}

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const double beta_2 : s.reals("beta_2"))
    cells.push_back({{{"A", s.integer("A")},
                      {"H", s.integer("H")},
                      {"beta", s.real("beta")},
                      {"beta_1", s.real("beta_1")},
                      {"beta_2", beta_2}},
                     s.integer("replicates")});
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  const double beta = point["beta"], beta_1 = point["beta_1"], beta_2 = point["beta_2"];
  const rto::complete_token_tree tree(point["A"], point["H"]);
  const table_of_numbers log_reference =
      rto::policy_from_logits(random_table(tree.states(), tree.actions(), context.rng));
  const table_of_numbers reward = random_table(tree.states(), tree.actions(), context.rng);

  // The practical branch with all the data in the world: DPO's policy is the optimum of r at beta ...
  const auto dpo = rto::plan(tree, log_reference, reward, {.beta = beta});
  const table_of_numbers token_reward = rto::implicit_reward(dpo.log_policy, log_reference, beta_1);
  const auto practice = rto::plan(tree, log_reference, token_reward, {.beta = beta_2});
  // ... and the theoretical one: planning on r itself, at the coefficient the two of (4.6) amount to.
  const auto theory = rto::plan(tree, log_reference, reward, {.beta = beta * beta_2 / beta_1});
  return {{"difference",
           (rto::probabilities(practice.log_policy) - rto::probabilities(theory.log_policy)).abs().maxCoeff()}};
}

conclusion conclude(const settings& s, const outcomes& results) {
  conclusion c;
  c.tested =
      "On random complete trees with random rewards and reference policies, the optimum of the token reward "
      "β<sub>1</sub> log(π<sub>dpo</sub>/π<sub>ref</sub>) under a KL charge β<sub>2</sub> (the practical branch with "
      "unlimited data) was "
      "compared, at every prefix, with the optimum of the true reward under the charge β β<sub>2</sub>/β<sub>1</sub> "
      "(the theoretical branch).";
  c.checks.push_back(identity_check(
      "branches-meet", "largest difference of a token's probability between the policies of the two branches",
      results.maximum("difference"), 1e-10, static_cast<double>(results.count())));
  figure f;
  f.id = "figure-1";
  f.title = "From prompts to a policy";
  f.caption =
      "Comparisons of trajectories feed two branches. Above, Algorithm 1: reward maximum likelihood, a confidence set, "
      "a reward that is "
      "pessimistic token by token, and exact KL-regularised planning. Below, Algorithm 2: DPO, whose policy is itself "
      "a token reward, and "
      "policy-gradient steps on that reward. Both end in a policy whose suboptimality is measured in the same way.";
  f.svg = pipeline_drawing("figure-1");
  c.figures.push_back(f);
  note n;
  n.type = note::kind::finding;
  n.title = "The ratio &beta;<sub>2</sub>/&beta;<sub>1</sub> sets the strength of the practical branch";
  n.html =
      "<p>With β<sub>1</sub> = β<sub>2</sub> the practical branch can only return DPO's policy; with β<sub>2</sub> "
      "&lt; β<sub>1</sub> "
      "it returns the optimum of the same reward at a smaller KL coefficient, β<sub>eff</sub> = β "
      "β<sub>2</sub>/β<sub>1</sub>. "
      "The paper does not discuss the role of the ratio.</p>";
  c.notes.push_back(n);
  static_cast<void>(s);
  return c;
}

const registered_claim figure_1{
    {.id = "figure-1",
     .title = "The pipeline: two branches, one policy",
     .statement = "The reward learnt from comparisons may be planned on directly, or through DPO: the implicit token "
                  "reward (4.5) is the true reward "
                  "shaped by a potential, so that its optimum under any KL charge is an optimum of the true reward: "
                  "<i>π</i><sub>(4.6)</sub> = <i>π</i>*<sub>β β₂/β₁</sub>(<i>r</i>).",
     .source = "Figure 1 and sections 3 and 4; (4.5) and (4.6) are reconstructed from the text and from Rafailov et "
               "al. 2023, 2024",
     .schema = {integer("A", "number of tokens", {2, 3, 4}, {1, 64}),
                integer("H", "tokens in a trajectory", {3, 4, 5}, {1, 12}),
                real("beta", "KL coefficient of DPO, reward units a nat", {0.1, 0.1, 0.1}, {1e-3, 1e3}),
                real("beta_1", "coefficient of the implicit token reward, as in (4.6)", {0.1, 0.1, 0.1}, {1e-3, 1e3}),
                reals("beta_2", "KL coefficients of the second stage",
                      {{0.03, 0.1}, {0.03, 0.05, 0.1, 0.3}, {0.03, 0.05, 0.1, 0.3, 1.0}}, {1e-3, 1e3}),
                integer("replicates", "random trees for each coefficient", {5, 25, 200}, {1})},
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
