#include <boost/random/mersenne_twister.hpp>
#include <cmath>

#include <rto/exploration/best_first_search.hpp>
#include <rto/exploration/canonical_instance.hpp>
#include <rto/exploration/leaf_mass_tree.hpp>
#include <rto/exploration/preference_search.hpp>
#include <rto/exploration/random_instance.hpp>
#include <rto/exploration/sentence_search.hpp>
#include <rto/exploration/token_search.hpp>
#include <rto/theory/sample_complexity.hpp>

#include "support/catch.hpp"

using namespace rto;
using generator = boost::random::mt19937_64;

static_assert(TokenFeedback<noisy_feedback<token_feedback<random_instance>, generator>>);
static_assert(!SentenceFeedback<noisy_feedback<token_feedback<random_instance>, generator>>);
static_assert(SentencePreference<sentence_preference<random_instance, generator>>);
static_assert(SiblingPreference<sibling_preference<random_instance, generator>>);

TEST_CASE("The token rewards of a response sum to its sentence reward, in any order of queries", "[feedback]") {
  generator rng(1);
  const random_instance model(3, 6, 1.5, 9);
  token_feedback tokens(model);
  sentence_feedback sentences(model);
  boost::random::uniform_int_distribution<int> token(0, 2);
  std::vector<int> response(6, 0);
  for (int i = 0; i < 200; ++i) {
    for (auto h = static_cast<std::size_t>(i % 6); h < 6; ++h) response[h] = token(rng);
    double log_p = 0;  // from the definition, without kept states
    auto state = model.initial_state();
    for (const int a : response) {
      log_p += model.log_probability(state, a);
      state = model.append(state, a);
    }
    double sum = 0;
    for (const double r : tokens.token_rewards(response)) sum += r;
    CHECK(sum == Approx(log_p));
    CHECK(sentences.sentence_reward(response) == Approx(log_p));
  }
  CHECK(tokens.queries() == 200);
}

TEST_CASE("noisy_feedback averages m readings of variance sigma^2 and counts m queries", "[feedback]") {
  generator rng(2);
  const canonical_instance model(2, 2, 0, 0.1);
  sentence_feedback exact(model);
  noisy_feedback noisy(exact, 0.6, 9, rng);
  const std::vector<int> response{1, 1};
  const int draws = 4000;
  double sum = 0, squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double error = noisy.sentence_reward(response) - 2 * std::log(0.9);
    sum += error;
    squares += error * error;
  }
  CHECK(noisy.queries() == 9 * draws);
  CHECK(std::abs(sum / draws) < 4 * 0.2 / std::sqrt(draws));                    // standard error 0.2 / sqrt(n)
  CHECK(std::abs(squares / draws - 0.04) < 4 * 0.04 * std::sqrt(2.0 / draws));  // false alarm 1 in 16 000 each
  CHECK_THROWS_AS(noisy_feedback(exact, -1.0, 1, rng), std::domain_error);
  CHECK_THROWS_AS(noisy_feedback(exact, 1.0, 0, rng), std::domain_error);
}

TEST_CASE("T1 on means of noisy rewards decides as without noise with probability 1 - delta", "[feedback]") {
  // Needle: log p at a chain node is at least H log(1-eps), at a wrong child at most log(eps/(A-1)).
  generator rng(3);
  const int actions = 3, horizon = 6;
  const double epsilon = 0.02, sigma = 1.0, delta = 0.05;
  const double heavy = horizon * std::log1p(-epsilon), light = std::log(epsilon / 2);
  const double log_tau = (heavy + light) / 2, gap = (heavy - light) / 2;
  const std::int64_t exact_queries = 1 + 2 * 6;
  const std::int64_t m = noisy_token_repetitions(horizon, sigma, gap, static_cast<double>(exact_queries), delta);
  int failures = 0;
  const int trials = 400;
  for (int trial = 0; trial < trials; ++trial) {
    const canonical_instance needle(actions, horizon, 0, epsilon, static_cast<std::uint64_t>(trial));
    token_feedback exact(needle);
    noisy_feedback noisy(exact, sigma, m, rng);
    const search_result result = heavy_prefix_search(noisy, log_tau);
    token_feedback quiet(needle);
    const bool same = result.best_response == heavy_prefix_search(quiet, log_tau).best_response &&
                      result.queries == exact_queries && noisy.queries() == m * exact_queries;
    failures += same ? 0 : 1;
  }
  CHECK(failures <= 38);  // binomial(400, 0.05): exceeded with probability below 1e-4
  // The same with a single noisy reading fails often: the check can fail.
  int single_failures = 0;
  for (int trial = 0; trial < 100; ++trial) {
    const canonical_instance needle(actions, horizon, 0, epsilon, static_cast<std::uint64_t>(trial));
    token_feedback exact(needle);
    noisy_feedback noisy(exact, 2.0, 1, rng);
    single_failures += heavy_prefix_search(noisy, log_tau).queries != exact_queries;
  }
  CHECK(single_failures > 20);
}

