// The family prop_32: query counts of the learners of Proposition 3.2, exact where they are rational.
#include <fmt/format.h>

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>

#include <rto/exploration/best_first_search.hpp>
#include <rto/exploration/leaf_mass_tree.hpp>
#include <rto/exploration/token_search.hpp>
#include <rto/theory/sample_complexity.hpp>

#include "sim/solve/registry.hpp"
#include "sim/solve/residual_mass_count.hpp"

namespace rto::sim {
namespace {

using rational = boost::multiprecision::cpp_rational;
using whole = boost::multiprecision::cpp_int;

json fraction_json(const rational& x) {
  return {{"exact", fmt::format("{}/{}", numerator(x).str(), denominator(x).str())}, {"value", x.convert_to<double>()}};
}

json count_json(const rational& x) { return {{"exact", numerator(x).str()}, {"value", x.convert_to<double>()}}; }

int small_integer(const reader& in, const std::string& field, int least, int most) {
  const std::int64_t value = in.integer(field);
  if (value < least || value > most)
    in.fail(field, fmt::format("expected an integer in [{}, {}], found {}", least, most, value));
  return static_cast<int>(value);
}

// A field of `rows`: the closed forms of mathematics.md 11.5 in exact arithmetic.
json solve_closed_forms(const reader& input) {
  json rows = json::array();
  for (const reader& row : input.objects("rows")) {
    const int actions = small_integer(row, "A", 1, 1'000'000);
    const int horizon = small_integer(row, "H", 1, 10'000);
    const int levels = small_integer(row, "k", 0, horizon);
    const canonical_query_counts<rational> counts = canonical_sample_complexity<rational>(actions, horizon, levels);
    rows.push_back({{"A", actions},
                    {"H", horizon},
                    {"k", levels},
                    {"S1", count_json(counts.sentence_exhaustive)},
                    {"S2_mean", fraction_json(counts.sentence_mean)},
                    {"S2_max", count_json(counts.sentence_max)},
                    {"S2_min", count_json(counts.sentence_min)},
                    {"T1", count_json(counts.heavy_prefix)},
                    {"T2_mean", fraction_json(counts.token_mean)},
                    {"T2_min", count_json(counts.token_min)},
                    {"T2_max", count_json(counts.token_max)},
                    {"T2_var", fraction_json(counts.token_variance)},
                    {"paper", count_json(counts.printed_bound)},
                    {"paper_claim_violated", counts.heavy_prefix > counts.printed_bound}});
  }
  return {{"rows", rows}};
}

// "3/4", "1", "0.25" or a JSON number, exactly.
rational parse_fraction(const reader& in, const std::string& field, const json& value, std::size_t index) {
  const auto fail = [&]() {
    in.fail(field, fmt::format("expected fractions \"p/q\", found {} at {}", describe(value), index));
  };
  if (value.is_number()) {
    const double x = value.get<double>();
    if (!std::isfinite(x)) fail();
    return rational(x);
  }
  if (!value.is_string()) fail();
  const auto digits = [](std::string_view s) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  const std::string text = value.get<std::string>();
  const std::size_t slash = text.find('/');
  const std::string_view above = std::string_view(text).substr(0, slash);
  const std::string_view below = slash == std::string::npos ? "1" : std::string_view(text).substr(slash + 1);
  if (!digits(above) || !digits(below) || below.find_first_not_of('0') == std::string_view::npos) fail();
  // A leading zero would be read as octal.
  const auto plain = [](std::string_view s) {
    return std::string(s.substr(std::min(s.find_first_not_of('0'), s.size() - 1)));
  };
  return rational(whole(plain(above)), whole(plain(below)));
}

// Leaf masses that sum to one, exactly as the file states them.
std::vector<rational> leaf_masses(const reader& in) {
  std::vector<rational> masses;
  rational sum = 0;
  if (in.has("leaf_prob")) {
    const json& list = in.at("leaf_prob");
    if (!list.is_array()) in.fail("leaf_prob", "expected a list of fractions, found " + describe(list));
    for (std::size_t i = 0; i < list.size(); ++i) masses.push_back(parse_fraction(in, "leaf_prob", list[i], i));
    for (const rational& mass : masses) {
      if (mass < 0) in.fail("leaf_prob", "expected probabilities >= 0");
      sum += mass;
    }
    if (abs(sum - 1) > rational(1, 1'000'000'000))
      in.fail("leaf_prob",
              fmt::format("expected probabilities that sum to 1, found the sum {}", sum.convert_to<double>()));
  } else {
    for (const double weight : in.numbers("leaf_weight")) {
      if (!std::isfinite(weight) || weight < 0)
        in.fail("leaf_weight", fmt::format("expected finite weights >= 0, found {}", weight));
      masses.emplace_back(weight);
      sum += masses.back();
    }
    if (sum <= 0) in.fail("leaf_weight", "expected a positive sum of weights");
    if (in.has("weight_total")) {
      const double total = in.number("weight_total");
      if (!std::isfinite(total) || abs(rational(total) - sum) * 1'000'000'000 > sum)
        in.fail("weight_total",
                fmt::format("expected the sum of leaf_weight, {}, found {}", sum.convert_to<double>(), total));
    }
  }
  for (rational& mass : masses) mass /= sum;
  return masses;
}

std::vector<std::vector<rational>> node_masses(int actions, int horizon, std::vector<rational> leaves) {
  std::vector<std::vector<rational>> levels(static_cast<std::size_t>(horizon) + 1);
  levels.back() = std::move(leaves);
  for (std::size_t h = levels.size() - 1; h-- > 0;) {
    levels[h].assign(levels[h + 1].size() / static_cast<std::size_t>(actions), rational(0));
    for (std::size_t i = 0; i < levels[h + 1].size(); ++i)
      levels[h][i / static_cast<std::size_t>(actions)] += levels[h + 1][i];
  }
  return levels;
}

// A tree given by its leaves: `leaf_prob` (exact fractions) or `leaf_weight`, with tau and perhaps xi.
json solve_tree(const reader& in) {
  const int actions = small_integer(in, "A", 1, 1 << 20);
  const int horizon = small_integer(in, "H", 1, 1 << 20);
  std::vector<rational> leaves = leaf_masses(in);
  std::vector<double> masses(leaves.size());
  std::transform(leaves.begin(), leaves.end(), masses.begin(),
                 [](const rational& x) { return x.convert_to<double>(); });
  const leaf_mass_tree tree(actions, horizon, masses);  // checks that there are A^H leaves
  const double tau = in.number("tau");
  if (!(tau > 0 && std::isfinite(tau))) in.fail("tau", fmt::format("expected a finite number > 0, found {}", tau));

  const auto best = std::max_element(leaves.begin(), leaves.end());
  const auto best_leaf = best - leaves.begin();
  const double p_star = best->convert_to<double>();
  const double log_actions = std::log(static_cast<double>(actions));
  const double xi_star = actions == 1 ? 0.0 : -std::log(p_star) / log_actions;
  const double xi = in.has("xi") ? in.number("xi") : std::max(0.0, xi_star);
  if (!(xi >= 0)) in.fail("xi", fmt::format("expected a number >= 0, found {}", xi));

  token_feedback oracle(tree);
  const search_result t1 = heavy_prefix_search(oracle, std::log(tau));
  const search_result t2 = residual_mass_token_search(oracle, std::log(tau));
  const search_result t3 = best_first_token_search(oracle);
  const residual_mass_count<rational> over_orders =
      residual_mass_query_count(node_masses(actions, horizon, std::move(leaves)), rational(tau));

  const double bound = printed_token_query_bound(actions, horizon, xi);
  json result{{"p_star", p_star},
              {"best_leaf", best_leaf},
              {"xi_star", xi_star},
              {"heavy_counts", t1.heavy_counts},
              {"frontier", t1.frontier_size},
              {"T1", t1.queries},
              {"T2_mean", fraction_json(over_orders.mean)},
              {"T2_min", over_orders.minimum.convert_to<std::int64_t>()},
              {"T2_max", over_orders.maximum.convert_to<std::int64_t>()},
              {"T2_lex", t2.queries},
              {"T3_lex", t3.queries},
              {"sentence_exhaustive", masses.size()},
              {"paper_bound", bound},
              {"corrected_bound", corrected_token_query_bound(actions, horizon, xi)},
              {"paper_claim_violated", static_cast<double>(t1.queries) > bound}};
  if (xi + 1 >= horizon) result["paper_bound"] = masses.size();  // A^H, a whole number
  if (t1.status == search_status::no_heavy_leaf) result["status"] = "no_heavy_leaf";
  return result;
}

json solve_prop_32(const problem& p) { return p.input.has("rows") ? solve_closed_forms(p.input) : solve_tree(p.input); }

const registered_family prop_32{"prop_32", solve_prop_32};

}  // namespace
}  // namespace rto::sim
