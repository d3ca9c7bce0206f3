#include <rto/planning/soft_bellman.hpp>
#include <rto/planning/soft_bellman_row.hpp>

#include "support/catch.hpp"
#include "support/planning_problem.hpp"
#include "support/tolerance.hpp"

using namespace rto::test;

namespace {
constexpr double infinite_beta = std::numeric_limits<double>::infinity();

// V and pi* in extended precision from the definition; beta in (0, inf).
struct reference_backup {
  std::vector<long double> log_policy;
  long double value;
};
reference_backup from_definition(const table& log_reference, const table& q, Eigen::Index row, double beta) {
  long double largest = minus_infinity, mean = 0, total = 0;
  for (Eigen::Index a = 0; a < q.cols(); ++a)
    if (log_reference(row, a) != minus_infinity) {
      largest = std::max<long double>(largest, q(row, a));
      mean += std::exp(static_cast<long double>(log_reference(row, a))) * q(row, a);
    }
  const bool flat = largest - mean < 0.01L * beta;  // then expm1 is exact where exp cancels
  const long double centre = flat ? mean : largest;
  for (Eigen::Index a = 0; a < q.cols(); ++a)
    if (log_reference(row, a) != minus_infinity) {
      const long double p = std::exp(static_cast<long double>(log_reference(row, a)));
      const long double u = (q(row, a) - centre) / beta;
      total += p * (flat ? std::expm1(u) : std::exp(u));
    }
  const long double growth = flat ? std::log1p(total) : std::log(total);
  reference_backup exact{{}, centre + beta * growth};
  for (Eigen::Index a = 0; a < q.cols(); ++a)
    exact.log_policy.push_back(log_reference(row, a) + ((q(row, a) - centre) / beta - growth));
  return exact;
}
}  // namespace

TEST_CASE("the soft value and policy equal their definition for beta from 1e-6 to 1e10") {
  boost::random::mt19937_64 rng(3);
  for (const double scale : {1e-3, 1.0, 100.0})
    for (double beta = 1e-6; beta < 2e10; beta *= 10) {
      CAPTURE(scale, beta);
      const table reference = random_policy(20, 5, rng, 0.3), q = random_table(20, 5, rng, scale);
      const auto backup = rto::soft_bellman(reference, q, beta);
      const double largest = q.abs().maxCoeff();
      for (Eigen::Index i = 0; i < 20; ++i) {
        const auto exact = from_definition(reference, q, i, beta);
        CHECK(std::abs(backup.value(i, 0) - static_cast<double>(exact.value)) <= tolerance<double>::identity * largest);
        for (Eigen::Index a = 0; a < 5; ++a)
          CHECK(close(backup.log_policy(i, a), static_cast<double>(exact.log_policy[static_cast<std::size_t>(a)]),
                      tolerance<double>::identity));
      }
    }
}

TEST_CASE("the row form equals the array form for every beta, forbidden tokens and ties included") {
  boost::random::mt19937_64 rng(4);
  for (const double beta : {0.0, 1e-300, 1e-6, 0.1, 2.0, 1e4, 1e10, 1e300, infinite_beta}) {
    CAPTURE(beta);
    const table reference = random_policy(30, 4, rng, 0.4);
    table q = random_table(30, 4, rng);
    q.topRows(10) = q.topRows(10).round();  // ties
    const auto backup = rto::soft_bellman(reference, q, beta);
    for (Eigen::Index i = 0; i < 30; ++i) {
      std::vector<double> log_policy(4);
      const std::vector<double> ref(reference.row(i).begin(), reference.row(i).end()),
          row(q.row(i).begin(), q.row(i).end());
      const double value = rto::soft_bellman_row(ref, row, beta, log_policy);
      CHECK(close(value, backup.value(i, 0), tolerance<double>::identity));
      for (std::size_t a = 0; a < 4; ++a)
        CHECK(close(log_policy[a], backup.log_policy(i, static_cast<Eigen::Index>(a)), tolerance<double>::identity));
    }
  }
}

