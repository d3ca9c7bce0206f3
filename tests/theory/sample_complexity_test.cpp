#include <rto/theory/sample_complexity.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <vector>

#include "support/catch.hpp"

using namespace rto;

namespace {

// The best adaptive learner on needle instances, by brute force: the set of needles that are still possible is a bit
// mask; a query of y tells the first position where it leaves the needle. `queried`: y* itself must be queried at last.
class needle_game {
 public:
  needle_game(int actions, int horizon, bool queried) : actions_(actions), horizon_(horizon), queried_(queried) {
    responses_ = static_cast<int>(std::lround(std::pow(actions, horizon)));
  }
  int worst_case() { return worst((std::uint64_t{1} << responses_) - 1); }
  double mean() { return total((std::uint64_t{1} << responses_) - 1) / static_cast<double>(responses_); }

 private:
  std::vector<std::uint64_t> answers(std::uint64_t possible, int query) const {
    std::vector<std::uint64_t> parts(static_cast<std::size_t>(horizon_) + 1, 0);
    for (int y = 0; y < responses_; ++y)
      if (possible >> y & 1) parts[static_cast<std::size_t>(common_prefix(y, query))] |= std::uint64_t{1} << y;
    return parts;
  }
  int common_prefix(int a, int b) const {
    int length = horizon_;
    for (; a != b; a /= actions_, b /= actions_) --length;
    return length;
  }
  bool over(std::uint64_t possible) const { return !queried_ && std::popcount(possible) <= 1; }
  template <class Value, class Score>
  Value best(std::uint64_t possible, std::map<std::uint64_t, Value>& known, Score score) {
    if (over(possible) || possible == 0) return 0;
    if (const auto found = known.find(possible); found != known.end()) return found->second;
    Value value = 1 << 20;
    for (int query = 0; query < responses_; ++query) {
      std::vector<std::uint64_t> parts = answers(possible, query);
      if (std::count(parts.begin(), parts.end(), possible) && parts.back() != possible) continue;  // tells nothing
      parts.back() = 0;  // the needle itself was queried
      value = std::min(value, score(parts));
    }
    return known[possible] = value;
  }
  int worst(std::uint64_t possible) {
    return best(possible, worst_, [this](const std::vector<std::uint64_t>& parts) {
      int most = 0;
      for (const std::uint64_t part : parts) most = std::max(most, worst(part));
      return 1 + most;
    });
  }
  // Summed over the needles that are possible.
  int total(std::uint64_t possible) {
    return best(possible, total_, [this, possible](const std::vector<std::uint64_t>& parts) {
      int sum = std::popcount(possible);
      for (const std::uint64_t part : parts) sum += total(part);
      return sum;
    });
  }

  int actions_, horizon_, responses_;
  bool queried_;
  std::map<std::uint64_t, int> worst_, total_;
};

}  // namespace

TEST_CASE("needle_sample_complexity equals the game-tree optimum over all adaptive learners", "[sample_complexity]") {
  for (const auto& [actions, horizon] : {std::pair{2, 2}, {2, 3}, {3, 2}, {2, 1}, {4, 1}}) {
    const needle_query_counts counts = needle_sample_complexity(actions, horizon);
    INFO("A = " << actions << ", H = " << horizon);
    CHECK(counts.named_worst_case == needle_game(actions, horizon, false).worst_case());
    CHECK(counts.named_mean == Approx(needle_game(actions, horizon, false).mean()));
    CHECK(counts.queried_worst_case == needle_game(actions, horizon, true).worst_case());
    CHECK(counts.queried_mean == Approx(needle_game(actions, horizon, true).mean()));
  }
}

TEST_CASE("The needle exceeds the printed bound but not the corrected one", "[sample_complexity]") {
  CHECK(printed_token_query_bound(2, 3, 0.456) == Approx(2.743).epsilon(1e-3));  // T1 makes 4 (mathematics.md 11.2)
  CHECK(corrected_token_query_bound(2, 3, 0.456) >= 4);
  CHECK(corrected_token_query_bound(4, 10, 0.0) == Approx(1 + 3 * 10));
}

