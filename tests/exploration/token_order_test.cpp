#include <boost/random/mersenne_twister.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>

#include <rto/exploration/any_order_search.hpp>
#include <rto/exploration/best_first_search.hpp>
#include <rto/exploration/canonical_instance.hpp>
#include <rto/exploration/leaf_mass_tree.hpp>
#include <rto/exploration/random_instance.hpp>
#include <rto/exploration/sentence_search.hpp>
#include <rto/exploration/token_search.hpp>

#include "support/catch.hpp"

using namespace rto;

static_assert(TokenLogProbabilityModel<random_instance>);
static_assert(TokenLogProbabilityModel<constant_entropy_instance>);

namespace {

// The rule of mathematics.md 11.2 on a written-out tree, word by word: `dead` has a bit for every response with a dead
// prefix. Collects the numbers of queries of ALL orders in which living responses can be picked.
class every_order {
 public:
  every_order(const leaf_mass_tree& tree, double tau) : tree_(&tree), tau_(tau) {
    responses_ = static_cast<int>(tree.masses(tree.horizon()).size());
  }
  const std::set<int>& counts(std::uint32_t dead = 0) {
    if (const auto found = known_.find(dead); found != known_.end()) return found->second;
    std::set<int> all;
    if (dead == (std::uint32_t{1} << responses_) - 1) all.insert(0);
    for (int y = 0; y < responses_; ++y)
      if (!(dead >> y & 1))
        for (const int count : counts(dead | killed_by(y))) all.insert(count + 1);
    return known_[dead] = all;
  }

 private:
  std::uint32_t killed_by(int y) const {
    int below = responses_;  // responses below the prefix
    const double total = tree_->masses(0)[0];
    for (int h = 0; h <= tree_->horizon(); ++h, below /= tree_->action_count()) {
      const int prefix = y / below;
      const bool light = tree_->masses(h)[static_cast<std::size_t>(prefix)] / total < tau_;
      if (light || h == tree_->horizon()) return ((std::uint32_t{1} << below) - 1) << (prefix * below);
    }
    return 0;
  }

  const leaf_mass_tree* tree_;
  double tau_;
  int responses_;
  std::map<std::uint32_t, std::set<int>> known_;
};

leaf_mass_tree random_tree(int actions, int horizon, boost::random::mt19937_64& rng) {
  std::vector<double> masses(static_cast<std::size_t>(std::lround(std::pow(actions, horizon))));
  boost::random::uniform_int_distribution<int> digit(1, 9);
  for (double& mass : masses) mass = std::pow(digit(rng), 6);
  return {actions, horizon, masses};
}

// N_h by counting.
std::vector<std::int64_t> heavy_counts(const leaf_mass_tree& tree, double log_tau) {
  std::vector<std::int64_t> counts;
  for (int h = 0; h <= tree.horizon(); ++h) {
    counts.push_back(0);
    for (const double mass : tree.masses(h))
      counts.back() += at_least_mass(std::log(mass / tree.masses(0)[0]), log_tau);
  }
  return counts;
}

}  // namespace

TEST_CASE("Every order of T1's rule makes the same number of queries, and the three searches make it",
          "[token_search]") {
  boost::random::mt19937_64 rng(11);
  for (const auto& [actions, horizon] : {std::pair{2, 2}, {2, 3}, {3, 2}, {2, 4}, {4, 2}}) {
    for (int repeat = 0; repeat < 4; ++repeat) {
      const leaf_mass_tree tree = random_tree(actions, horizon, rng);
      for (const double tau : {0.9, 0.3, 0.12, 0.05, 1e-9}) {
        std::int64_t parents = 0;
        const std::vector<std::int64_t> counts = heavy_counts(tree, std::log(tau));
        for (int h = 0; h < horizon; ++h) parents += counts[static_cast<std::size_t>(h)];
        const std::int64_t expected = 1 + (actions - 1) * parents;
        CHECK(every_order(tree, tau).counts() == std::set<int>{static_cast<int>(expected)});

        token_feedback oracle(tree);
        const search_result in_order = heavy_prefix_search(oracle, std::log(tau));
        const search_result at_random = heavy_prefix_search(oracle, std::log(tau), random_order(rng));
        const search_result any = any_order_heavy_prefix_search(oracle, std::log(tau), rng);
        for (const search_result& result : {in_order, at_random, any}) {
          CHECK(result.queries == expected);
          CHECK(result.heavy_counts == counts);
          CHECK(result.frontier_size + counts.back() == expected);
          CHECK((result.status == search_status::found) == (counts.back() > 0));
        }
        CHECK(oracle.queries() == 3 * expected);
      }
    }
  }
}

