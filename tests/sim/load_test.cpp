#include "sim/engine/load.hpp"

#include <cmath>
#include <set>

#include "support/catch.hpp"

namespace {
using namespace rto::sim;
}

TEST_CASE("the time that is left counts every cell at its own replicates' mean") {
  claim_load claim{"c", {{10, 2, 3, 10.0, 3.0}, {4, 0, 1, 6.0}}};
  CHECK(seconds_left(claim) == 5 * 2.0 + 3 * 6.0);
  CHECK(measured({claim}));
  claim.cells.push_back({7, 0, 0, 0});  // not tried: as its neighbour
  CHECK(seconds_left(claim) == 28 + 7 * 6.0);
  CHECK_FALSE(measured({claim}));
  CHECK(tried({claim, {"skipped", {}}}));
  CHECK_FALSE(tried({claim, {"new", {{3, 0, 0, 0}}}}));
  claim.cells.insert(claim.cells.begin(), {2, 0, 0, 0});
  CHECK(seconds_left(claim) == 28 + 7 * 6.0 + 2 * 2.0);
  CHECK(claim.total() == 23);
  CHECK(claim.kept() == 2);
  CHECK(claim.done() == 4);
  CHECK(claim.seconds() == 16);
  CHECK(claim.seconds_kept() == 3);
}

TEST_CASE("a claim without a finished replicate counts as the mean replicate of the others, and alone is unknown") {
  const claim_load known{"known", {{10, 0, 5, 10.0}}}, unknown{"unknown", {{3, 0, 0, 0}, {4, 0, 0, 0}}},
      skipped{"s", {}};
  CHECK(seconds_left({known, unknown, skipped}) == 10 + 7 * 2.0);
  CHECK(std::isnan(seconds_left(std::vector<claim_load>{unknown})));
  CHECK(seconds_left(skipped) == 0);
  CHECK(seconds_left(std::vector<claim_load>{skipped}) == 0);
  CHECK(measured({skipped}));
}

TEST_CASE("pilots come first, claims in turn, and every task comes once") {
  std::vector<task> tasks;
  for (std::size_t claim : {0u, 1u}) {
    for (std::size_t cell = 0; cell < (claim == 0 ? 5u : 2u); ++cell) {
      for (std::int64_t replicate = 3; replicate < 6; ++replicate) tasks.push_back({claim, cell, replicate});
    }
  }
  const std::vector<task> ordered = pilots_first(tasks);
  REQUIRE(ordered.size() == tasks.size());
  std::vector<std::pair<std::size_t, std::size_t>> pilots;
  std::set<std::tuple<std::size_t, std::size_t, std::int64_t>> all;
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    if (i < 7) {
      pilots.emplace_back(ordered[i].claim, ordered[i].cell);
      CHECK(ordered[i].replicate == 3);
    }
    all.emplace(ordered[i].claim, ordered[i].cell, ordered[i].replicate);
  }
  CHECK(pilots ==
        std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {1, 0}, {0, 4}, {1, 1}, {0, 2}, {0, 1}, {0, 3}});
  CHECK(all.size() == tasks.size());
  CHECK(pilots_first({}).empty());
}

TEST_CASE("durations read as a person would say them") {
  CHECK(duration(0.2) == "< 1 s");
  CHECK(duration(3.14) == "3.1 s");
  CHECK(duration(75) == "75 s");
  CHECK(duration(600) == "10 min");
  CHECK(duration(9000) == "2.5 h");
}
