#include <rto/algorithm/reward_class_pessimism.hpp>

#include <cmath>
#include <span>
#include <vector>

#include <rto/planning/policy_evaluation.hpp>
#include <rto/reward/likelihood_confidence_set.hpp>

#include "algorithm/random_instance.hpp"
#include "support/array_types.hpp"
#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using rto::test::array_2d;
using rto::test::matrix;
using rto::test::random_instance;
using rto::test::tolerance;

namespace {

constexpr double duality = 1e-8;
using list = std::span<const array_2d>;

// A tree with the truth and `count` - 1 other rewards; the truth is the first.
struct reward_class {
  random_instance in;
  std::vector<array_2d> rewards;

  reward_class(const rto::trie_shape& shape, int count, double beta, unsigned seed)
      : in(shape, 3, 0, beta, seed), rewards{in.reward} {
    boost::random::mt19937 rng(seed + 1000);
    for (int k = 1; k < count; ++k)
      rewards.push_back(in.reward + 0.7 * rto::test::normal_array(in.tree.states(), in.tree.actions(), rng));
  }
  double relative_value(const array_2d& log_policy, const array_2d& reward) const {
    return in.value_of(log_policy, reward) - in.value_of(in.log_reference, reward);
  }
  double pessimistic_value(const array_2d& log_policy) const {
    double least = 1e9;
    for (const array_2d& r : rewards) least = std::min(least, relative_value(log_policy, r));
    return least;
  }
  // r + Psi(s') - Psi(s), Psi = 0 after the end.
  array_2d shaped(const array_2d& reward, const array_2d& potential) const {
    array_2d r = reward;
    for (Eigen::Index s = 0; s < r.rows(); ++s)
      for (Eigen::Index a = 0; a < r.cols(); ++a) {
        const auto next = in.tree.child(s, a);
        r(s, a) += (next == rto::token_trie::ended ? 0.0 : potential(next, 0)) - potential(s, 0);
      }
    return r;
  }
};

}  // namespace

TEST_CASE("Centred rewards have mean zero under the reference, the relative values, and no trace of shaping") {
  const reward_class c({.actions = 3, .horizon = 3, .eos = 0, .rho = {0.3, 0.7}}, 3, 0.5, 1);
  boost::random::mt19937 rng(2);
  const array_2d potential = rto::test::normal_array(c.in.tree.states(), 1, rng);
  std::vector<array_2d> shaped;
  for (const array_2d& r : c.rewards) shaped.push_back(c.shaped(r, potential));
  const auto centred = rto::reference_advantages(c.in.tree, c.in.log_reference, list(c.rewards));
  const auto same = rto::reference_advantages(c.in.tree, c.in.log_reference, list(shaped));
  const array_2d other = rto::log_softmax(rto::test::normal_array(c.in.tree.states(), 3, rng));
  for (std::size_t k = 0; k < centred.size(); ++k) {
    CHECK((c.in.log_reference.exp() * centred[k]).rowwise().sum().abs().maxCoeff() <= tolerance<double>::identity);
    CHECK((centred[k] - same[k]).abs().maxCoeff() <= tolerance<double>::identity);
    CHECK(c.in.value_of(other, centred[k]) == Approx(c.relative_value(other, c.rewards[k])).epsilon(1e-12));
  }
  // The pointwise minimum of the rewards as they come depends on the shaping; of the centred ones it does not.
  shaped.front() = c.rewards.front();
  CHECK((rto::pointwise_pessimistic_reward(c.in.tree, c.in.log_reference, list(shaped)) -
         rto::pointwise_pessimistic_reward(c.in.tree, c.in.log_reference, list(c.rewards)))
            .abs()
            .maxCoeff() <= tolerance<double>::identity);
}

