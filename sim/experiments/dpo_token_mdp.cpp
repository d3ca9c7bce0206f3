// Equations (4.3) to (4.6): DPO read as a token MDP, and what RTO optimises.
#include <limits>
#include <stdexcept>

#include "sim/experiments/dpo_token_mdp.hpp"
#include "sim/experiments/random_planning_problem.hpp"

namespace {

using namespace rto::sim;

std::vector<cell> plan(const settings& s) {
  const std::int64_t n = s.integer("replicates");
  std::vector<cell> cells;
  const auto add = [&](const char* part, json point) {
    point["part"] = part;
    cells.push_back({.point = std::move(point), .replicates = n});
  };
  for (const std::string& kind : problem_kinds())
    for (const double beta : s.reals("betas")) add("identity", {{"kind", kind}, {"beta", number(beta)}});
  for (const double spread : s.reals("spreads")) add("lottery", {{"spread", number(spread)}});
  for (const std::string& kind : problem_kinds())
    for (const double c : s.reals("coefficients")) add("shaping", {{"kind", kind}, {"coefficient", number(c)}});
  for (const char* tree : {"random", "separable", "one token"})
    for (const double ratio : s.reals("ratios")) add("temperature", {{"tree", tree}, {"ratio", number(ratio)}});
  for (const double lambda : s.reals("lambdas")) add("objective", {{"lambda", number(lambda)}});
  for (const double clip : s.reals("clips")) add("clip", {{"clip", number(clip)}});
  for (const std::int64_t d : s.integers("features")) add("equivalence", {{"features", d}});
  return cells;
}

json replicate(const json& point, replicate_context& context) {
  const std::string part = point.at("part");
  if (part == "identity") return replicate_identity(point, context.rng);
  if (part == "lottery") return replicate_lottery(point, context.rng);
  if (part == "shaping") return replicate_shaping(point, context.rng);
  if (part == "temperature") return replicate_temperature(point, context.rng);
  if (part == "objective") return replicate_objective(point, context.rng);
  if (part == "clip") return replicate_clip(point, context.rng);
  if (part == "equivalence") return replicate_equivalence(point, context.rng);
  throw std::logic_error("eq-4.3-4.6: unknown part " + part);
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest = std::numeric_limits<double>::min(), largest = std::numeric_limits<double>::max();

const registered_claim dpo_token_mdp{
    {.id = "eq-4.3-4.6",
     .title = "DPO as a token MDP: the implicit reward, and what RTO makes of it",
     .statement =
         "With deterministic transitions Σ<sub><i>h</i></sub> β log(π*/π<sub>ref</sub>) = Σ<sub><i>h</i></sub> "
         "<i>r</i> − <i>V</i>*(<i>s</i><sub>1</sub>) on every trajectory (4.3), so DPO's policy carries the token-wise "
         "reward β log(π*(<i>a</i>|<i>s</i>)/π<sub>ref</sub>(<i>a</i>|<i>s</i>)) (4.5). RTO trains with "
         "β<sub>1</sub> log(π<sub>dpo</sub>/π<sub>ref</sub>) − β<sub>2</sub> log(π/π<sub>ref</sub>) (4.6), DPPO with "
         "its sum at the last token (5.1).",
     .source = "Equations (4.3) – (4.6), (5.1) and (C.1) – (C.4), reconstructed; what they imply beyond the text is "
               "section 13.5 of the project's mathematics",
     .schema = {reals("betas", "KL coefficients of (4.3), reward units a nat",
                      {{0.03, 1}, {0.01, 0.1, 1, 10}, {0.01, 0.03, 0.1, 0.3, 1, 3, 10}},
                      {.minimum = smallest, .maximum = largest}),
                reals("coefficients", "KL coefficients at which shaping is tested, reward units a nat",
                      {{0, 0.3, infinity}, {0, 0.03, 0.3, 3, infinity}, {0, 0.01, 0.03, 0.3, 3, 30, infinity}},
                      {.minimum = 0}),
                reals("spreads", "standard deviation of the reward of an action's random outcomes, reward units",
                      {{0, 1, 8}, {0, 0.5, 1, 2, 4, 8}, {0, 0.25, 0.5, 1, 2, 4, 8, 16}},
                      {.minimum = 0, .maximum = 1e3}),
                reals("ratios", "β<sub>1</sub>/β<sub>2</sub>",
                      {{0.5, 1, 4}, {0.25, 0.5, 1, 2, 4, 8}, {0.125, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 8, 16}},
                      {.minimum = 0.01, .maximum = 100}),
                reals("lambdas", "λ of the advantage estimates",
                      {{0, 0.95, 1}, {0, 0.25, 0.5, 0.75, 0.95, 1}, {0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1}},
                      {.minimum = 0, .maximum = 1}),
                reals(
                    "clips", "bound on |log(π<sub>dpo</sub>/π<sub>ref</sub>)| of a token, nats",
                    {{0.3, 3, infinity}, {0.1, 0.3, 1, 3, 10, infinity}, {0.03, 0.1, 0.3, 1, 1.7, 3, 5, 10, infinity}},
                    {.minimum = 0.001}),
                integers("features", "features of the linear classes; 0: one for every edge",
                         {{1, 3, 7, 0}, {1, 2, 3, 4, 5, 6, 7, 10, 0}, {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 0}},
                         {.minimum = 0, .maximum = 1000}),
                integer("replicates", "random instances for every point", {60, 300, 3000}, {.minimum = 2})},
     .plan = plan,
     .replicate = replicate,
     .conclude = conclude_dpo_token_mdp}};

}  // namespace