TEST_CASE("The bounds agree with A^H where nothing is assumed, and are ordered", "[sample_complexity]") {
  for (int actions : {1, 2, 3, 7})
    for (int horizon : {1, 2, 5}) {
      const double all = sentence_query_count(actions, horizon);
      CHECK(corrected_token_query_bound(actions, horizon, horizon) == Approx(all));
      CHECK(printed_token_query_bound(actions, horizon, horizon) == Approx(all));
      for (double xi = 0; xi <= horizon; xi += 0.25) {
        const double corrected = corrected_token_query_bound(actions, horizon, xi);
        CHECK(corrected <= all * (1 + 1e-12));
        CHECK(corrected <=
              (horizon - std::min(std::floor(xi), horizon - 1.0)) * std::pow(actions, xi + 1) * (1 + 1e-12));
        CHECK(token_query_lower_bound(actions, horizon, xi) <= corrected);
        if (horizon - xi <= 1) CHECK(corrected <= printed_token_query_bound(actions, horizon, xi) * (1 + 1e-12));
      }
    }
}

TEST_CASE("Naming a majority response among N costs N - 1 at worst and the mean over its place in the order",
          "[sample_complexity]") {
  const double n = 27;
  double sum = n - 1;  // last in the order: known once all others are seen
  for (int place = 1; place < 27; ++place) sum += place;
  CHECK(sentence_identification_count(3, 3).worst_case == n - 1);
  CHECK(sentence_identification_count(3, 3).mean == Approx(sum / n));
}

TEST_CASE("canonical_sample_complexity gives the example of mathematics.md 11.5", "[sample_complexity]") {
  const std::vector<double> expected{16, 40, 64, 88, 112};
  for (int i = 0; i < 5; ++i) {
    const auto counts = canonical_sample_complexity(4, 2 + 2 * i, 1);
    CHECK(counts.heavy_prefix == expected[static_cast<std::size_t>(i)]);
    CHECK(counts.printed_bound == 16);
    CHECK(counts.sentence_exhaustive == std::pow(4, 2 + 2 * i));
  }
  CHECK(canonical_sample_complexity(1, 5, 0).heavy_prefix == 1);
  CHECK(canonical_sample_complexity(1, 5, 0).token_variance == 0);
}

TEST_CASE("heavy_prefix_query_count refuses what does not fit", "[sample_complexity]") {
  CHECK(heavy_prefix_query_count(4, std::vector<std::int64_t>{1, 4, 4}) == 16);
  CHECK_THROWS_AS(heavy_prefix_query_count(4, std::vector<std::int64_t>{1, INT64_MAX / 4, 4}), std::domain_error);
  CHECK_THROWS_AS(heavy_prefix_query_count(4, std::vector<std::int64_t>{1, -1, 4}), std::domain_error);
}

TEST_CASE("Bounds reject parameters out of their domain", "[sample_complexity]") {
  CHECK_THROWS_AS(printed_token_query_bound(0, 3, 1), std::domain_error);
  CHECK_THROWS_AS(printed_token_query_bound(2, 0, 1), std::domain_error);
  CHECK_THROWS_AS(corrected_token_query_bound(2, 3, -0.1), std::domain_error);
  CHECK_THROWS_AS(token_query_lower_bound(2, 3, std::nan("")), std::domain_error);
  CHECK_THROWS_AS(canonical_sample_complexity(2, 3, 4), std::domain_error);
  CHECK_THROWS_AS(noisy_token_repetitions(3, 1, 0, 10, 0.1), std::domain_error);
  CHECK_THROWS_AS(duels_per_comparison(1, 1, 1), std::domain_error);
}

TEST_CASE("Repetitions follow the formulas of mathematics.md 11.6", "[sample_complexity]") {
  CHECK(static_cast<double>(noisy_token_repetitions(4, 0.5, 1.0, 10, 0.1)) ==
        std::ceil(2 * 4 * 0.25 * std::log(2 * 10 * 4 / 0.1)));
  CHECK(static_cast<double>(noisy_sentence_repetitions(3, 4, 0.5, 1.0, 0.1)) ==
        std::ceil(8 * 0.25 * std::log(2 * 81 / 0.1)));
  const double lead = 1 / (1 + std::exp(-1.0)) - 0.5;
  CHECK(static_cast<double>(duels_per_comparison(std::log(81), 1.0, 0.1)) ==
        std::ceil(std::log(81 / 0.1) / (2 * lead * lead)));
  CHECK(noisy_token_repetitions(4, 0.0, 1.0, 10, 0.1) == 1);
}
