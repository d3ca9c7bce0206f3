#include "sim/experiments/proposition_32_runs.hpp"

#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <map>

#include <rto/exploration/any_order_search.hpp>
#include <rto/exploration/best_first_search.hpp>
#include <rto/exploration/canonical_instance.hpp>
#include <rto/exploration/preference_search.hpp>
#include <rto/exploration/random_instance.hpp>
#include <rto/exploration/sentence_search.hpp>
#include <rto/exploration/token_search.hpp>
#include <rto/theory/sample_complexity.hpp>

#include "sim/solve/residual_mass_count.hpp"

namespace rto::sim::proposition_32 {
namespace {

// Ends a long search when the run is interrupted.
struct interruptible {
  const replicate_context* context;
  bool operator()(const query_view& query) const {
    if ((query.number & 0xfff) == 0 && context->stopped()) throw interruption{};
    return true;
  }
};

double xi_of(double log_mass, int actions) { return actions == 1 ? 0.0 : -log_mass / std::log(actions); }

int one_if(bool condition) { return condition ? 1 : 0; }  // outcomes are summed

// Counts the searches that did not return a response of the mass wanted.
struct misses {
  double log_best;
  int count = 0;
  void operator()(const search_result& result) {
    count += result.status != search_status::found || std::abs(result.log_probability - log_best) > 1e-8;
  }
};

json canonical(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H"), k = point.at("k"), orders = point.at("orders");
  const canonical_instance tree(actions, horizon, k, canonical_instance::small_epsilon(actions, horizon, k),
                                context.rng());
  const double log_tau = -(k + 0.5) * std::log(actions);
  const interruptible watch{&context};
  misses missed{tree.log_best_probability()};
  token_feedback tokens(tree);
  const search_result in_order = heavy_prefix_search(tokens, log_tau, lexicographic_order{}, watch);
  const search_result depth_first = heavy_prefix_search(tokens, log_tau, random_order(context.rng), watch);
  const search_result any_order = any_order_heavy_prefix_search(tokens, log_tau, context.rng, watch);
  const search_result best_first = best_first_token_search(tokens, watch);
  for (const auto& result : {in_order, depth_first, any_order, best_first}) missed(result);
  json outcome{{"T1", in_order.queries},
               {"T1_most", std::max({in_order.queries, depth_first.queries, any_order.queries})},
               {"T1_least", std::min({in_order.queries, depth_first.queries, any_order.queries})},
               {"T1_formula", heavy_prefix_query_count(actions, in_order.heavy_counts)},
               {"T3", best_first.queries}};
  for (int i = 0; i < orders; ++i) {
    const search_result result = residual_mass_token_search(tokens, log_tau, random_order(context.rng), watch);
    missed(result);
    outcome["T2"].push_back(result.queries);
  }
  if (sentence_query_count(actions, horizon) <= point.at("sentence_limit").get<double>()) {
    sentence_feedback sentences(tree);
    const search_result everything = exhaustive_sentence_search(sentences, watch);
    missed(everything);
    outcome["S1"] = everything.queries;
    for (int i = 0; i < orders; ++i) {
      const search_result result = residual_mass_sentence_search(sentences, log_tau, context.rng, watch);
      missed(result);
      outcome["S2"].push_back(result.queries);
    }
  }
  outcome["missed"] = missed.count;
  return outcome;
}

json needle(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H");
  const canonical_instance tree(actions, horizon, 0, point.at("epsilon"), context.rng());
  const double log_best = tree.log_best_probability();
  const double xi = xi_of(log_best, actions);
  misses missed{log_best};
  token_feedback tokens(tree);
  const search_result result = heavy_prefix_search(tokens, log_best, lexicographic_order{}, interruptible{&context});
  missed(result);
  return {{"T1", result.queries},
          {"xi", xi},
          {"printed", printed_token_query_bound(actions, horizon, xi)},
          {"corrected", corrected_token_query_bound(actions, horizon, xi)},
          {"missed", missed.count}};
}

json sweep(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H"), k = point.at("k");
  const canonical_instance tree(actions, horizon, k, canonical_instance::small_epsilon(actions, horizon, k),
                                context.rng());
  const double log_tau = -(k + 0.5) * std::log(actions);
  const interruptible watch{&context};
  misses missed{tree.log_best_probability()};
  token_feedback tokens(tree);
  const search_result t1 = heavy_prefix_search(tokens, log_tau, lexicographic_order{}, watch);
  const search_result t2 = residual_mass_token_search(tokens, log_tau, random_order(context.rng), watch);
  const search_result t3 = best_first_token_search(tokens, watch);
  for (const auto& result : {t1, t2, t3}) missed(result);
  return {{"T1", t1.queries}, {"T2", t2.queries}, {"T3", t3.queries}, {"missed", missed.count}};
}

// The masses of all nodes by depth, from the definition.
template <class Model> std::vector<std::vector<double>> node_masses(const Model& model) {
  std::vector<std::vector<double>> levels{{1.0}};
  std::vector<typename Model::state_type> states{model.initial_state()};
  for (int h = 0; h < model.horizon(); ++h) {
    std::vector<double> masses;
    std::vector<typename Model::state_type> next;
    for (std::size_t i = 0; i < states.size(); ++i)
      for (int a = 0; a < model.action_count(); ++a) {
        masses.push_back(levels.back()[i] * std::exp(model.log_probability(states[i], a)));
        if (h + 1 < model.horizon()) next.push_back(model.append(states[i], a));
      }
    levels.push_back(std::move(masses));
    states = std::move(next);
  }
  return levels;
}

json random_tree(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H");
  const random_instance tree(actions, horizon, point.at("sharpness"), context.rng());
  const std::vector<std::vector<double>> levels = node_masses(tree);
  const double p_star = *std::max_element(levels.back().begin(), levels.back().end());
  const double xi = std::min<double>(horizon, xi_of(std::log(p_star), actions) + point.at("surplus").get<double>());
  const double log_tau = -xi * std::log(actions);
  double heavy_parents = 0;
  for (std::size_t h = 0; h + 1 < levels.size(); ++h)
    for (const double mass : levels[h]) heavy_parents += at_least_mass(std::log(mass), log_tau);

  misses missed{std::log(p_star)};
  token_feedback tokens(tree);
  sentence_feedback sentences(tree);
  const search_result t1 = heavy_prefix_search(tokens, log_tau);
  const search_result depth_first = heavy_prefix_search(tokens, log_tau, random_order(context.rng));
  const search_result any_order = any_order_heavy_prefix_search(tokens, log_tau, context.rng);
  const search_result t2 = residual_mass_token_search(tokens, log_tau, random_order(context.rng));
  const search_result t3 = best_first_token_search(tokens);
  const search_result at_best = heavy_prefix_search(tokens, std::log(p_star));
  const search_result s1 = exhaustive_sentence_search(sentences);
  const search_result s2 = residual_mass_sentence_search(sentences, log_tau, context.rng);
  for (const auto& result : {t1, depth_first, any_order, t2, t3, at_best, s1, s2}) missed(result);
  return {{"T1", t1.queries},
          {"T1_most", std::max({t1.queries, depth_first.queries, any_order.queries})},
          {"T1_least", std::min({t1.queries, depth_first.queries, any_order.queries})},
          {"T1_formula", 1 + (actions - 1) * heavy_parents},
          {"T1_at_best", at_best.queries},
          {"T2", t2.queries},
          {"T2_mean", residual_mass_query_count(levels, std::exp(log_tau)).mean},
          {"T3", t3.queries},
          {"S1", s1.queries},
          {"S2", s2.queries},
          {"xi", xi},
          {"printed", printed_token_query_bound(actions, horizon, xi)},
          {"corrected", corrected_token_query_bound(actions, horizon, xi)},
          {"missed", missed.count}};
}

json entropy(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H");
  const double ratio = point.at("ratio");
  std::vector<double> q(static_cast<std::size_t>(actions));
  double weight = 1, sum = 0;
  for (double& x : q) sum += x = std::exchange(weight, weight * ratio);
  for (double& x : q) x /= sum;
  const constant_entropy_instance tree(q, horizon, context.rng());
  const double log_best = tree.log_best_probability();
  const double xi = xi_of(log_best, actions);
  double heavy_parents = 0;
  const std::vector<double> counts = tree.heavy_counts(log_best);
  for (std::size_t h = 0; h + 1 < counts.size(); ++h) heavy_parents += counts[h];
  const double t1 = 1 + (actions - 1) * heavy_parents;
  json outcome{{"T1", t1},
               {"xi", xi},
               {"printed", printed_token_query_bound(actions, horizon, xi)},
               {"corrected", corrected_token_query_bound(actions, horizon, xi)},
               {"missed", 0}};
  if (t1 * horizon <= point.at("step_limit").get<double>()) {
    const interruptible watch{&context};
    misses missed{log_best};
    token_feedback tokens(tree);
    const search_result run = heavy_prefix_search(tokens, log_best, lexicographic_order{}, watch);
    const search_result best_first = best_first_token_search(tokens, watch);
    missed(run);
    missed(best_first);
    outcome["T1_run"] = run.queries;
    outcome["T3"] = best_first.queries;
    outcome["missed"] = missed.count;
  }
  return outcome;
}

// A needle on which noise and duels have a margin to work against: wrong tokens are e^-7 as likely together.
constexpr double noisy_epsilon = 1e-3;

json noisy(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H");
  const double sigma = point.at("sigma"), delta = point.at("delta");
  const canonical_instance tree(actions, horizon, 0, noisy_epsilon, context.rng());
  const double log_best = tree.log_best_probability();
  const double log_wrong = std::log(noisy_epsilon / (actions - 1));  // the heaviest light node
  const double log_tau = (log_best + log_wrong) / 2;
  const double exact_queries = needle_sample_complexity(actions, horizon).queried_worst_case;
  const std::int64_t m = noisy_token_repetitions(horizon, sigma, (log_best - log_wrong) / 2, exact_queries, delta);
  token_feedback exact(tree);
  const std::vector<int> best = heavy_prefix_search(exact, log_tau).best_response;
  token_feedback source(tree);
  noisy_feedback tokens(source, sigma, m, context.rng);
  const search_result t1 = heavy_prefix_search(tokens, log_tau);
  json outcome{{"token_m", m},
               {"token_queries", tokens.queries()},
               {"token_ratio", static_cast<double>(tokens.queries()) / static_cast<double>(m)},
               {"token_wrong", one_if(t1.best_response != best)}};
  if (sentence_query_count(actions, horizon) <= point.at("sentence_limit").get<double>()) {
    const double lead = std::log1p(-noisy_epsilon) - log_wrong;  // the runner-up differs in the last token
    const std::int64_t n = noisy_sentence_repetitions(actions, horizon, sigma, lead, delta);
    sentence_feedback whole(tree);
    noisy_feedback sentences(whole, sigma, n, context.rng);
    const search_result s1 = exhaustive_sentence_search(sentences, interruptible{&context});
    outcome.update({{"sentence_m", n},
                    {"sentence_queries", sentences.queries()},
                    {"sentence_ratio", static_cast<double>(sentences.queries()) / static_cast<double>(n)},
                    {"sentence_wrong", one_if(s1.best_response != best)}});
  }
  return outcome;
}

json duels(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H");
  const double delta = point.at("delta");
  const canonical_instance tree(actions, horizon, 0, noisy_epsilon, context.rng());
  token_feedback exact(tree);
  const std::vector<int> best = best_first_token_search(exact).best_response;
  const double lead = std::log1p(-noisy_epsilon) - std::log(noisy_epsilon / (actions - 1));
  const std::int64_t m =
      duels_per_comparison(std::log(needle_sample_complexity(actions, horizon).named_worst_case), lead, delta);
  sibling_preference siblings(tree, context.rng);
  const preference_search_result token = sibling_knockout_descent(siblings, m);
  json outcome{{"token_m", m},
               {"token_ratio", static_cast<double>(token.duels) / static_cast<double>(m)},
               {"token_wrong", one_if(token.best_response != best)}};
  if (sentence_query_count(actions, horizon) <= point.at("sentence_limit").get<double>()) {
    const std::int64_t n = duels_per_comparison(horizon * std::log(actions), lead, delta);
    sentence_preference sentences(tree, context.rng);
    const preference_search_result sentence = sentence_knockout(sentences, n);
    outcome.update({{"sentence_m", n},
                    {"sentence_ratio", static_cast<double>(sentence.duels) / static_cast<double>(n)},
                    {"sentence_wrong", one_if(sentence.best_response != best)}});
  }
  return outcome;
}

json odds(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H"), k = point.at("k");
  const std::int64_t m = point.at("duels");
  const canonical_instance tree(actions, horizon, k, noisy_epsilon, context.rng());
  sibling_preference siblings(tree, context.rng);
  const preference_search_result found = sibling_odds_search(siblings, -(k + 0.5) * std::log(actions), m);
  double log_p = log_zero;
  if (found.status == search_status::found) {
    token_feedback exact(tree);
    log_p = 0;
    for (const double r : exact.token_rewards(found.best_response)) log_p += r;
  }
  // Heavy inner nodes: the uniform levels and the chains.
  double heavy_parents = 0;
  for (int h = 0; h < horizon; ++h) heavy_parents += std::pow(actions, std::min(h, k));
  return {{"ratio", static_cast<double>(found.duels) / static_cast<double>(m)},
          {"formula", 2 * (actions - 1) * heavy_parents},
          {"wrong", one_if(std::abs(log_p - tree.log_best_probability()) > 1e-8)}};
}

// r'(s, a) = r(s, a) + Psi(s') - Psi(s), Psi = 0 at the prompt and at the end: the same sums over whole responses, so
// the same preferences and the same pi*. `last_token`: Psi(s) = -log p(s), which moves all reward to the last token.
class shaped_feedback {
 public:
  shaped_feedback(const random_instance& model, double deviation, std::uint64_t seed, bool last_token)
      : exact_(model), deviation_(deviation), seed_(seed), last_token_(last_token) {}

