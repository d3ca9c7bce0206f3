#include "sim/experiments/random_planning_problem.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <rto/mdp/occupancy.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/planning/suboptimality_gap.hpp>

namespace rto::sim {
namespace {

using state_table = random_planning_problem::state_table;

std::int64_t draw_integer(std::int64_t low, std::int64_t high, stream& rng) {
  return boost::random::uniform_int_distribution<std::int64_t>(low, high)(rng);
}

state_table draw_normal(std::int64_t rows, std::int64_t cols, double scale, stream& rng) {
  boost::random::normal_distribution<double> normal;
  state_table x(rows, cols);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = scale * normal(rng);
  return x;
}

// Softmax of Gaussian logits; each entry but the last of its row is -inf with probability `forbidden`.
state_table draw_log_probabilities(std::int64_t rows, std::int64_t cols, double scale, double forbidden, stream& rng) {
  state_table logits = draw_normal(rows, cols, scale, rng);
  boost::random::uniform_01<double> uniform;
  for (Eigen::Index i = 0; i < rows; ++i)
    for (Eigen::Index j = 0; j + 1 < cols; ++j)
      if (uniform(rng) < forbidden) logits(i, j) = -std::numeric_limits<double>::infinity();
  return policy_from_logits(logits);
}

std::vector<double> draw_start(std::int64_t n, stream& rng) {
  return array::to_host(probabilities(draw_log_probabilities(1, n, 1, 0, rng)));
}

// Every node but the first grows from a parent that is drawn before it.
token_trie draw_trie(stream& rng) {
  const std::int64_t actions = draw_integer(2, 5, rng), horizon = draw_integer(1, 6, rng);
  trie_nodes trie;
  trie.actions = actions;
  trie.horizon = horizon;
  trie.eos = draw_integer(-1, actions - 1, rng);
  const std::int64_t prompts = draw_integer(1, 3, rng);
  trie.rho = draw_start(prompts, rng);
  for (std::int64_t k = 0; k < prompts; ++k) {
    trie.roots.push_back(k);
    trie.depth.push_back(0);
  }
  boost::random::uniform_01<double> uniform;
  for (std::size_t node = 0; node < trie.depth.size(); ++node)
    for (std::int64_t token = 0; token < actions; ++token) {
      const bool ends = token == trie.eos || trie.depth[node] + 1 >= horizon || uniform(rng) < 0.3;
      trie.child.push_back(ends ? token_trie::ended : static_cast<std::int64_t>(trie.depth.size()));
      if (!ends) trie.depth.push_back(trie.depth[node] + 1);
    }
  return token_trie(std::move(trie));
}

finite_mdp<eigen_matrix<double>> draw_mdp(stream& rng) {
  const std::int64_t states = draw_integer(1, 8, rng), actions = draw_integer(1, 5, rng),
                     horizon = draw_integer(1, 8, rng);
  std::vector<eigen_matrix<double>> transitions;
  for (std::int64_t h = 0; h + 1 < horizon; ++h)
    transitions.push_back(probabilities(draw_log_probabilities(states * actions, states, 1.5, 0.4, rng)).matrix());
  return {actions, horizon, draw_start(states, rng), std::move(transitions)};
}

random_planning_problem::model draw_model(const std::string& kind, stream& rng) {
  if (kind == "complete tree") {
    const std::int64_t actions = draw_integer(1, 4, rng), horizon = draw_integer(1, 5, rng);
    return complete_token_tree(actions, horizon, draw_start(draw_integer(1, 3, rng), rng));
  }
  if (kind == "trie") return draw_trie(rng);
  if (kind == "stochastic MDP") return draw_mdp(rng);
  throw std::logic_error("rto::sim::draw_problem: unknown kind " + kind);
}

}  // namespace

optimal_plan<state_table> random_planning_problem::plan(double beta) const {
  return std::visit([&](const auto& m) { return rto::plan(m, log_reference, reward, {beta}); }, mdp);
}
policy_evaluation<state_table> random_planning_problem::evaluate(const state_table& log_policy, double beta) const {
  return std::visit([&](const auto& m) { return evaluate_policy(m, log_policy, log_reference, reward, beta); }, mdp);
}
state_table random_planning_problem::visits(const state_table& log_policy) const {
  return std::visit([&](const auto& m) { return occupancy(m, log_policy).visits; }, mdp);
}
double random_planning_problem::gap_divergence(const optimal_plan<state_table>& optimum, const state_table& log_policy,
                                               double beta) const {
  return std::visit([&](const auto& m) { return suboptimality_gap_divergence(m, optimum, log_policy, beta); }, mdp);
}
performance_difference_terms<double> random_planning_problem::difference(const state_table& first,
                                                                         const state_table& second, double beta) const {
  return std::visit(
      [&](const auto& m) { return performance_difference(m, first, second, log_reference, reward, beta); }, mdp);
}

const std::vector<std::string>& problem_kinds() {
  static const std::vector<std::string> kinds{"complete tree", "trie", "stochastic MDP"};
  return kinds;
}

random_planning_problem draw_problem(const std::string& kind, stream& rng) {
  random_planning_problem problem{draw_model(kind, rng), {}, {}};
  const auto [states, actions] = std::visit(
      [](const auto& m) {
        return std::pair{m.states(), m.actions()};
      },
      problem.mdp);
  const double scale = std::pow(10.0, boost::random::uniform_01<double>()(rng) * 2 - 1);  // 0.1 to 10
  problem.log_reference = draw_log_probabilities(states, actions, 1, kind == "complete tree" ? 0.0 : 0.2, rng);
  problem.reward = draw_normal(states, actions, scale, rng);
  return problem;
}

state_table draw_policy(const random_planning_problem& problem, stream& rng) {
  return policy_from_logits(problem.log_reference + draw_normal(problem.states(), problem.actions(), 2, rng));
}

double relative_error(double left, double right, double scale) {
  const double difference = std::abs(left - right);
  return difference == 0 ? 0 : difference / scale;
}

check control_check(const std::string& tested, const std::vector<double>& errors) {
  const auto off = static_cast<double>(std::count_if(errors.begin(), errors.end(), [](double e) { return e > 1e-6; }));
  check c;
  c.id = "control";
  c.tested = "the check can fail (relative error above 1e-6): " + tested;
  c.predicted = "some instances";
  c.measured = quantity(off, fmt::format("{} of {}", off, errors.size()));
  c.n = static_cast<double>(errors.size());
  c.result = off > 0 ? verdict::holds : verdict::inconclusive;
  return c;
}

series error_distribution(std::string label, std::vector<double> errors, mark style) {
  std::sort(errors.begin(), errors.end());
  series curve{.label = std::move(label), .style = style};
  const std::size_t n = errors.size(), points = std::min<std::size_t>(n, 200);
  for (std::size_t k = 1; k <= points; ++k) {
    const std::size_t i = k * n / points - 1;
    curve.x.push_back(std::max(errors[i], 1e-18));
    curve.y.push_back(static_cast<double>(i + 1) / static_cast<double>(n));
  }
  return curve;
}

series largest_against(std::string label, const outcomes& results, const std::string& coordinate,
                       const std::string& field) {
  std::map<double, double> largest;
  for (const cell_outcomes& cell : results.cells) {
    const double x = to_number(cell.point.at(coordinate), coordinate);
    if (x > 0) largest[x] = std::max(largest[x], cell.maximum(field));
  }
  series curve{.label = std::move(label)};
  for (const auto& [x, error] : largest) {
    curve.x.push_back(x);
    curve.y.push_back(std::max(error, 1e-18));
  }
  return curve;
}

figure error_figure(std::string id, std::string title, std::string caption, const outcomes& results,
                    const std::string& control_label) {
  panel distribution{.title = "all instances",
                     .x = {.label = "relative error", .logarithmic = true},
                     .y = {.label = "share of instances", .minimum = 0, .maximum = 1}};
  panel by_beta{.title = "largest error",
                .x = {.label = "KL coefficient β (reward units a nat)", .logarithmic = true},
                .y = {.label = "relative error", .logarithmic = true}};
  for (const std::string& kind : problem_kinds()) {
    const outcomes some = results.where({{"kind", kind}});
    if (some.cells.empty()) continue;
    distribution.curves.push_back(error_distribution(kind, some.values("error")));
    by_beta.curves.push_back(largest_against(kind, some, "beta", "error"));
  }
  distribution.curves.push_back(error_distribution(control_label, results.values("control"), mark::prediction));
  return {std::move(id), std::move(title), std::move(caption), {distribution, by_beta}, ""};
}

std::vector<cell> planning_grid(const settings& s) {
  std::vector<cell> cells;
  for (const std::string& kind : s.texts("kinds"))
    for (const double beta : s.reals("betas"))
      cells.push_back({.point = {{"kind", kind}, {"beta", number(beta)}}, .replicates = s.integer("replicates")});
  return cells;
}

settings_schema planning_settings(const std::vector<double>& betas) {
  return {texts("kinds", "kinds of models", {problem_kinds(), problem_kinds(), problem_kinds()}, problem_kinds()),
          reals("betas", "KL coefficients, reward units a nat", {betas, betas, betas},
                {.minimum = 0, .maximum = std::numeric_limits<double>::max()}),
          integer("replicates", "random instances for every kind and coefficient", {10, 100, 2000}, {.minimum = 1})};
}

}  // namespace rto::sim