TEST_CASE("Every learner returns the best response that enumeration finds", "[token_search][sentence_search]") {
  boost::random::mt19937_64 rng(12);
  for (const auto& [actions, horizon] : {std::pair{2, 6}, {3, 4}, {5, 2}, {1, 3}, {4, 1}}) {
    for (int seed = 0; seed < 10; ++seed) {
      const random_instance tree(actions, horizon, 1.0 + 0.3 * seed, static_cast<std::uint64_t>(seed));
      sentence_feedback sentences(tree);
      const search_result s1 = exhaustive_sentence_search(sentences);
      CHECK(s1.queries == std::lround(std::pow(actions, horizon)));
      const double log_tau = s1.log_probability - 0.2;
      CHECK(residual_mass_sentence_search(sentences, log_tau, rng).best_response == s1.best_response);
      token_feedback tokens(tree);
      const search_result t1 = heavy_prefix_search(tokens, log_tau);
      const search_result t2 = residual_mass_token_search(tokens, log_tau, random_order(rng));
      const search_result t3 = best_first_token_search(tokens);
      const search_result at_p_star = heavy_prefix_search(tokens, s1.log_probability);
      for (const search_result& result : {t1, t2, t3}) {
        CHECK(result.status == search_status::found);
        CHECK(result.best_response == s1.best_response);
        CHECK(result.log_probability == Approx(s1.log_probability).epsilon(1e-12));
      }
      CHECK(t2.queries <= t1.queries);
      CHECK(t3.queries <= at_p_star.queries);
      CHECK(t1.queries <= s1.queries);
    }
  }
}

TEST_CASE("A threshold above p* is reported as no_heavy_leaf", "[token_search][sentence_search]") {
  boost::random::mt19937_64 rng(13);
  const leaf_mass_tree tree(2, 2, {1, 2, 3, 4});
  token_feedback tokens(tree);
  sentence_feedback sentences(tree);
  CHECK(heavy_prefix_search(tokens, std::log(0.41)).status == search_status::no_heavy_leaf);
  CHECK(heavy_prefix_search(tokens, std::log(0.41)).best_response.empty());
  CHECK(heavy_prefix_search(tokens, std::log(0.39)).status == search_status::found);
  CHECK(residual_mass_token_search(tokens, std::log(0.41)).status == search_status::no_heavy_leaf);
  CHECK(any_order_heavy_prefix_search(tokens, std::log(0.41), rng).status == search_status::no_heavy_leaf);
  CHECK(residual_mass_sentence_search(sentences, std::log(0.41), rng).status == search_status::no_heavy_leaf);
  CHECK(heavy_prefix_search(tokens, std::log(2.0)).status == search_status::no_heavy_leaf);
}

TEST_CASE("Forbidden tokens are light, and visited only when everything is", "[token_search]") {
  const leaf_mass_tree tree(2, 3, {0, 0, 0, 0, 1, 0, 0, 3});
  token_feedback oracle(tree);
  const search_result result = heavy_prefix_search(oracle, std::log(0.2));
  CHECK(result.heavy_counts == std::vector<std::int64_t>{1, 1, 2, 2});
  CHECK(result.best_response == std::vector<int>{1, 1, 1});
  CHECK(heavy_prefix_search(oracle, log_zero).queries == 8);
  CHECK(best_first_token_search(oracle).best_response == std::vector<int>{1, 1, 1});
}

TEST_CASE("log-probabilities of a random instance are at most 0, however decided it is and whatever the compiler fuses",
          "[random_instance]") {
  for (const double sharpness : {0.5, 3.0, 30.0}) {
    for (std::uint64_t seed = 0; seed < 20000; ++seed) {
      const random_instance tree(2, 1, sharpness, seed);
      const auto root = tree.initial_state();
      const double log_p[] = {tree.log_probability(root, 0), tree.log_probability(root, 1)};
      REQUIRE(std::max(log_p[0], log_p[1]) <= 0);
    }
  }
}

TEST_CASE("heavy_counts of a constant-entropy instance are those that T1 visits", "[random_instance]") {
  for (const std::vector<double>& q : {std::vector<double>{0.7, 0.2, 0.1}, {0.25, 0.25, 0.25, 0.25}, {0.9, 0.1}}) {
    const constant_entropy_instance tree(q, 8, 3);
    const double log_tau = tree.log_best_probability() - (q[0] > 0.5 ? 0.0 : -1e-12);
    token_feedback oracle(tree);
    const search_result t1 = heavy_prefix_search(oracle, log_tau);
    const std::vector<double> counts = tree.heavy_counts(log_tau);
    REQUIRE(counts.size() == t1.heavy_counts.size());
    for (std::size_t h = 0; h < counts.size(); ++h) CHECK(counts[h] == static_cast<double>(t1.heavy_counts[h]));
    CHECK(t1.log_probability == Approx(tree.log_best_probability()));
  }
}

