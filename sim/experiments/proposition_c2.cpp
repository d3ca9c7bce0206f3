// Proposition C.2: policies that are fixed before the first step, against policies that see the state.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <rto/array/eigen_matrix.hpp>
#include <rto/mdp/policy.hpp>
#include <rto/mdp/trajectory.hpp>
#include <rto/planning/open_loop.hpp>
#include <rto/planning/redrawn_branches.hpp>
#include <rto/theory/open_loop_gap.hpp>

#include "sim/engine/claim.hpp"
#include "sim/engine/curve.hpp"
#include "sim/experiments/random_planning_problem.hpp"
#include "sim/statistics/sample.hpp"

namespace {

using namespace rto::sim;
using state_table = rto::eigen_array<double>;
using matrix = rto::eigen_matrix<double>;

const settings_schema schema = {
    integers("K", "branches and actions", {{2, 3}, {2, 3, 4}, {2, 3, 4, 5}}, {2, 8}),
    integers("H", "steps", {{2, 4}, {2, 3, 4, 5, 6}, {2, 3, 4, 5, 6, 7}}, {2, 8}),
    reals("betas", "KL coefficients, reward units a nat",
          {{0, 0.1, 1, 10},
           {0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20},
           {0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 1e6}},
          {0, 1e10}),
    integer("episodes", "sampled episodes of each policy for every K and H", {500, 4000, 100000}, {10}),
    integer("instances", "random MDPs of each kind", {10, 60, 1000}, {1}),
};

std::vector<cell> plan(const settings& s) {
  std::vector<cell> cells;
  for (const std::int64_t k : s.integers("K"))
    for (const std::int64_t h : s.integers("H")) {
      if (std::pow(static_cast<double>(k), static_cast<double>(h)) > 1e6)
        throw user_error(fmt::format("prop-C.2: K, H: expected at most 10^6 action sequences, found {}^{}", k, h));
      std::vector<json> betas;
      for (const double beta : s.reals("betas")) betas.push_back(number(beta));
      cells.push_back(
          {{{"part", "family"}, {"K", k}, {"H", h}, {"betas", betas}, {"episodes", s.integer("episodes")}}, 1});
    }
  for (const char* kind : {"stochastic", "deterministic", "random start"})
    cells.push_back({{{"part", "random"}, {"kind", kind}}, s.integer("instances")});
  return cells;
}

// Returns of episodes; they are whole numbers here, so that the sums are exact.
struct sampled {
  double n = 0, sum = 0, squares = 0;
  void add(double x) {
    n += 1;
    sum += x;
    squares += x * x;
  }
  json to_json() const { return {{"mean", sum / n}, {"variance", squares / n - sum / n * (sum / n)}}; }
};

// The family at one K and H: the planners, every coefficient, and sampled returns.
json run_family(const json& point, replicate_context& context) {
  const std::int64_t branches = point["K"], horizon = point["H"], episodes = point["episodes"];
  const auto problem = rto::redrawn_branches(state_table(), branches, horizon);
  json markov = json::array(), open_loop = json::array();
  for (const json& beta : point["betas"]) {
    const rto::planning_options options{to_number(beta, "betas")};
    markov.push_back(rto::plan(problem.mdp, problem.log_reference, problem.reward, options).objective);
    open_loop.push_back(rto::plan_open_loop(problem.mdp, problem.log_reference, problem.reward, options).objective);
  }
  const state_table returns = rto::open_loop_returns(problem.mdp, problem.reward);
  Eigen::Index best = 0;
  returns.col(0).maxCoeff(&best);
  const std::vector<std::int64_t> sequence = rto::action_sequence(best, branches, horizon);
  const rto::tabular_sampler sees(problem.mdp,
                                  rto::plan(problem.mdp, problem.log_reference, problem.reward, {0.0}).log_policy);
  const auto blind = [&](const rto::step_state& s, auto&) { return sequence[static_cast<std::size_t>(s.step)]; };
  const auto episode = [&](const auto& policy) {
    const auto path = rto::sample_trajectory(problem.mdp, policy, context.rng);
    double total = 0;
    for (std::size_t h = 0; h < path.states.size(); ++h)
      total += problem.reward(problem.mdp.row(path.states[h]), path.response.tokens[h]);
    return total;
  };
  sampled seen, unseen;
  for (std::int64_t i = 0; i < episodes; ++i) {
    seen.add(episode(sees));
    unseen.add(episode(blind));
  }
  return {{"markov", markov},
          {"open_loop", open_loop},
          {"spread", returns.maxCoeff() - returns.minCoeff()},
          {"seen", seen.to_json()},
          {"unseen", unseen.to_json()}};
}

// Transitions of S states and A actions: one successor each, or a random distribution.
matrix draw_transitions(std::int64_t states, std::int64_t actions, bool deterministic, stream& rng) {
  matrix p = matrix::Zero(states * actions, states);
  boost::random::uniform_int_distribution<std::int64_t> successor(0, states - 1);
  boost::random::normal_distribution<double> normal;
  for (Eigen::Index i = 0; i < p.rows(); ++i) {
    if (deterministic)
      p(i, successor(rng)) = 1;
    else
      for (Eigen::Index j = 0; j < p.cols(); ++j) p(i, j) = std::exp(1.5 * normal(rng));
    p.row(i) /= p.row(i).sum();
  }
  return p;
}

// A random MDP with a reference that is the same in every state: the gap at four coefficients.
json run_random(const json& point, replicate_context& context) {
  const auto integer_in = [&](std::int64_t low, std::int64_t high) {
    return boost::random::uniform_int_distribution<std::int64_t>(low, high)(context.rng);
  };
  const std::int64_t states = integer_in(2, 5), actions = integer_in(2, 4), horizon = integer_in(2, 5);
  const std::string kind = point["kind"];
  std::vector<matrix> p;
  for (std::int64_t h = 0; h + 1 < horizon; ++h)
    p.push_back(draw_transitions(states, actions, kind != "stochastic", context.rng));
  std::vector<double> start(static_cast<std::size_t>(states), 0.0);
  if (kind == "random start")
    start.assign(start.size(), 1 / static_cast<double>(states));
  else
    start[0] = 1;
  const rto::finite_mdp<matrix> mdp(actions, horizon, start, std::move(p));
  boost::random::normal_distribution<double> normal;
  state_table reward(mdp.states(), actions), logits(mdp.states(), actions);
  for (Eigen::Index i = 0; i < reward.size(); ++i) reward.data()[i] = normal(context.rng);
  for (std::int64_t h = 0; h < horizon; ++h) {
    state_table row(1, actions);
    for (Eigen::Index a = 0; a < actions; ++a) row(0, a) = normal(context.rng);
    logits.middleRows(h * states, states) = row.replicate(states, 1);
  }
  const state_table log_reference = rto::policy_from_logits(logits);
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  for (const double beta : {0.0, 0.1, 1.0, 10.0}) {
    const double markov = rto::plan(mdp, log_reference, reward, {beta}).objective;
    const double open_loop = rto::plan_open_loop(mdp, log_reference, reward, {beta}).objective;
    const double gap = (markov - open_loop) / std::max({1.0, std::abs(markov), std::abs(open_loop)});
    smallest = std::min(smallest, gap);
    largest = std::max(largest, std::abs(gap));
  }
  return {{"smallest", smallest}, {"largest", largest}};
}

json replicate(const json& point, replicate_context& context) {
  return point["part"] == "family" ? run_family(point, context) : run_random(point, context);
}

// Sampled mean returns at every K and H against their closed form; one check each for seeing and blind policies.
check sampled_check(const std::string& id, const std::string& tested, const outcomes& family, const std::string& who,
                    bool sees, double episodes) {
  double farthest = 0;
  std::int64_t wrong_without_variance = 0;
  for (const cell_outcomes& cell : family.cells) {
    const auto want = rto::redrawn_branches_values(cell.point["K"], cell.point["H"], 0);
    const double error = std::abs(cell.values(who + ".mean")[0] - (sees ? want.markov : want.open_loop));
    const double variance = cell.values(who + ".variance")[0];
    if (variance > 1e-12)
      farthest = std::max(farthest, error / std::sqrt(variance / episodes));
    else
      wrong_without_variance += error > 1e-9 ? 1 : 0;
  }
  check c{.id = id,
          .tested = tested,
          .predicted = {4.0, "at most 4 standard errors"},
          .measured = {farthest, fmt::format("{:.2f}", farthest)},
          .n = episodes * static_cast<double>(family.count())};
  if (sees) {
    c.predicted = "every episode";
    c.measured =
        wrong_without_variance == 0 && farthest == 0 ? quantity("every episode") : quantity("not every episode");
  }
  c.result = wrong_without_variance == 0 && farthest <= (sees ? 0 : 4) ? verdict::holds : verdict::contradicted;
  return c;
}

void add_figure(const settings& s, const outcomes& family, conclusion& c) {
  const std::vector<double> betas = s.reals("betas");
  const std::int64_t k0 = s.integers("K").front(), h0 = s.integers("H").front();
  panel against_beta{.title = fmt::format("K = {}, H = {}", k0, h0),
                     .x = {.label = "KL coefficient β (reward units a nat)", .logarithmic = true},
                     .y = {.label = "gap (reward units)", .logarithmic = true}};
  panel against_h{.title = "β = 0", .x = {.label = "steps H"}, .y = {.label = "gap (reward units)", .minimum = 0}};
  panel returns{.title = fmt::format("sampled, K = {}", k0),
                .x = {.label = "steps H"},
                .y = {.label = "mean return (reward units)", .minimum = 0}};
  series computed{.label = "computed", .style = mark::points},
      formula{.label = "closed form", .style = mark::prediction, .colour_of = "computed"},
      tail{.label = "(1 − 1/K)/(2Kβ) a step", .style = mark::bound};
  const double k = static_cast<double>(k0), later = static_cast<double>(h0 - 1);
  for (const cell_outcomes& cell : family.where({{"K", k0}, {"H", h0}}).cells)
    for (std::size_t i = 0; i < betas.size(); ++i) {
      const json& r = cell.replicates[0];
      const double gap = r["markov"][i].get<double>() - r["open_loop"][i].get<double>();
      if (betas[i] == 0 || !(gap > 0)) continue;  // logarithmic axes; at huge β the gap is below rounding
      computed.x.push_back(betas[i]);
      computed.y.push_back(gap);
    }
  if (!computed.x.empty()) {
    const auto [low, high] = std::minmax_element(computed.x.begin(), computed.x.end());
    for (int i = 0; i <= 60; ++i) {
      const double beta = *low * std::pow(*high / *low, i / 60.0);
      formula.x.push_back(beta);
      formula.y.push_back(rto::redrawn_branches_values(k0, h0, beta).gap());
      if (beta < 0.3) continue;
      tail.x.push_back(beta);
      tail.y.push_back(later * (1 - 1 / k) / (2 * k * beta));
    }
  }
  against_beta.curves = {computed, formula, tail};

  series seen{.label = "sees the state", .style = mark::points},
      unseen{.label = "best sequence", .style = mark::points};
  const double episodes = static_cast<double>(s.integer("episodes"));
  for (const std::int64_t branches : s.integers("K")) {
    series points{.label = fmt::format("K = {}", branches), .style = mark::points}, line{.style = mark::prediction};
    for (const cell_outcomes& cell : family.where({{"K", branches}}).cells) {
      const json& r = cell.replicates[0];
      const double h = cell.point["H"];
      for (std::size_t i = 0; i < betas.size(); ++i)
        if (betas[i] == 0) {
          points.x.push_back(h);
          points.y.push_back(r["markov"][i].get<double>() - r["open_loop"][i].get<double>());
        }
      line.x.push_back(h);
      line.y.push_back(rto::redrawn_branches_values(branches, cell.point["H"], 0).gap());
      if (branches != k0) continue;
      for (const auto& [curve, who] : {std::pair{&seen, "seen"}, std::pair{&unseen, "unseen"}}) {
        const estimate e =
            mean_interval(r[who]["mean"].get<double>(), r[who]["variance"].get<double>(), episodes, 0.95);
        add_point(*curve, h, e);
      }
    }
    line.label = fmt::format("(H − 1)(1 − 1/{})", branches);
    line.colour_of = points.label;
    against_h.curves.push_back(points);
    against_h.curves.push_back(line);
  }
  returns.curves = {seen, unseen};
  for (const bool sees : {true, false}) {
    series line{.label = sees ? "H − 1" : fmt::format("(H − 1)/{}", k0),
                .style = mark::prediction,
                .colour_of = sees ? seen.label : unseen.label};
    for (const std::int64_t h : s.integers("H")) {
      const auto want = rto::redrawn_branches_values(k0, h, 0);
      line.x.push_back(static_cast<double>(h));
      line.y.push_back(sees ? want.markov : want.open_loop);
    }
    returns.curves.push_back(line);
  }
  c.figures.push_back({.id = "prop-c2-gap",
                       .title = "What seeing the state is worth",
                       .caption = "With a KL charge the gap shrinks from its value at β = 0 like 1/β (first panel). "
                                  "Without one it grows with the horizon, without bound. Sampled: mean returns of "
                                  "episodes with 95&#8201;% intervals, narrower than the marks.",
                       .panels = {against_beta, against_h, returns}});
}

conclusion conclude(const settings& s, const outcomes& results) {
  const outcomes family = results.where({{"part", "family"}});
  const std::vector<double> betas = s.reals("betas");
  conclusion c;
  c.tested = fmt::format(
      "The paper's example and its generalisation ({} to {} branches drawn anew at each of up to {} steps), by exact "
      "planning, by the expected return of every action sequence, and by sampled episodes; random MDPs beside them.",
      s.integers("K").front(), s.integers("K").back(), s.integers("H").back());

  // The paper's example by itself, whatever the grid.
  const auto example = rto::redrawn_branches(state_table(), 2, 2);
  const state_table returns = rto::open_loop_returns(example.mdp, example.reward);
  c.checks.push_back(equality_check("example-markov", "the paper's example: value of the optimal policy", 1,
                                    rto::plan(example.mdp, example.log_reference, example.reward, {0.0}).objective, 1));
  c.checks.push_back(equality_check("example-open-loop",
                                    "the paper's example: the best expected return of an action sequence", 0.5,
                                    returns.maxCoeff(), static_cast<double>(returns.rows())));

  double error = 0, spread = 0;
  for (const cell_outcomes& cell : family.cells) {
    const json& r = cell.replicates[0];
    spread = std::max(spread, r["spread"].get<double>());
    for (std::size_t i = 0; i < betas.size(); ++i) {
      const auto want = rto::redrawn_branches_values(cell.point["K"], cell.point["H"], betas[i]);
      const double scale = std::max(1.0, want.markov);
      error = std::max({error, relative_error(r["markov"][i], want.markov, scale),
                        relative_error(r["open_loop"][i], want.open_loop, scale)});
    }
  }
  c.checks.push_back(identity_check("closed-forms",
                                    "both optimal values at every <i>K</i>, <i>H</i> and β against (<i>H</i>−1) β "
                                    "log((<i>K</i>−1+e<sup>1/β</sup>)/<i>K</i>) and (<i>H</i>−1)/<i>K</i>",
                                    error, 1e-12, static_cast<double>(family.count() * betas.size())));
  c.checks.push_back(identity_check("sequences-alike",
                                    "largest difference between the expected returns of two sequences", spread, 1e-12,
                                    static_cast<double>(family.count())));
  const double episodes = static_cast<double>(s.integer("episodes"));
  c.checks.push_back(sampled_check("sampled-markov", "sampled episodes that earn <i>H</i> − 1 under the optimal policy",
                                   family, "seen", true, episodes));
  c.checks.push_back(sampled_check("sampled-open-loop",
                                   "sampled mean return of the best sequence: largest distance from "
                                   "(<i>H</i>−1)/<i>K</i>, in standard errors, over all <i>K</i> and <i>H</i>",
                                   family, "unseen", false, episodes));

  const auto of_kind = [&](const char* kind) { return results.where({{"part", "random"}, {"kind", kind}}); };
  const outcomes stochastic = of_kind("stochastic"), deterministic = of_kind("deterministic"),
                 start = of_kind("random start");
  double better = 0;
  for (const outcomes* some : {&stochastic, &start})
    for (const double gap : some->values("smallest")) better += gap < -1e-12 ? 1 : 0;
  c.checks.push_back(always_check("never-better",
                                  "random MDPs on which a sequence beats the optimal policy, at any of four β", better,
                                  static_cast<double>(stochastic.count() + start.count())));
  c.checks.push_back(identity_check("deterministic",
                                    "deterministic transitions and a certain start: largest gap at any of four β, "
                                    "relative to the values",
                                    deterministic.maximum("largest"), 1e-12,
                                    static_cast<double>(deterministic.count())));
  c.checks.push_back(control_check("random stochastic MDPs with a gap", stochastic.values("largest")));
  check random_start =
      control_check("deterministic MDPs with a drawn start that is not told, with a gap", start.values("largest"));
  random_start.id = "random-start";
  c.checks.push_back(random_start);
  add_figure(s, family, c);
  c.notes.push_back(
      {note::kind::finding, "The gap of predetermined policies is exactly 0.5 in the example, and unbounded in general",
       "In the paper's example the optimal policy earns 1 and every action sequence, hence every distribution of "
       "sequences, exactly 1/2. With <i>K</i> branches drawn anew at each of <i>H</i> steps the gap is (<i>H</i> − "
       "1)(1 − "
       "1/<i>K</i>): it grows without bound. With a KL charge it is smaller, β log cosh(1/(2β)) for <i>K</i> = "
       "<i>H</i> = "
       "2, which falls from 1/2 to 1/(8β)."});
  c.notes.push_back({note::kind::remark, "Language is the other case",
                     "Appending a token is deterministic. With a given prompt there is nothing to react to, and the "
                     "best sequence is as "
                     "good as the best policy, at every β; the two part only where the prompt is drawn and not told."});
  c.notes.push_back(
      {note::kind::reconstruction, "Predetermined policies",
       "The example is reconstructed from the text of the proof. A predetermined policy is a distribution of "
       "action sequences drawn before the first step; its KL divergence from the reference is defined where "
       "the reference does not depend on the state."});
  return c;
}

const registered_claim proposition_c2{
    {.id = "prop-C.2",
     .title = "A predetermined sequence earns less than a policy that sees the state",
     .statement = "There is an MDP in which every predetermined (open-loop) policy is worth at least 0.5 less than the "
                  "optimal Markov policy",
     .source = "Proposition C.2 (appendix C); example reconstructed from the text of the proof, general form in "
               "docs/mathematics.md, section 12",
     .schema = schema,
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude}};

}  // namespace
