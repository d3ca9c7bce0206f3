#include <rto/mdp/policy.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

TEST_CASE("log_softmax normalises every row, keeps forbidden tokens and survives large logits") {
  table logits(4, 3);
  logits << 1, 2, 3, minus_infinity, 5, 5, 700, -700, 0, 1e300, 1e300, -1e300;
  const table log_policy = rto::log_softmax(logits);
  for (int i = 0; i < 4; ++i) CHECK(log_policy.row(i).exp().sum() == Approx(1));
  CHECK(log_policy(0, 2) - log_policy(0, 0) == Approx(2));
  CHECK(log_policy(1, 0) == minus_infinity);
  CHECK(log_policy(1, 1) == Approx(-std::log(2.0)));
  CHECK(log_policy(2, 1) == Approx(-1400));
}

TEST_CASE("log_softmax gives its exponential along, exactly zero where a token is forbidden, into given arrays too") {
  table logits(5, 3);
  logits << 1, 2, 3, minus_infinity, 5, 5, 700, -700, 0, 1e300, 1e300, -1e300, 0.1, -0.2, 0.3;
  const table want = rto::log_softmax(logits);
  table log_policy, policy;
  rto::log_softmax(logits, log_policy, policy);
  CHECK((log_policy == want).all());
  CHECK(distance(policy, rto::probabilities(want)) <= tolerance<table>::identity);
  CHECK(policy(1, 0) == 0);
  // Rows of a larger array, the logits' own memory among them.
  table larger = table::Constant(7, 3, 42), in_place = table::Constant(7, 3, 42);
  in_place.topRows(5) = logits;
  rto::log_softmax(in_place.topRows(5), larger.topRows(5), in_place.topRows(5));
  CHECK((larger.topRows(5) == want).all());
  CHECK(distance(table(in_place.topRows(5)), policy) <= tolerance<table>::identity);
  CHECK((larger.bottomRows(2) == 42).all());
  CHECK((in_place.bottomRows(2) == 42).all());
  in_place.topRows(5) = logits;
  rto::log_softmax(in_place, in_place, larger);
  CHECK((in_place.topRows(5) == want).all());
  // A row that forbids every token is none, but no NaN either.
  rto::log_softmax(table(table::Constant(1, 2, minus_infinity)), log_policy, policy);
  CHECK((log_policy == minus_infinity).all());
  CHECK((policy == 0).all());
}

TEST_CASE("probabilities of forbidden tokens are exactly zero") {
  const table log_policy =
      rto::policy_from_logits(table((table(1, 4) << 0, minus_infinity, minus_infinity, 0).finished()));
  CHECK(rto::probabilities(log_policy)(0, 1) == 0.0);
  CHECK(rto::probabilities(log_policy)(0, 0) == Approx(0.5));
}

TEST_CASE("a row that forbids everything, NaN, +inf, and a row that does not sum to one are no policy") {
  const auto row = [](double a, double b) { return table((table(1, 2) << a, b).finished()); };
  CHECK_THROWS_AS(rto::policy_from_logits(row(minus_infinity, minus_infinity)), std::domain_error);
  CHECK_THROWS_AS(rto::policy_from_logits(row(std::nan(""), 0)), std::domain_error);
  CHECK_THROWS_AS(rto::policy_from_logits(row(-minus_infinity, 0)), std::domain_error);
  CHECK_THROWS_AS(rto::validate_policy(row(std::log(0.5), std::log(0.5 + 1e-8))), std::domain_error);
  CHECK_NOTHROW(rto::validate_policy(row(std::log(0.5), std::log(0.5 + 1e-10))));
  const Eigen::ArrayXXf single = row(std::log(0.3), std::log(0.7)).cast<float>();
  CHECK_NOTHROW(rto::validate_policy(single));
  CHECK_THROWS_AS(rto::validate_policy(Eigen::ArrayXXf(single + 1e-3f)), std::domain_error);
  CHECK_NOTHROW(rto::validate_policy(table(0, 2)));
}

TEST_CASE("the divergence equals sum p log(p/q), is zero for equal rows and infinite outside the support") {
  boost::random::mt19937_64 rng(31);
  const table p = random_policy(50, 4, rng), q = random_policy(50, 4, rng);
  const table plain = (p.exp() * (p - q)).rowwise().sum();
  CHECK(distance(rto::kl_divergence(p, q), plain) <= tolerance<table>::identity);
  CHECK((rto::kl_divergence(p, p) == 0).all());
  table narrow(3, 2), wide(3, 2);
  narrow << 0, minus_infinity, minus_infinity, 0, 0, minus_infinity;
  wide << std::log(0.25), std::log(0.75), minus_infinity, 0, minus_infinity, 0;
  const table kl = rto::kl_divergence(narrow, wide);
  CHECK(kl(0, 0) == Approx(std::log(4.0)));
  CHECK(kl(1, 0) == 0);
  CHECK(kl(2, 0) == -minus_infinity);
  CHECK(rto::kl_divergence(wide, narrow)(0, 0) == -minus_infinity);
  CHECK(rto::kl_terms(std::log(0.5), std::log(0.25)) == Approx(0.5 * std::log(2.0) - 0.25));
}

TEST_CASE("the divergence of nearby policies keeps its digits") {
  for (const double t : {1e-4, 1e-8, 1e-12}) {
    const table q = table::Constant(1, 2, std::log(0.5));
    const table p = rto::log_softmax(table((table(1, 2) << t, -t).finished()));
    CHECK(rto::kl_divergence(p, q)(0, 0) == Approx(t * t / 2).epsilon(1e-3));
  }
}