TEST_CASE("The probabilities of every model sum to one in every state", "[random_instance]") {
  const auto check = [](const auto& model) {
    const auto visit = [&](const auto& self, const auto& state, int depth) -> void {
      double sum = 0;
      for (int a = 0; a < model.action_count(); ++a) sum += std::exp(model.log_probability(state, a));
      CHECK(sum == Approx(1).epsilon(1e-12));
      if (depth + 1 < model.horizon())
        for (int a = 0; a < model.action_count(); ++a) self(self, model.append(state, a), depth + 1);
    };
    visit(visit, model.initial_state(), 0);
  };
  check(canonical_instance(3, 4, 1, 0.2));
  check(canonical_instance(3, 4, 1, 0.2, 17));
  check(canonical_instance(1, 3, 0, 0.2));
  check(random_instance(4, 3, 1.0, 1));
  check(random_instance(2, 4, 6.0, 2));
  check(constant_entropy_instance({0.5, 0.3, 0.2}, 4, 1));
  check(leaf_mass_tree(2, 3, {1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_CASE("random_order draws every permutation equally often", "[child_order]") {
  boost::random::mt19937_64 rng(14);
  random_order order(rng);
  order.start(4, 2);
  std::map<std::vector<int>, int> seen;
  const int draws = 24'000;
  for (int i = 0; i < draws; ++i) {
    std::vector<int> permutation;
    for (int tried = 0; tried < 4; ++tried) permutation.push_back(order.token(1, tried));
    ++seen[permutation];
  }
  double chi_square = 0;
  for (const auto& [permutation, count] : seen) chi_square += std::pow(count - draws / 24.0, 2) / (draws / 24.0);
  CHECK(seen.size() == 24);
  CHECK(chi_square < 53);  // 23 degrees of freedom: exceeded by chance with probability 4e-4
}

TEST_CASE("Searches stop when the observer says so, and hand back the best so far", "[search_result]") {
  boost::random::mt19937_64 rng(15);
  const canonical_instance tree(3, 5, 1, 1e-4);
  token_feedback tokens(tree);
  sentence_feedback sentences(tree);
  const double log_tau = -1.5 * std::log(3.0);
  for (const search_result& result :
       {heavy_prefix_search(tokens, log_tau, lexicographic_order{}, query_budget{5}),
        any_order_heavy_prefix_search(tokens, log_tau, rng, query_budget{5}),
        best_first_token_search(tokens, query_budget{5}), exhaustive_sentence_search(sentences, query_budget{5}),
        residual_mass_sentence_search(sentences, log_tau, rng, query_budget{5})}) {
    CHECK(result.status == search_status::stopped);
    CHECK(result.queries == 5);
  }
}

TEST_CASE("Searches reject thresholds and rewards that are not what they bound", "[token_search]") {
  struct strange_feedback {
    double reward;
    std::vector<double> values = std::vector<double>(2, reward);
    int action_count() const { return 2; }
    int horizon() const { return 2; }
    std::int64_t queries() const { return 0; }
    std::span<const double> token_rewards(std::span<const int>) { return values; }
    double sentence_reward(std::span<const int>) { return reward; }
  };
  boost::random::mt19937_64 rng(16);
  strange_feedback missing{std::nan("")}, positive{0.5};
  CHECK_THROWS_AS(heavy_prefix_search(missing, -1.0), std::domain_error);
  CHECK_THROWS_AS(any_order_heavy_prefix_search(missing, -1.0, rng), std::domain_error);
  CHECK_THROWS_AS(best_first_token_search(missing), std::domain_error);
  CHECK_THROWS_AS(best_first_token_search(positive), std::domain_error);
  CHECK_THROWS_AS(exhaustive_sentence_search(missing), std::domain_error);
  CHECK_THROWS_AS(residual_mass_sentence_search(positive, -1.0, rng), std::domain_error);
  const canonical_instance tree(2, 2, 0, 0.1);
  token_feedback oracle(tree);
  CHECK_THROWS_AS(heavy_prefix_search(oracle, std::nan("")), std::domain_error);
  CHECK_THROWS_AS(oracle.token_rewards(std::vector<int>{0, 2}), std::invalid_argument);
  CHECK_THROWS_AS(oracle.token_rewards(std::vector<int>{0}), std::invalid_argument);
}

TEST_CASE("S2 refuses more responses than a 64-bit integer counts", "[sentence_search]") {
  boost::random::mt19937_64 rng(17);
  const canonical_instance tree(10, 19, 0, 0.1);
  sentence_feedback sentences(tree);
  CHECK_THROWS_AS(residual_mass_sentence_search(sentences, -1.0, rng), std::domain_error);
}

TEST_CASE("Instances reject parameters out of their domain", "[canonical_instance][random_instance]") {
  CHECK_THROWS_AS(canonical_instance(0, 2, 0, 0.1), std::domain_error);
  CHECK_THROWS_AS(canonical_instance(2, 2, 3, 0.1), std::domain_error);
  CHECK_THROWS_AS(canonical_instance(2, 2, 0, 1.0), std::domain_error);
  CHECK_THROWS_AS(random_instance(2, 2, 0.0, 1), std::domain_error);
  CHECK_THROWS_AS(constant_entropy_instance({0.5, 0.4}, 3, 1), std::domain_error);
  CHECK_THROWS_AS(leaf_mass_tree(2, 2, {1, 2, 3}), std::invalid_argument);
  CHECK_THROWS_AS(leaf_mass_tree(2, 1, {1, -2}), std::domain_error);
  CHECK_THROWS_AS(leaf_mass_tree(2, 1, {0, 0}), std::domain_error);
}
