#include "llm/training/schedule.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "support/catch.hpp"

using namespace rto::llm;

namespace {

std::vector<double> rates(schedule_options options) {
  std::vector<double> all;
  for (std::int64_t done = 0; done <= options.steps; ++done) all.push_back(learning_rate(options, done));
  return all;
}

bool near(const std::vector<double>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return false;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (std::abs(got[i] - want[i]) > 1e-15) return false;
  return true;
}

}  // namespace

TEST_CASE("the learning rate rises from 0 over the warm-up and then follows its schedule") {
  schedule_options o{.learning_rate = 1, .steps = 8, .warmup_steps = 4};
  CHECK(near(rates(o), {0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0}));
  o.kind = schedule_kind::constant;
  CHECK(near(rates(o), {0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1}));
  const double r = std::sqrt(0.5);
  o.kind = schedule_kind::cosine;
  CHECK(near(rates(o), {0, 0.25, 0.5, 0.75, 1, (1 + r) / 2, 0.5, (1 - r) / 2, 0}));
  o.kind = schedule_kind::cosine_with_min_lr;
  o.lowest_share = 0.2;
  CHECK(near(rates(o), {0, 0.25, 0.5, 0.75, 1, 0.2 + 0.4 * (1 + r), 0.6, 0.2 + 0.4 * (1 - r), 0.2}));
}

TEST_CASE("without a warm-up the first step has the highest rate, and a schedule past its end stays there") {
  const schedule_options o{.learning_rate = 3e-4, .steps = 10};
  CHECK(learning_rate(o, 0) == 3e-4);
  CHECK(learning_rate(o, 10) == 0);
  CHECK(learning_rate(o, 11) == 0);
}

TEST_CASE("a schedule refuses rates and shares that are none") {
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL})
    CHECK_THROWS_AS(learning_rate({.learning_rate = bad, .steps = 1}, 0), std::domain_error);
  CHECK_THROWS_AS(learning_rate({.learning_rate = 1, .steps = 1, .lowest_share = 1.5}, 0), std::domain_error);
  CHECK_THROWS_AS(learning_rate({.learning_rate = 1, .steps = 1, .warmup_steps = -1}, 0), std::domain_error);
}
