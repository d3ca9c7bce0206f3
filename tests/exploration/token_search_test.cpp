#include <boost/random/mersenne_twister.hpp>
#include <cmath>
#include <map>

#include <rto/exploration/best_first_search.hpp>
#include <rto/exploration/canonical_instance.hpp>
#include <rto/exploration/leaf_mass_tree.hpp>
#include <rto/exploration/sentence_search.hpp>
#include <rto/exploration/token_search.hpp>

#include "support/catch.hpp"

using namespace rto;

static_assert(TokenLogProbabilityModel<canonical_instance>);
static_assert(TokenLogProbabilityModel<leaf_mass_tree>);
static_assert(TokenFeedback<token_feedback<canonical_instance>>);
static_assert(SentenceFeedback<sentence_feedback<canonical_instance>>);
static_assert(!SentenceFeedback<token_feedback<canonical_instance>>, "a learner sees what its oracle tells");

TEST_CASE("T1 makes the four queries of the needle 111 that mathematics.md 11.2 lists", "[token_search]") {
  const canonical_instance needle(2, 3, 0, 0.1);
  for (const double log_tau : {std::log(0.5), std::log(0.729)}) {
    token_feedback oracle(needle);
    query_trace trace;
    const search_result result = heavy_prefix_search(oracle, log_tau, lexicographic_order{}, trace);
    CHECK(result.status == search_status::found);
    CHECK(result.queries == 4);
    CHECK(oracle.queries() == 4);
    CHECK(result.best_response == std::vector<int>{1, 1, 1});
    CHECK(std::exp(result.log_probability) == Approx(0.729));
    CHECK(result.heavy_counts == std::vector<std::int64_t>{1, 1, 1, 1});
    CHECK(result.frontier_size == 3);
    REQUIRE(trace.records.size() == 4);
    CHECK(trace.records[0].response == std::vector<int>{0, 0, 0});
    CHECK(trace.records[1].response == std::vector<int>{1, 0, 0});
    CHECK(trace.records[2].response == std::vector<int>{1, 1, 0});
    CHECK(trace.records[3].response == std::vector<int>{1, 1, 1});
    CHECK(std::exp(trace.records[0].prefix_log_probabilities.back()) == Approx(0.1));
    CHECK(std::exp(trace.records[1].prefix_log_probabilities.back()) == Approx(0.09));
    CHECK(std::exp(trace.records[2].prefix_log_probabilities.back()) == Approx(0.081));
    CHECK(trace.records[3].heavy_leaf);
    CHECK(trace.records[2].dead_length == 3);
  }
}

TEST_CASE("T1 counts 1 + (A-1) sum N_h on canonical instances up to 10^30 responses", "[token_search]") {
  boost::random::mt19937_64 rng(7);
  for (const auto& [actions, horizon, k] : {std::tuple{4, 2, 1}, {4, 10, 1}, {10, 12, 2}, {2, 100, 3}, {1000, 10, 0}}) {
    const double epsilon = canonical_instance::small_epsilon(actions, horizon, k);
    const canonical_instance instance(actions, horizon, k, epsilon, 99);
    const double log_tau = -(k + 0.5) * std::log(actions);
    const auto g = static_cast<std::int64_t>(std::llround(std::pow(actions, k)));
    token_feedback oracle(instance);
    const search_result in_order = heavy_prefix_search(oracle, log_tau);
    const search_result at_random = heavy_prefix_search(oracle, log_tau, random_order(rng));
    CHECK(in_order.queries == g * (1 + std::int64_t{actions - 1} * (horizon - k)));
    CHECK(at_random.queries == in_order.queries);
    CHECK(in_order.log_probability == Approx(instance.log_best_probability()).epsilon(1e-12));
    CHECK(at_random.heavy_counts == in_order.heavy_counts);
    CHECK(in_order.heavy_counts.back() == g);
  }
}

TEST_CASE("T3 finds the best response without a parameter, with at most T1's queries at tau = p*", "[token_search]") {
  for (const auto& [actions, horizon, k] : {std::tuple{2, 3, 0}, {4, 10, 1}, {3, 3, 3}, {7, 1, 0}, {3, 30, 2}}) {
    const double epsilon = canonical_instance::small_epsilon(actions, horizon, k);
    const canonical_instance instance(actions, horizon, k, epsilon, 5);
    token_feedback oracle(instance);
    const search_result t3 = best_first_token_search(oracle);
    const search_result t1 = heavy_prefix_search(oracle, instance.log_best_probability());
    CHECK(t3.status == search_status::found);
    CHECK(t3.log_probability == Approx(instance.log_best_probability()));
    CHECK(t3.queries <= t1.queries);
  }
}