TEST_CASE("Reward class pessimism: the gap closes, no perturbed policy does better, and both bounds hold") {
  unsigned seed = 10;
  for (const std::int64_t eos : {-1, 0})
    for (const double beta : {0.05, 0.5, 5.0})
      for (const int count : {1, 2, 7}) {
        const reward_class c({.actions = 3, .horizon = 3, .eos = eos, .rho = {0.5, 0.5}}, count, beta, ++seed);
        const auto saddle = rto::reward_class_pessimism(c.in.tree, c.in.log_reference, list(c.rewards), {.beta = beta});
        CHECK(saddle.converged);
        CHECK(saddle.duality_gap() >= -duality);
        CHECK(saddle.duality_gap() <= duality);
        const array_2d& output = saddle.plan.log_policy;
        CHECK(saddle.pessimistic_value == Approx(c.pessimistic_value(output)).margin(duality));
        double total = 0;
        for (const double w : saddle.weight) {
          CHECK(w >= 0);
          total += w;
        }
        CHECK(total == Approx(1));
        boost::random::mt19937 rng(seed);
        for (int k = 0; k < 20; ++k) {
          const array_2d noise = rto::test::normal_array(c.in.tree.states(), 3, rng);
          const array_2d other = rto::log_softmax(array_2d(output + std::pow(0.3, k % 6) * noise));
          CHECK(c.pessimistic_value(other) <= saddle.pessimistic_value + duality);
        }

        const auto optimum = rto::plan(c.in.tree, c.in.log_reference, c.in.reward, {.beta = beta});
        const auto visits = rto::occupancy(c.in.tree, optimum.log_policy);
        const auto bound =
            rto::bound_reward_class(c.in.tree, c.in.log_reference, visits.state_action_visits, list(c.rewards), 0);
        const auto sharp = [&](const array_2d& log_policy, double largest) {
          const double kl = (visits.visits * rto::kl_divergence(optimum.log_policy, log_policy)).sum();
          CHECK(optimum.objective - c.in.value_of(log_policy) <= largest - beta * kl + duality);
        };
        sharp(output, bound.value);
        const array_2d least = rto::pointwise_pessimistic_reward(c.in.tree, c.in.log_reference, list(c.rewards));
        const array_2d pointwise = rto::plan(c.in.tree, c.in.log_reference, least, {.beta = beta}).log_policy;
        sharp(pointwise, bound.pointwise);
        CHECK(bound.value <= bound.pointwise + tolerance<double>::identity);
        CHECK(c.in.value_of(output, least) <= c.relative_value(output, c.in.reward) + tolerance<double>::identity);
      }
}

TEST_CASE("With two rewards the worst mixture is the minimum of a function of one weight") {
  const reward_class c({.actions = 2, .horizon = 3}, 2, 0.3, 40);
  const auto saddle = rto::reward_class_pessimism(c.in.tree, c.in.log_reference, list(c.rewards), {.beta = 0.3});
  double least = 1e9;
  for (int k = 0; k <= 1000; ++k) {
    const double w = k / 1000.0;
    const array_2d mixture = (1 - w) * c.rewards[0] + w * c.rewards[1];
    const auto best = rto::plan(c.in.tree, c.in.log_reference, mixture, {.beta = 0.3});
    least = std::min(least, best.objective - c.in.value_of(c.in.log_reference, mixture));
  }
  CHECK(saddle.objective <= least + duality);
  CHECK(saddle.objective == Approx(least).epsilon(1e-4));
}

TEST_CASE("One reward, or copies of it, give its optimal policy") {
  const reward_class c({.actions = 3, .horizon = 2}, 1, 0.5, 50);
  const auto optimum = rto::plan(c.in.tree, c.in.log_reference, c.in.reward, {.beta = 0.5});
  const std::vector<array_2d> copies(3, c.in.reward);
  for (const list rewards : {list(c.rewards), list(copies)}) {
    const auto saddle = rto::reward_class_pessimism(c.in.tree, c.in.log_reference, rewards, {.beta = 0.5});
    CHECK(saddle.converged);
    CHECK((saddle.plan.log_policy - optimum.log_policy).abs().maxCoeff() <= tolerance<double>::identity);
  }
}

TEST_CASE("A set with the opposite of every reward leaves the reference policy") {
  const reward_class c({.actions = 3, .horizon = 2}, 1, 0.5, 60);
  const std::vector<array_2d> both{c.in.reward, -c.in.reward};
  const auto saddle = rto::reward_class_pessimism(c.in.tree, c.in.log_reference, list(both), {.beta = 0.5});
  CHECK(saddle.converged);
  CHECK(std::abs(saddle.objective) <= duality);
  CHECK((saddle.plan.log_policy - c.in.log_reference).abs().maxCoeff() <= 1e-4);  // square root of the gap
}

TEST_CASE("Reward class pessimism rejects empty classes, bad rewards and a beta without derivatives") {
  const reward_class c({.actions = 2, .horizon = 2}, 2, 0.5, 70);
  const auto run = [&](list rewards, const rto::reward_class_pessimism_options& options) {
    return rto::reward_class_pessimism(c.in.tree, c.in.log_reference, rewards, options);
  };
  CHECK_THROWS_AS(run({}, {}), std::invalid_argument);
  CHECK_THROWS_AS(run(list(c.rewards), {.beta = 0}), std::domain_error);
  CHECK_THROWS_AS(run(list(c.rewards), {.beta = rto::test::infinity}), std::domain_error);
  CHECK_THROWS_AS(run(list(c.rewards), {.tolerance = 0}), std::domain_error);
  const std::vector<array_2d> wrong{array_2d::Zero(1, 2)};
  CHECK_THROWS_AS(run(list(wrong), {}), std::invalid_argument);
  const std::vector<array_2d> bad{array_2d(c.in.reward + rto::test::infinity)};
  CHECK_THROWS_AS(run(list(bad), {}), std::domain_error);
  CHECK_THROWS_AS(rto::bound_reward_class(c.in.tree, c.in.log_reference, c.in.reward, list(c.rewards), 2),
                  std::invalid_argument);
}