TEST_CASE("Duels follow Bradley-Terry on the log-probabilities", "[preference_search]") {
  generator rng(4);
  const leaf_mass_tree tree(2, 2, {4, 1, 3, 2});
  const int draws = 20'000;
  sentence_preference sentences(tree, rng);
  sibling_preference siblings(tree, rng);
  int sentence_wins = 0, sibling_wins = 0;
  const std::vector<int> first{0, 0}, second{0, 1}, prefix{1};
  for (int i = 0; i < draws; ++i) {
    sentence_wins += sentences.prefers(first, second);
    sibling_wins += siblings.prefers(prefix, 0, 1);
  }
  CHECK(std::abs(sentence_wins / double(draws) - 0.8) < 4 * std::sqrt(0.8 * 0.2 / draws));
  CHECK(std::abs(sibling_wins / double(draws) - 0.6) < 4 * std::sqrt(0.6 * 0.4 / draws));
  CHECK(sentences.duels() == draws);
  CHECK(siblings.duels() == draws);
}

TEST_CASE("Searches by duels find the needle at the cost of mathematics.md 11.6", "[preference_search]") {
  generator rng(5);
  const int actions = 3, horizon = 4;
  const double epsilon = 0.03, delta = 1e-4;
  const canonical_instance needle(actions, horizon, 0, epsilon, 21);
  token_feedback oracle(needle);
  const std::vector<int> best = best_first_token_search(oracle).best_response;

  const double gap = std::log1p(-epsilon) - std::log(epsilon / (actions - 1));
  const std::int64_t m = duels_per_comparison(horizon * std::log(actions), gap, delta);
  sentence_preference sentences(needle, rng);
  const preference_search_result sentence = sentence_knockout(sentences, m);
  CHECK(sentence.best_response == best);
  CHECK(sentence.duels == 80 * m);
  sibling_preference siblings(needle, rng);
  const preference_search_result token = sibling_knockout_descent(siblings, m);
  CHECK(token.best_response == best);
  CHECK(token.duels == 4 * 2 * m);
}

TEST_CASE("sibling_odds_search finds a best response off the greedy path, with its mass", "[preference_search]") {
  // Token 0 is the likelier first token, but its continuations share its mass: p(0) = .6, p(00) = .24, p(10) = .30.
  generator rng(6);
  const leaf_mass_tree tree(3, 2, {24, 18, 18, 30, 2, 2, 2, 2, 2});
  sibling_preference siblings(tree, rng);
  const preference_search_result greedy = sibling_knockout_descent(siblings, 20'001);
  CHECK(greedy.best_response == std::vector<int>{0, 0});
  const std::int64_t before = siblings.duels();
  const preference_search_result result = sibling_odds_search(siblings, std::log(0.27), 20'001);
  CHECK(result.status == search_status::found);
  CHECK(result.best_response == std::vector<int>{1, 0});
  CHECK(std::exp(result.log_probability) == Approx(0.3).epsilon(0.03));
  CHECK(siblings.duels() - before == 3 * 2 * 2 * 20'001);  // three heavy inner nodes
  CHECK(sibling_odds_search(siblings, std::log(0.5), 20'001).status == search_status::no_heavy_leaf);
  CHECK_THROWS_AS(sibling_odds_search(siblings, -1.0, 0), std::domain_error);
}