  int action_count() const { return exact_.action_count(); }
  int horizon() const { return exact_.horizon(); }
  std::int64_t queries() const { return exact_.queries(); }

  std::span<const double> token_rewards(std::span<const int> response) {
    const std::span<const double> exact = exact_.token_rewards(response);
    values_.resize(exact.size());
    double before = 0, log_p = 0;
    std::uint64_t key = seed_;
    for (std::size_t h = 0; h < exact.size(); ++h) {
      log_p += exact[h];
      key = rto::detail::child_key(key, response[h]);
      double after = 0;
      if (h + 1 < exact.size()) after = last_token_ ? -log_p : deviation_ * standard_normal(key);
      values_[h] = exact[h] + after - before;
      before = after;
    }
    return values_;
  }

 private:
  static double standard_normal(std::uint64_t key) {
    stream bits(key);
    return boost::random::normal_distribution<double>()(bits);
  }

  token_feedback<random_instance> exact_;
  double deviation_;
  std::uint64_t seed_;
  bool last_token_;
  std::vector<double> values_;
};

json shaped(const json& point, replicate_context& context) {
  const int actions = point.at("A"), horizon = point.at("H");
  const random_instance tree(actions, horizon, point.at("sharpness"), context.rng());
  token_feedback tokens(tree);
  const search_result best = best_first_token_search(tokens);
  const double log_tau = best.log_probability;
  const search_result plain = heavy_prefix_search(tokens, log_tau);
  shaped_feedback last(tree, 0, 0, true);
  const search_result on_last = heavy_prefix_search(last, log_tau);
  const std::uint64_t seed = context.rng();
  shaped_feedback random_potential(tree, point.at("deviation"), seed, false);
  const search_result on_random = heavy_prefix_search(random_potential, log_tau);
  // The rewards of whole responses are unchanged, hence preferences and pi*.
  double change = 0;
  sentence_feedback sentences(tree);
  exhaustive_sentence_search(sentences, [&](const query_view& query) {
    for (shaped_feedback* other : {&last, &random_potential}) {
      double sum = 0;
      for (const double r : other->token_rewards(query.response)) sum += r;
      change = std::max(change, std::abs(sum - query.prefix_log_probabilities[0]));
    }
    return true;
  });
  return {{"change", change},
          {"all", sentence_query_count(actions, horizon)},
          {"plain", plain.queries},
          {"plain_wrong", one_if(plain.best_response != best.best_response)},
          {"last", on_last.queries},
          {"last_wrong", one_if(on_last.best_response != best.best_response)},
          {"random", on_random.queries},
          {"random_wrong", one_if(on_random.best_response != best.best_response)}};
}

}  // namespace

json replicate(const json& point, replicate_context& context) {
  using run = json (*)(const json&, replicate_context&);
  static const std::map<std::string, run> runs{{"canonical", canonical}, {"needle", needle},   {"sweep", sweep},
                                               {"random", random_tree},  {"entropy", entropy}, {"noisy", noisy},
                                               {"duels", duels},         {"odds", odds},       {"shaped", shaped}};
  return runs.at(point.at("kind").get<std::string>())(point, context);
}

}  // namespace rto::sim::proposition_32