TEST_CASE("beta = 0 takes the maximum over allowed tokens and splits ties as the reference does") {
  table q(1, 4), reference(1, 4);
  q << 5, 2, 2, 1;
  reference << minus_infinity, std::log(0.2), std::log(0.6), std::log(0.2);
  const auto backup = rto::soft_bellman(reference, q, 0);
  CHECK(backup.value(0, 0) == 2);
  CHECK(backup.log_policy(0, 0) == minus_infinity);
  CHECK(std::exp(backup.log_policy(0, 1)) == Approx(0.25));
  CHECK(std::exp(backup.log_policy(0, 2)) == Approx(0.75));
  CHECK(backup.log_policy(0, 3) == minus_infinity);
}

TEST_CASE("beta = infinity is the reference, and a large beta tends to it") {
  boost::random::mt19937_64 rng(5);
  const table reference = random_policy(6, 3, rng), q = random_table(6, 3, rng);
  const auto limit = rto::soft_bellman(reference, q, infinite_beta);
  CHECK(distance(limit.log_policy, reference) == 0);
  const table mean = (reference.exp() * q).rowwise().sum();
  CHECK(distance(limit.value, mean) <= tolerance<double>::identity);
  const auto large = rto::soft_bellman(reference, q, 1e300);
  CHECK(distance(large.value, limit.value) <= tolerance<double>::identity);
}

TEST_CASE("q of a forbidden token is not read, and a tiny reference probability is not zero") {
  table q(2, 2), reference(2, 2);
  q << std::numeric_limits<double>::quiet_NaN(), 1, 1000, 0;
  reference << minus_infinity, 0, -800, 0;  // e^-800 underflows
  for (const double beta : {0.0, 1e-3, 1.0, 1e9, infinite_beta}) {
    CAPTURE(beta);
    const auto backup = rto::soft_bellman(reference, q, beta);
    CHECK(backup.value(0, 0) == Approx(1));
    CHECK(backup.log_policy(0, 0) == minus_infinity);
    CHECK(backup.log_policy(0, 1) == 0);
  }
  CHECK(rto::soft_bellman(reference, q, 1).value(1, 0) == Approx(200));  // -800 + 1000
}

TEMPLATE_TEST_CASE("single precision and column-major arrays give the same to their precision", "",
                   rto::eigen_array<float>, Eigen::ArrayXXd, Eigen::ArrayXXf) {
  boost::random::mt19937_64 rng(6);
  using S = typename TestType::Scalar;
  const table reference = random_policy(8, 3, rng, 0.3), q = random_table(8, 3, rng);
  for (const double beta : {0.0, 0.1, 3.0, 1e6, infinite_beta}) {
    CAPTURE(beta);
    const auto want = rto::soft_bellman(reference, q, beta);
    const TestType cast_reference = reference.cast<S>(), cast_q = q.cast<S>();
    const auto got = rto::soft_bellman(cast_reference, cast_q, beta);
    CHECK(distance(got.value, want.value) <= tolerance<TestType>::cross_backend);
    CHECK(distance(got.log_policy, want.log_policy) <= tolerance<TestType>::cross_backend);
  }
}

TEST_CASE("Lemma C.1: E_p[-U] + eta KL(p || p0) exceeds its minimum by eta KL(p || p_Gibbs) exactly") {
  boost::random::mt19937_64 rng(9);
  for (const double eta : {1e-3, 0.5, 20.0}) {
    const table p0 = random_policy(50, 6, rng), p = random_policy(50, 6, rng), u = random_table(50, 6, rng);
    const auto gibbs = rto::soft_bellman(p0, u, eta);
    const table objective = -(p.exp() * u).rowwise().sum() + eta * rto::kl_divergence(p, p0);
    const table right = -gibbs.value + eta * rto::kl_divergence(p, gibbs.log_policy);
    CHECK(distance(objective, right) <= tolerance<double>::identity);
  }
}

TEST_CASE("soft_bellman rejects a negative or NaN beta and arrays of different shapes") {
  const table x = table::Zero(1, 2), y = table::Zero(2, 2);
  CHECK_THROWS_AS(rto::soft_bellman(x, x, -1), std::domain_error);
  CHECK_THROWS_AS(rto::soft_bellman(x, x, std::nan("")), std::domain_error);
  CHECK_THROWS_AS(rto::soft_bellman(x, y, 1), std::invalid_argument);
}
